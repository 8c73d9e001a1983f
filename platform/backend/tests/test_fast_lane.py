"""Whichever way a request for a page takes, it is understood in the same way and answered alike."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient

from api import fast_lane, problems
from api.deps import Wanted
from api.live import After
from api.paging import Asked
from feed.item_type import EventType
from tests.support.answers import ok
from tests.support.live import live_from
from tests.support.rows import add_rows, row
from tests.support.server import StartServer

ordinary = FastAPI()
problems.install(ordinary)


@ordinary.get("/page")
async def page(wanted: Asked) -> str:
    return repr(wanted)


@ordinary.get("/live")
async def live(wanted: Wanted, after: After = None) -> str:
    return repr(fast_lane.Following(wanted, after))


@pytest.fixture(scope="module")
def ordinary_way() -> Iterator[TestClient]:
    with TestClient(ordinary, raise_server_exceptions=False) as client:
        yield client


LIMITS = st.one_of(
    st.integers(-2, 60).map(str), st.sampled_from(["", "05", "+5", "5.0", " 5", "1_0", "ten", "٣"])
)
CURSORS = st.sampled_from(
    [
        "2026-01-02T12:00:00Z",
        "2026-01-02T12:00:00 00:00",
        f"2026-01-02T12:00:00.5Z~{UUID(int=7)}",
        f"2026-01-02|{UUID(int=7)}",
        "0",
        "",
        "yesterday",
        "2026-01-02T12:00:00Z~7",
    ]
)
IDS = st.sampled_from(
    [
        str(UUID(int=1)),
        str(UUID(int=2**128 - 1)).upper(),
        UUID(int=3).hex,
        f"{{{UUID(int=4)}}}",
        f"urn:uuid:{UUID(int=5)}",
        "",
        "1",
    ]
)
TYPES = st.one_of(st.sampled_from([kind.value for kind in EventType]), st.sampled_from(["", "x"]))
AFTER = st.sampled_from(["1f.7", "1f.7~5:9:6,8", "1f", ""])
FILTERS = (
    st.tuples(st.just("type"), TYPES),
    st.tuples(st.sampled_from(["world_id", "agent_id", "dweller_id", "story_id"]), IDS),
    st.tuples(st.sampled_from(["other", "Limit", ""]), st.text(max_size=3)),
)
PARAMETERS = st.one_of(
    st.tuples(st.just("limit"), LIMITS), st.tuples(st.just("cursor"), CURSORS), *FILTERS
)
OF_THE_LIVE_FEED = st.one_of(st.tuples(st.just("after"), AFTER), *FILTERS)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.lists(PARAMETERS, max_size=4))
def test_what_it_understands_the_ordinary_way_understands_alike(
    ordinary_way: TestClient, query: list[tuple[str, str]]
) -> None:
    is_understood_alike(ordinary_way, "/page", fast_lane.selection, query)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.lists(OF_THE_LIVE_FEED, max_size=3))
def test_streams_are_understood_alike(
    ordinary_way: TestClient, query: list[tuple[str, str]]
) -> None:
    is_understood_alike(ordinary_way, "/live", fast_lane.following, query)


def is_understood_alike(
    ordinary_way: TestClient,
    path: str,
    understand: Callable[[bytes], object],
    query: list[tuple[str, str]],
) -> None:
    text = urlencode(query)
    asked = understand(text.encode())
    if asked is not None:
        answer = ordinary_way.get(f"{path}?{text}")
        assert (answer.status_code, answer.json()) == (200, repr(asked))


@pytest.mark.parametrize(
    "query", ["", "after=1f.7", f"type=story_created&world_id={UUID(int=1)}&after=1f.7"]
)
def test_it_takes_streams(query: str) -> None:
    assert fast_lane.following(query.encode()) is not None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=1",
        "limit=50",
        "cursor=2026-01-02T12:00:00Z",
        f"cursor={quote(f'2026-01-02T12:00:00.25Z~{UUID(int=7)}')}",
        "type=world_created&type=story_created",
        f"world_id={UUID(int=1)}&agent_id={UUID(int=2)}",
        f"dweller_id={UUID(int=1)}&story_id={UUID(int=2)}&limit=7",
    ],
)
def test_it_takes_what_clients_ask_for(query: str) -> None:
    assert fast_lane.selection(query.encode()) is not None


@pytest.mark.parametrize("path", ["/api/feed", "/api/feed/stream"])
async def test_both_ways_answer_alike(
    client: httpx2.AsyncClient, db: AsyncSession, path: str
) -> None:
    await add_rows(db, *(row(number, seconds=number) for number in range(30)))
    origin = {"origin": "http://localhost:3000"}
    for headers in ({}, origin, {"if-none-match": 'W/"other"'}):
        fast = await client.get(f"{path}?limit=7", headers=headers)
        slow = await client.get(f"{path}?limit=7&no_such=1", headers=headers)
        assert (fast.status_code, fast.content) == (slow.status_code, slow.content)
        assert _told(fast) == _told(slow)


def test_both_ways_open_the_same_stream(start_server: StartServer) -> None:
    server = start_server()
    here = live_from(server.url)
    for headers in ({}, {"origin": "http://localhost:3000"}, {"last-event-id": here}):
        told = []
        for query in ("", "?no_such=1"):
            with httpx2.stream("GET", f"{server.url}/api/feed/live{query}", headers=headers) as way:
                answer = dict(way.headers)
                del answer["date"]
                told.append((way.status_code, answer, next(way.iter_lines())))
        assert told[0] == told[1]
    mistakes = ["after=x", "after=x&no_such=1"]
    fast, slow = [httpx2.get(f"{server.url}/api/feed/live?{query}") for query in mistakes]
    assert fast.status_code == 422
    assert fast.json().keys() == slow.json().keys()
    assert fast.json()["how_to_fix"] == slow.json()["how_to_fix"]


async def test_both_ways_tell_an_unchanged_page(client: httpx2.AsyncClient) -> None:
    tag = (await client.get("/api/feed")).headers["etag"]
    for query in ("", "?no_such=1"):
        for tags in (tag, f'"other", {tag}'), ('"other"', tag), (tag,):
            headers = [("if-none-match", one) for one in tags]
            answer = await client.get(f"/api/feed{query}", headers=headers)
            assert answer.status_code == 304
            assert answer.headers["etag"] == tag


async def test_both_ways_fail_alike(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    await db.execute(text("ALTER TABLE platform_feed_events RENAME TO gone"))
    await db.commit()
    fast, slow = [await client.get(f"/api/feed{query}") for query in ("", "?no_such=1")]
    assert fast.status_code == slow.status_code == 500
    assert fast.json().keys() == slow.json().keys()


async def test_a_fault_of_ours_has_a_shape(
    client: httpx2.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(app.state.database, "_reads")
    answer = await client.get("/api/feed", headers={"origin": "http://localhost:3000"})
    assert answer.status_code == 500
    assert answer.json().keys() == {"error", "message", "request_id", "how_to_fix"}
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_other_methods_go_the_ordinary_way(client: httpx2.AsyncClient) -> None:
    for method in ("POST", "HEAD", "DELETE"):
        assert (await client.request(method, "/api/feed")).status_code == 405
    assert ok(await client.get("/api/feed/"))["items"] == []


def _told(answer: httpx2.Response) -> dict[str, Any]:
    return dict(answer.headers)
