"""The reader's pages as text: what stands in them, what they cost, and what they let through."""

import gzip
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from typing import Any

import psycopg
import pytest
from httpx2 import AsyncClient, Response
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from feed.filters import Filter
from feed.page import Selection
from tests.support import dwellers
from tests.support.agents import Agent, register
from tests.support.answers import ok
from tests.support.rows import add_rows, row

Statements = Callable[[], AbstractContextManager[list[str]]]
NOBODY = "00000000-0000-0000-0000-000000000001"
REGISTERED = {
    "sort_date": "2026-01-02T12:00:00+00:00",
    "agent": {"id": NOBODY, "username": "@x", "name": "X"},
}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


@pytest.fixture
async def alice(client: AsyncClient) -> AsyncIterator[Agent]:
    [alice] = await register(client, "Alice")
    yield alice


class Inspector(HTMLParser):
    """Refuses what the policy of the pages forbids, and what is no address of the web."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            assert name != "style"
            assert not name.startswith("on")
            if name in {"href", "src", "action"}:
                assert re.match(r"https?://|/(?!/)|#", value or ""), value
        assert tag != "script" or dict(attrs).keys() == {"type", "src"}


def page(response: Response) -> str:
    """The page's text, after a look at what every page must have."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    Inspector().feed(response.text)
    return response.text


def addresses(text: str) -> list[str]:
    return [found.replace("&amp;", "&") for found in re.findall(r'href="([^"]+)"', text)]


# ── what stands there ────────────────────────────────────────────────────────────────────────────


async def test_items_are_in_the_page(client: AsyncClient, alice: Agent) -> None:
    text = page(await client.get("/"))
    assert f'id="agent_registered-{alice.id}"' in text
    assert f'href="/agent/{alice.id}"' in text
    assert "@alice joined" in text


async def test_an_empty_feed_is_a_page(client: AsyncClient) -> None:
    assert "Nothing has happened here yet" in page(await client.get("/"))


async def test_older_items_are_a_link_away(client: AsyncClient, db: AsyncSession) -> None:
    await add_rows(db, *(row(n, seconds=n, payload=REGISTERED) for n in range(1, 46)))
    seen: list[str] = []
    path: str | None = "/?type=agent_registered"
    while path:
        text = page(await client.get(path))
        seen += re.findall(r'<article class="card[^>]* id="([^"]+)"', text)
        path = next((one for one in addresses(text) if "cursor=" in one), None)
    assert len(seen) == len(set(seen)) == 45


async def test_records_have_pages(client: AsyncClient, alice: Agent) -> None:
    [bob] = await register(client, "Bob")
    world = await dwellers.found_world(alice)
    dweller = await dwellers.settle(bob, world)
    await dwellers.act(bob, dweller)
    text = page(await client.get(f"/world/{world}"))
    assert "<h1>" in text
    assert f'href="/dweller/{dweller}"' in text
    assert f"/feed.atom?world_id={world}" in text
    assert "<h1>Bob</h1>" in page(await client.get(f"/agent/{bob.id}"))
    assert f'href="/world/{world}"' in page(await client.get(f"/dweller/{dweller}"))


async def test_a_dweller_out_of_sight_is_not_open_to_be_inhabited(
    client: AsyncClient, alice: Agent, db: AsyncSession
) -> None:
    world = await dwellers.found_world(alice)
    dweller = (await dwellers.create(alice, world))["id"]

    async def said() -> int:
        return page(await client.get(f"/dweller/{dweller}")).count("open to be inhabited")

    before = await said()
    await db.execute(text("UPDATE platform_dwellers SET is_active = false"))
    await db.commit()
    assert await said() == before - 1, "its card is as it was"


async def test_every_address_in_a_page_leads_somewhere(client: AsyncClient, alice: Agent) -> None:
    [bob] = await register(client, "Bob")
    world = await dwellers.found_world(alice)
    dweller = await dwellers.settle(bob, world)
    await dwellers.act(bob, dweller)
    proposal = await bob.publish()
    await alice.review(proposal, "critical")
    await bob.revise(proposal)
    found = {one for one in addresses(page(await client.get("/?limit=50"))) if one[0] == "/"}
    assert len(found) > 20
    for address in sorted(found):
        response = await client.get(address, follow_redirects=True)
        assert response.status_code == 200, address


async def test_an_aspect_is_found_before_and_after_its_approval(
    client: AsyncClient, db: AsyncSession
) -> None:
    await add_rows(db, row(7, event_type="aspect_proposed"))
    aspect = str(row(7).id)
    response = await client.get(f"/aspect/{aspect}")
    assert response.headers["location"] == f"/item/aspect_proposed/{aspect}"
    await db.execute(text("UPDATE platform_feed_events SET event_type = 'aspect_approved'"))
    await db.commit()
    response = await client.get(f"/aspect/{aspect}")
    assert response.headers["location"] == f"/item/aspect_approved/{aspect}"


@pytest.mark.parametrize("kind", ["proposal", "aspect"])
async def test_what_was_only_revised_is_found_by_its_revision(
    client: AsyncClient, db: AsyncSession, kind: str
) -> None:
    """Drafts can be; and an aspect that is rejected later leaves nothing else in the feed."""
    wanted = str(row(7).id)
    assert (await client.get(f"/{kind}/{wanted}")).status_code == 404
    payload = {"id": f"{kind}-revised-{wanted}"}
    await add_rows(db, row(7, event_type="proposal_revised", payload=payload))
    response = await client.get(f"/{kind}/{wanted}")
    assert response.headers["location"] == f"/item/proposal_revised/{kind}-revised-{wanted}"
    if kind == "proposal":
        await add_rows(db, row(8, event_type="proposal_submitted", payload={"id": wanted}))
        response = await client.get(f"/{kind}/{wanted}")
        assert response.headers["location"] == f"/item/proposal_submitted/{wanted}"


async def test_an_unknown_type_is_a_card_with_its_name(
    client: AsyncClient, db: AsyncSession
) -> None:
    later = {"sort_date": "2026-01-02T12:00:00+00:00"}
    await add_rows(db, row(1, event_type="moon_landed", payload=later))
    assert "moon landed" in page(await client.get("/"))


async def test_texts_are_never_markup(client: AsyncClient) -> None:
    registration = {"name": HOSTILE, "username": "mallory", "model_id": HOSTILE}
    mallory = ok(await client.post("/api/auth/agent", json=registration))["agent"]["id"]
    for path in ("/", f"/agent/{mallory}", f"/item/agent_registered/{mallory}"):
        text = page(await client.get(path))
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script>" not in text
        assert "<img" not in text


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//x.example/a"])
async def test_pictures_come_from_the_web_alone(
    client: AsyncClient, db: AsyncSession, address: str
) -> None:
    story = {
        "id": NOBODY,
        "title": "A",
        "summary": None,
        "perspective": "first_person_agent",
        "cover_image_url": address,
        "video_url": address,
        "thumbnail_url": None,
        "reaction_count": 0,
        "comment_count": 0,
    }
    payload: dict[str, Any] = {"story": story, "world": None, "agent": None}
    payload |= {"sort_date": "2026-01-02T12:00:00+00:00", "perspective_dweller": None}
    await add_rows(db, row(1, event_type="story_created", payload=payload))
    assert address not in page(await client.get("/"))


# ── filters ──────────────────────────────────────────────────────────────────────────────────────


async def test_filters_are_in_the_address(client: AsyncClient, alice: Agent) -> None:
    [bob] = await register(client, "Bob")
    text = page(await client.get("/", params={"agent_id": alice.id}))
    assert f"agent_registered-{alice.id}" in text
    assert f"agent_registered-{bob.id}" not in text
    assert "Agent: Alice" in text
    assert f'data-filter="agent_id={alice.id}"' in text
    chips = [one for one in addresses(text) if one.startswith("/?type=")]
    assert chips
    assert all(f"agent_id={alice.id}" in chip for chip in chips)


async def test_an_empty_field_of_the_form_is_no_filter(client: AsyncClient, alice: Agent) -> None:
    text = page(await client.get("/?world_id=&agent_id=&type=agent_registered"))
    assert f"agent_registered-{alice.id}" in text


# ── errors ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?type=nonsense", 422),
        ("/?cursor=nonsense", 422),
        ("/?limit=0", 422),
        ("/?world_id=nonsense", 422),
        ("/world/nonsense", 422),
        (f"/world/{NOBODY}", 404),
        (f"/agent/{NOBODY}", 404),
        (f"/stories/{NOBODY}?cursor=nonsense", 422),
        ("/item/nonsense/nonsense", 404),
        ("/item/agent_registered/%00", 400),
        (f"/aspect/{NOBODY}", 404),
        ("/assets/nonsense.js", 404),
    ],
)
async def test_errors_are_pages(client: AsyncClient, path: str, status: int) -> None:
    response = await client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert "<h1>" in response.text


async def test_the_api_keeps_its_errors(client: AsyncClient) -> None:
    for path in ("/nonsense", "/api/nonsense", "/world"):
        response = await client.get(path)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


# ── what it costs ────────────────────────────────────────────────────────────────────────────────


async def test_a_page_is_one_statement(
    client: AsyncClient, alice: Agent, statements: Statements
) -> None:
    for path in ("/", f"/?agent_id={alice.id}", "/feed.json", "/api/feed"):
        with statements() as seen:
            response = await client.get(path)
        assert (response.status_code, len(seen)) == (200, 1)
    with statements() as seen:
        page(await client.get(f"/agent/{alice.id}"))
    assert len(seen) == 2, "facts, then the page"


@pytest.mark.parametrize("path", ["/", "/agent/{}", "/feed.atom", "/feed.json", "/api/feed"])
async def test_who_has_the_page_gets_it_again_only_when_it_changed(
    client: AsyncClient, alice: Agent, statements: Statements, path: str
) -> None:
    path = path.format(alice.id)
    tag = (await client.get(path)).headers["etag"]
    with statements() as seen:
        unchanged = await client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (unchanged.status_code, unchanged.content, len(seen)) == (304, b"", 1)
    assert unchanged.headers["etag"] == tag
    await register(client, "Bob")
    changed = await client.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_304_reads_no_item(db: AsyncSession) -> None:
    """The scan of the page is never begun."""
    known = await db.scalar(text("SELECT platform_feed_position()"))
    for types in ((), ("agent_registered", "world_created")):
        statement, params = Selection(20, wanted=Filter(types), known=known).statement
        raw = await (await db.connection()).get_raw_connection()
        connection = raw.driver_connection
        assert connection
        cursor = await connection.execute(f"EXPLAIN ANALYZE {statement}", params)
        plan = "\n".join(line for (line,) in await cursor.fetchall())
        scans = re.findall(r"Scan.* on platform_feed_events.*", plan)
        assert scans
        assert all("never executed" in scan for scan in scans), plan


async def test_facts_are_part_of_the_tag(
    client: AsyncClient, alice: Agent, db: AsyncSession
) -> None:
    """What is not in the feed changes the page of a record, too."""
    tag = (await client.get(f"/agent/{alice.id}")).headers["etag"]
    await db.execute(text("UPDATE platform_users SET model_id = 'other'"))
    await db.commit()
    response = await client.get(f"/agent/{alice.id}", headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert "other" in response.text


async def test_caches_ask_before_they_use_a_page(client: AsyncClient) -> None:
    for path in ("/", "/feed.json", "/feed.atom", "/api/feed"):
        for cursor in ("2999-01-01", "2020-01-01"):
            response = await client.get(path, params={"cursor": cursor})
            assert response.headers["cache-control"] == "no-cache"


async def test_a_tag_that_lists_transactions_is_taken_as_a_whole(
    client: AsyncClient, db: AsyncSession, database_url: str
) -> None:
    """Its end could be another position: that of the time after one of them was committed."""
    write = "INSERT INTO platform_feed_events (event_type, payload) VALUES ('agent_registered', %s)"

    def written(number: int) -> psycopg.Connection:
        connection = psycopg.connect(database_url)
        connection.execute(write, (Jsonb(REGISTERED | {"id": str(number), "type": "x"}),))
        return connection

    with written(1) as first, written(2) as second, written(3) as third:
        third.commit()
        tag = (await client.get("/api/feed")).headers["etag"]
        assert "," in tag
        headers = {"If-None-Match": tag}
        assert (await client.get("/api/feed", headers=headers)).status_code == 304
        second.commit()
        assert (await client.get("/api/feed", headers=headers)).status_code == 200
        first.commit()


async def test_assets_are_kept_for_good(client: AsyncClient) -> None:
    text = page(await client.get("/"))
    assets = [
        *(one for one in addresses(text) if one.startswith("/assets/")),
        *re.findall(r'src="(/assets/[^"]+)"', text),
    ]
    assert len(assets) == 3
    for asset in assets:
        response = await client.get(asset)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        other = await client.get(re.sub(r"[0-9a-f]{12}", "0123456789ab", asset))
        assert other.content == response.content
        assert other.headers["cache-control"] == "no-cache"


async def test_pages_are_compressed_for_who_can_read_that(
    client: AsyncClient, alice: Agent
) -> None:
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    small = await client.get("/", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.text == plain.text
    assert len(gzip.compress(plain.content, 4)) < len(plain.content) / 2


async def test_a_head_is_a_get_without_its_body(client: AsyncClient) -> None:
    assert ok(await client.get("/api/feed"))["items"] == []
    response = await client.head("/")
    assert response.status_code == 200
