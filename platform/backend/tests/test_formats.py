"""`/feed.atom` and `/feed.json`, as the programs see them that they are for."""

import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as xml

import feedparser  # type: ignore[import-untyped]  # ships no types
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from tests.support import dwellers
from tests.support.agents import register
from tests.support.rows import add_rows, row

NOBODY = "00000000-0000-0000-0000-000000000001"
DELETED = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"

# After https://www.jsonfeed.org/version/1.1/
AUTHOR = {
    "type": "object",
    "anyOf": [{"required": [key]} for key in ("name", "url", "avatar")],
    "properties": {"name": {"type": "string"}},
}
JSON_FEED = Draft202012Validator(
    {
        "type": "object",
        "required": ["version", "title", "items"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": "https://jsonfeed.org/version/1.1"},
            "title": {"type": "string"},
            "home_page_url": {"type": "string", "format": "uri"},
            "feed_url": {"type": "string", "format": "uri"},
            "next_url": {"type": "string", "format": "uri"},
            "description": {"type": "string"},
            "language": {"type": "string"},
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
                    "additionalProperties": False,
                    "properties": {
                        "id": {"type": "string"},
                        "url": {"type": "string", "format": "uri"},
                        "title": {"type": "string"},
                        "content_html": {"type": "string"},
                        "image": {"type": "string", "format": "uri"},
                        "date_published": {"type": "string", "format": "date-time"},
                        "date_modified": {"type": "string", "format": "date-time"},
                        "authors": {"type": "array", "items": AUTHOR},
                        "tags": {"type": "array", "items": {"type": "string"}},
                    },
                },
            },
        },
    },
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": "https://worlds.example/"})


@pytest.fixture
async def world(client: AsyncClient) -> str:
    """A world in which something happened, whose dweller is called `A & <b>`."""
    alice, bob = await register(client, "Alice", "Bob")
    world = await dwellers.found_world(alice)
    dweller = await dwellers.settle(bob, world)
    await dwellers.act(bob, dweller, content='1 < 2 & "3" ]]> \u2028 🜂')
    await dwellers.act(bob, dweller)
    return world


async def atom(client: AsyncClient, path: str = "/feed.atom", **params: Any) -> Any:
    """The feed as a feed reader understands it."""
    response = await client.get(path, params=params or None)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/atom+xml"
    assert not [one for one in xml.fromstring(response.content).iter() if one.tag == "html"]
    feed = feedparser.parse(response.content)
    assert feed.version == "atom10"
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


async def json_feed(client: AsyncClient, path: str = "/feed.json", **params: Any) -> Any:
    response = await client.get(path, params=params or None)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/feed+json"
    feed = response.json()
    assert [error.message for error in JSON_FEED.iter_errors(feed)] == []
    return feed


async def test_a_feed_reader_reads_the_feed(client: AsyncClient, world: str) -> None:
    feed = await atom(client)
    items = (await client.get("/api/feed")).json()["items"]
    assert [entry.tags[0].term for entry in feed.entries] == [item["type"] for item in items]
    assert len({entry.id for entry in feed.entries}) == len(items)
    for entry, item in zip(feed.entries, items, strict=True):
        assert entry.link == f"https://worlds.example/item/{item['type']}/{item['id']}"
        assert entry.title
        assert entry.author
        assert entry.content[0].type == "text/html"
    group = next(entry for entry in feed.entries if entry.tags[0].term == "activity_group")
    assert "1 &lt; 2 &amp;" in group.content[0].value
    assert f'href="https://worlds.example/world/{world}"' in group.content[0].value


async def test_the_json_feed_says_the_same(client: AsyncClient, world: str) -> None:
    feed = await json_feed(client)
    entries = (await atom(client)).entries
    assert [item["id"] for item in feed["items"]] == [entry.id for entry in entries]
    assert [item["url"] for item in feed["items"]] == [entry.link for entry in entries]
    assert [item["title"] for item in feed["items"]] == [entry.title for entry in entries]


async def test_a_part_of_the_feed_is_a_feed(client: AsyncClient, world: str) -> None:
    whole = await json_feed(client)
    part = await json_feed(client, world_id=world)
    assert 0 < len(part["items"]) < len(whole["items"])
    assert part["feed_url"] == f"https://worlds.example/feed.json?world_id={world}"
    assert part["home_page_url"] == f"https://worlds.example/?world_id={world}"
    feed = await atom(client, world_id=world)
    assert len(feed.entries) == len(part["items"])
    assert feed.feed.id != (await atom(client)).feed.id


async def test_pages_of_records_name_their_feeds(client: AsyncClient, world: str) -> None:
    text = (await client.get(f"/world/{world}")).text
    found = re.findall(r'rel="alternate" type="([^"]+)" title="[^"]+" href="([^"]+)"', text)
    assert dict(found) == {
        "application/atom+xml": f"/feed.atom?world_id={world}",
        "application/feed+json": f"/feed.json?world_id={world}",
    }


async def test_next_url_leads_through_everything(client: AsyncClient, db: AsyncSession) -> None:
    agent = {"id": NOBODY, "username": "@x", "name": "X"}
    payload = {"sort_date": "2026-01-02T12:00:00+00:00", "agent": agent}
    await add_rows(db, *(row(n, seconds=n // 3, payload=payload) for n in range(1, 48)))
    seen: list[str] = []
    url: str | None = "/feed.json?limit=20"
    while url:
        feed = await json_feed(client, url.removeprefix("https://worlds.example"))
        seen += [item["id"] for item in feed["items"]]
        url = feed.get("next_url")
    assert len(seen) == len(set(seen)) == 47


async def test_what_left_the_feed_is_a_deleted_entry(
    client: AsyncClient, db: AsyncSession, world: str
) -> None:
    [entry] = (await atom(client, type="dweller_created")).entries
    for numbered in (False, True):
        await db.execute(
            text("DELETE FROM platform_feed_events WHERE event_type = :type"),
            {"type": "dweller_created"},
        )
        await db.commit()
        if numbered:
            await db.execute(text("SELECT platform_feed_stamp(1000)"))
            await db.commit()
        for params in ({}, {"world_id": world}, {"type": "dweller_created"}):
            response = await client.get("/feed.atom", params=params)
            removed = xml.fromstring(response.content).iter(DELETED)
            [gone] = [one for one in removed if one.attrib["ref"] == entry.id]
            age = datetime.now(UTC) - datetime.fromisoformat(gone.attrib["when"])
            assert 0 <= age.total_seconds() < 60
    other = await client.get("/feed.atom", params={"agent_id": NOBODY})
    assert not list(xml.fromstring(other.content).iter(DELETED))


async def test_what_came_back_is_not_deleted(client: AsyncClient, db: AsyncSession) -> None:
    payload = {
        "sort_date": "2026-01-02T12:00:00+00:00",
        "agent": {"id": NOBODY, "username": "@x", "name": "X"},
    }
    for _ in range(2):
        await add_rows(db, row(1, payload=payload))
        await db.execute(text("DELETE FROM platform_feed_events"))
        await db.commit()
    await add_rows(db, row(1, payload=payload))
    response = await client.get("/feed.atom")
    assert not list(xml.fromstring(response.content).iter(DELETED))
    assert len((await atom(client)).entries) == 1


async def test_another_name_of_the_server_is_another_document(
    client: AsyncClient, app: FastAPI
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"public_url": None})
    for path in ("/feed.atom", "/feed.json"):
        tag = (await client.get(path)).headers["etag"]
        for host, status in (("test", 304), ("evil.example", 200)):
            headers = {"If-None-Match": tag, "Host": host}
            response = await client.get(path, headers=headers)
            assert response.status_code == status
            assert response.headers["vary"] == "Host, Origin"
        assert (await client.head(path)).status_code == 200


async def test_a_page_of_another_length_leads_to_its_like(
    client: AsyncClient, db: AsyncSession
) -> None:
    agent = {"id": NOBODY, "username": "@x", "name": "X"}
    payload = {"sort_date": "2026-01-02T12:00:00+00:00", "agent": agent}
    await add_rows(db, *(row(n, seconds=n, payload=payload) for n in range(1, 8)))
    feed = await json_feed(client, limit=3)
    assert feed["feed_url"] == "https://worlds.example/feed.json?limit=3"
    assert "limit=3" in feed["next_url"]
    assert 'href="/?limit=3&amp;cursor=' in (await client.get("/?limit=3")).text


async def test_an_empty_feed_is_valid(client: AsyncClient) -> None:
    assert (await atom(client)).entries == []
    assert (await json_feed(client))["items"] == []


async def test_characters_that_xml_has_not_are_left_out(
    client: AsyncClient, db: AsyncSession
) -> None:
    agent = {"id": NOBODY, "username": "@x", "name": "a\x01b\x0b\ufffe\u2028c"}
    payload = {"sort_date": "2026-01-02T12:00:00+00:00", "agent": agent}
    await add_rows(db, row(1, payload=payload))
    [entry] = (await atom(client)).entries
    assert entry.author == "ab\u2028c"
    [item] = (await json_feed(client))["items"]
    assert item["authors"][0]["name"] == agent["name"]


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.json"])
async def test_bad_input_is_refused(client: AsyncClient, path: str) -> None:
    for params in ({"cursor": "nonsense"}, {"type": "nonsense"}, {"limit": "51"}):
        response = await client.get(path, params=params or None)
        assert response.status_code == 422
        assert response.json()["error"] == "Validation Error"
