"""Reading the feed: what may be asked, and that pages are whole, in order and byte for byte right.

Pages are read as JSON unless it is the stream that a test is about; one test holds both together.
"""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedEvent
from feed.page import Cursor
from feed.wire import ascii_json
from tests.support.answers import ok, unprocessable
from tests.support.rows import NOON, add_rows, row
from tests.support.server import ServerProcess

PATHS = ("/api/feed", "/api/feed/stream")
STREAMS = ("/api/feed/stream", "/api/api/feed/stream")
LAST_ID = UUID(int=2**128 - 1)


async def page_ids(client: httpx2.AsyncClient, **query: Any) -> list[int]:
    """The numbers of a page's rows."""
    page = ok(await client.get("/api/feed", params=query))
    return [UUID(item["id"]).int for item in page["items"]]


async def all_pages(client: httpx2.AsyncClient, **query: Any) -> list[list[int]]:
    pages = []
    while True:
        page = ok(await client.get("/api/feed", params=query))
        pages.append([UUID(item["id"]).int for item in page["items"]])
        if page["next_cursor"] is None:
            return pages
        query["cursor"] = page["next_cursor"]


# ── limit ────────────────────────────────────────────────────────────────────────────────────────


async def test_limit_is_20_and_at_most_50(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    await add_rows(db, *(row(number, seconds=number) for number in range(51)))
    newest_first = list(range(50, -1, -1))
    assert await page_ids(client) == newest_first[:20]
    assert await page_ids(client, limit=1) == newest_first[:1]
    assert await page_ids(client, limit=50) == newest_first[:50]


async def test_other_limits_are_refused(client: httpx2.AsyncClient) -> None:
    for path, limit in product(PATHS, ("0", "51", "-1", "ten", "1.5", "")):
        refusal = await client.get(path, params={"limit": limit})
        assert unprocessable(refusal) == ["query -> limit"]
        [detail] = refusal.json()["details"]
        assert detail["your_input"] == limit


# ── cursors ──────────────────────────────────────────────────────────────────────────────────────

OLDER, AT, NEWER = 1, 2, 3
"""Rows a second before, exactly at, and a second after the time that cursors here name."""

CURSORS = {
    "2026-01-02T12:00:00Z": [OLDER],
    "2026-01-02T12:00:00.0+00:00": [OLDER],
    "2026-01-02T14:00:00+02:00": [OLDER],
    "2026-01-02T12:00:00 00:00": [OLDER],  # a + that nobody encoded
    "2026-01-02T12:00:00": [OLDER],  # naive: UTC
    "2026-01-03": [NEWER, AT, OLDER],
    "2026-01-02": [],
    str(int(NOON.timestamp())): [OLDER],
    str(int(NOON.timestamp()) + 1): [AT, OLDER],
    "0": [],
    f"2026-01-02T12:00:00Z~{UUID(int=AT)}": [OLDER],
    f"2026-01-02T12:00:00Z|{UUID(int=AT)}": [OLDER],
    f"2026-01-02T12:00:00+00:00|{UUID(int=AT)}": [OLDER],
    f"2026-01-02T12:00:00 00:00~{UUID(int=AT)}": [OLDER],
    f"2026-01-02T12:00:00Z~{UUID(int=AT + 1)}": [AT, OLDER],
    f"2026-01-02T12:00:00Z~{LAST_ID}": [AT, OLDER],
    f"2026-01-02T12:00:00Z~{str(LAST_ID).upper()}": [AT, OLDER],
}


@pytest.fixture
async def three_rows(db: AsyncSession) -> None:
    await add_rows(db, row(OLDER, seconds=-1), row(AT), row(NEWER, seconds=1))


@pytest.mark.usefixtures("three_rows")
async def test_every_spelling_of_a_cursor(client: httpx2.AsyncClient) -> None:
    for cursor, expected in CURSORS.items():
        assert await page_ids(client, cursor=cursor) == expected, cursor


@pytest.mark.usefixtures("three_rows")
async def test_a_plus_that_was_not_encoded(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/feed?cursor=2026-01-02T12:00:00+00:00")
    assert [item["id"] for item in ok(response)["items"]] == [str(UUID(int=OLDER))]


NO_CURSORS = [
    "",
    "garbage",
    "~",
    "2026-13-01",
    "2026-01-02T25:00:00Z",
    "2026-01-02T12:00:00Z~",
    "2026-01-02T12:00:00Z~7",
    f"2026-01-02T12:00:00Z~{'-' * 36}",
    f"garbage~{UUID(int=AT)}",
    "nan",
    "inf",
    "1e999",
    "9" * 40,
    "\x00",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",  # in UTC before the first year
    "9999-12-31T23:59:59-14:00",  # in UTC after the last
]


async def test_what_is_no_cursor_is_refused(client: httpx2.AsyncClient) -> None:
    for path, cursor in product(PATHS, NO_CURSORS):
        refusal = await client.get(path, params={"cursor": cursor})
        assert unprocessable(refusal) == ["query -> cursor"], cursor
        [detail] = refusal.json()["details"]
        assert detail["message"].startswith("Not a cursor: ")
        assert detail["your_input"] == cursor
        assert "next_cursor" in refusal.json()["how_to_fix"]


@pytest.mark.usefixtures("three_rows")
async def test_the_ends_of_time(client: httpx2.AsyncClient) -> None:
    for first in ("0001-01-01", "0001-01-01T00:00:00Z", "-9999999999"):
        assert await page_ids(client, cursor=first) == []
    for last in ("9999-12-31", f"9999-12-31T23:59:59.999999Z~{LAST_ID}"):
        assert await page_ids(client, cursor=last) == [NEWER, AT, OLDER]


@settings(deadline=None)  # a busy machine is no failure
@given(st.text())
def test_any_text_is_a_cursor_or_a_value_error(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        return
    assert cursor.created_at.tzinfo is UTC


offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets),
    st.uuids(),
    st.sampled_from("~|"),
)
def test_a_cursor_survives_its_spelling(moment: datetime, row_id: UUID, separator: str) -> None:
    cursor = Cursor(moment, row_id)
    assert str(cursor).isascii()
    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor.parse(f"{moment.isoformat()}{separator}{row_id}".replace("+", " ")) == cursor


# ── pages ────────────────────────────────────────────────────────────────────────────────────────


async def test_pages_through_ties_neither_lose_nor_repeat(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    """Eleven items at one time, between a newer and an older one; ids are not in order of entry."""
    ties = [7, 3, 11, 1, 9, 5, 2, 10, 6, 8, 4]
    await add_rows(db, row(20, seconds=1), *map(row, ties), row(30, seconds=-1))
    expected = [20, *sorted(ties, reverse=True), 30]
    for limit in range(1, len(expected) + 2):
        pages = await all_pages(client, limit=limit)
        assert [number for page in pages for number in page] == expected, f"limit {limit}"
        assert all(len(page) == limit for page in pages[:-1])


async def test_a_page_that_is_not_full_is_the_last(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    await add_rows(db, row(1), row(2), row(3), row(4))
    assert await all_pages(client, limit=5) == [[4, 3, 2, 1]]
    assert await all_pages(client, limit=3) == [[4, 3, 2], [1]]


async def test_after_a_full_last_page_comes_an_empty_one(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    """Whether more follows is not known without reading it."""
    await add_rows(db, row(1), row(2), row(3), row(4))
    assert await all_pages(client, limit=4) == [[4, 3, 2, 1], []]


async def test_new_items_do_not_shift_the_next_page(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    await add_rows(db, *map(row, range(1, 5)))
    first = ok(await client.get("/api/feed", params={"limit": 2}))
    await add_rows(db, row(9, seconds=1), row(8))
    assert await page_ids(client, limit=2, cursor=first["next_cursor"]) == [2, 1]


# ── filters ──────────────────────────────────────────────────────────────────────────────────────

TYPES = ("agent_registered", "world_created", "story_created", "conversation")
LINKS = ("world_id", "agent_id", "dweller_id", "story_id")


def mixed_rows() -> list[FeedEvent]:
    """Every combination of type and links, twelve rows for each moment."""
    ids = (None, UUID(int=1), UUID(int=2))
    combinations = enumerate(product(TYPES, ids, ids, ids[:2], ids[:2]))
    return [
        row(n, seconds=n * 7 % 12, event_type=kind, **dict(zip(LINKS, links, strict=True)))
        for n, (kind, *links) in combinations
    ]


FILTERS: list[dict[str, Any]] = [
    {},
    *({link: UUID(int=1)} for link in LINKS),
    {"world_id": UUID(int=1), "agent_id": UUID(int=2)},
    {"world_id": UUID(int=2), "agent_id": UUID(int=2), "story_id": UUID(int=1)},
    dict.fromkeys(LINKS, UUID(int=1)),
    {"world_id": UUID(int=404)},
]
TYPE_CHOICES: list[list[str]] = [
    [],
    ["story_created"],
    ["story_created", "story_created"],
    ["story_created", "agent_registered"],
    list(TYPES),
    ["dweller_action"],
    ["dweller_action", "conversation"],
]


def matches(item: FeedEvent, types: list[str], links: dict[str, UUID]) -> bool:
    return (not types or item.event_type in types) and all(
        getattr(item, link) == wanted for link, wanted in links.items()
    )


async def test_filters_alone_and_together_page_by_page(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    """Every answer is compared with what a filter in Python leaves of the rows."""
    rows = mixed_rows()
    newest_first = sorted(rows, key=lambda item: (item.created_at, item.id), reverse=True)
    numbers = {item.id: item.id.int for item in rows}
    wanted = {
        (i, j): [numbers[item.id] for item in newest_first if matches(item, types, links)]
        for (i, types), (j, links) in product(enumerate(TYPE_CHOICES), enumerate(FILTERS))
    }
    await add_rows(db, *rows)
    for (i, j), expected in wanted.items():
        query = {"type": TYPE_CHOICES[i], **FILTERS[j]}
        pages = await all_pages(client, limit=13, **query)
        assert [number for page in pages for number in page] == expected, query
        assert [len(page) for page in pages[:-1]] == [13] * (len(pages) - 1), query


async def test_unknown_types_and_ids_are_refused(client: httpx2.AsyncClient) -> None:
    for path in PATHS:
        refusal = await client.get(path, params={"type": ["story_created", "gossip"]})
        assert unprocessable(refusal) == ["query -> type -> 1"]
        for link in LINKS:
            refusal = await client.get(path, params={link: "everyone"})
            assert unprocessable(refusal) == [f"query -> {link}"]


# ── the wire ─────────────────────────────────────────────────────────────────────────────────────

DIFFICULT = 'quote " backslash \\ newline \n tab \t control \x01 é \x85 \u2028 \u2029 𝄞 🪐'


def frames(items: list[Any], next_cursor: str | None) -> bytes:
    """The contract's two frames, made with the standard library."""
    page = json.dumps({"items": items, "partial": False})
    end = json.dumps({"next_cursor": next_cursor, "total_items": len(items)})
    return f"event: feed_items\ndata: {page}\n\nevent: feed_complete\ndata: {end}\n\n".encode()


def without_live_from(content: bytes) -> bytes:
    """What the contract knows of a stream; `live_from` is ours, and the last key."""
    known, found = re.subn(rb', "live_from": "([^"]+)"(?=}\n\n$)', b"", content)
    assert found == 1
    return known


async def test_the_stream_to_the_byte(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    await add_rows(
        db,
        row(1, payload={"text": DIFFICULT, "deep": [{"🪐": None, "n": [-1, 2.5, True]}]}),
        row(2, seconds=0.000001),
        row(3, seconds=-1),
    )
    response = await client.get("/api/feed/stream", params={"limit": 2})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["connection"] == "keep-alive"
    assert response.headers["x-accel-buffering"] == "no"

    stored = ok(await client.get("/api/feed", params={"limit": 2}))["items"]
    assert [UUID(item["id"]).int for item in stored] == [2, 1]
    assert stored[1]["text"] == DIFFICULT
    assert without_live_from(response.content) == frames(
        stored, f"2026-01-02T12:00:00Z~{UUID(int=1)}"
    )
    assert response.content.isascii()


async def test_an_empty_feed_is_an_empty_page(client: httpx2.AsyncClient) -> None:
    page = await client.get("/api/feed")
    assert page.headers["content-type"] == "application/json"
    assert ok(page).items() >= {"items": [], "next_cursor": None}.items()
    for path in STREAMS:
        stream = await client.get(path)
        assert stream.status_code == 200
        assert without_live_from(stream.content) == frames([], None)


async def test_stream_alias_and_json_are_one_page(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    await add_rows(db, *(row(n, seconds=n % 3, payload={"n": n}) for n in range(9)))
    query: dict[str, Any] = {"limit": 4}
    for _ in range(3):
        page = ok(await client.get("/api/feed", params=query))
        expected = frames(page["items"], page["next_cursor"])
        for path in STREAMS:
            stream = await client.get(path, params=query)
            assert without_live_from(stream.content) == expected
        query["cursor"] = page["next_cursor"]
    assert query["cursor"] is None


def test_headers_survive_a_real_server(server: ServerProcess) -> None:
    with httpx2.stream("GET", f"{server.url}/api/feed/stream") as response:
        assert without_live_from(response.read()) == frames([], None)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["connection"] == "keep-alive"
    assert response.headers["x-accel-buffering"] == "no"


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | storable,
    lambda inner: st.lists(inner) | st.dictionaries(storable, inner),
)


@settings(deadline=None)  # a busy machine is no failure
@given(documents)
def test_ascii_json_is_the_same_json_on_one_line(document: Any) -> None:
    line = ascii_json(json.dumps(document, ensure_ascii=False).encode())
    assert json.loads(line) == document
    assert line.isascii()
    assert len(line.decode().splitlines()) == 1
