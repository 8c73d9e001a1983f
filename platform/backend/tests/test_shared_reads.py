"""Readers of the same page share a query, and nobody ever gets an older page for it.

Slow queries are made with a lock on the feed's table: a page then hangs in the database for exactly
as long as the test wants.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import psycopg
import pytest

from core.errors import Unavailable
from db import shared_reads
from db.session import Database
from db.shared_reads import AT_ONCE, SharedReads
from feed.page import Page, Selection
from tests.support.answers import ok
from tests.support.query import Query
from tests.support.rows import UNLINK
from tests.support.server import ServerProcess
from tests.support.slow_queries import HELD_UP, held_up, until_queries

PAGE = Selection(20)


@pytest.fixture
async def observer(
    observer: psycopg.AsyncConnection[Any],
) -> psycopg.AsyncConnection[Any]:
    await observer.execute(UNLINK)
    return observer


@pytest.fixture
async def source(app: Any) -> Database:
    """Where the application reads its pages."""
    found: Database = app.state.database
    return found


async def add(connection: psycopg.AsyncConnection[Any], item: int) -> None:
    await connection.execute(
        "INSERT INTO platform_feed_events (event_type, payload, created_at) VALUES"
        " ('agent_registered', jsonb_build_object('id', %s::text),"
        "  timestamptz '2026-01-01' + %s * interval '1 s')",
        (str(item), item),
    )


def read(source: Database, readers: int) -> list[asyncio.Task[Page]]:
    """So many readers of one page, who all have asked when the next line runs again."""
    return [asyncio.create_task(source.read_shared(Selection(20))) for _ in range(readers)]


# ── sharing ──────────────────────────────────────────────────────────────────────────────────────


async def test_who_comes_at_once_shares_one_query(source: Database, statements: Any) -> None:
    with statements() as seen:
        pages = await asyncio.gather(*read(source, 50))
    assert len(seen) == 1
    assert all(page is pages[0] for page in pages)


async def test_two_run_and_everybody_else_shares_the_next(
    source: Database, observer: psycopg.AsyncConnection[Any], statements: Any
) -> None:
    with statements() as seen:
        async with held_up(observer):
            tasks = read(source, 1)
            await until_queries(observer, 1, HELD_UP)
            tasks += read(source, 1)
            await until_queries(observer, 2, HELD_UP)
            tasks += read(source, 20)
            await asyncio.sleep(0.1)
            tasks += read(source, 20)
            await asyncio.sleep(0.1)
            await until_queries(observer, AT_ONCE, HELD_UP)
        await asyncio.gather(*tasks)
    assert len([one for one in seen if one == PAGE.statement[0]]) == AT_ONCE + 1
    assert len({id(task.result()) for task in tasks[2:]}) == 1


async def test_who_comes_again_at_once_joins_those_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else two groups take turns for ever, and need a query each."""
    monkeypatch.setattr(shared_reads, "SOON", 60)  # on a busy machine, the second query would start
    reads, rounds = SharedReads[int](), 10
    queries: list[int] = []

    async def ask(starts: Callable[[], None]) -> int:
        starts()
        queries.append(len(queries))
        for _ in range(5):
            await asyncio.sleep(0)
        return queries[-1]

    async def group(late: int) -> None:
        for _ in range(late):
            await asyncio.sleep(0)
        await asyncio.gather(*(one() for _ in range(4)))

    async def one() -> None:
        for _ in range(rounds):
            await reads.read("page", ask, 5)

    await asyncio.gather(group(0), group(3))
    assert len(queries) == rounds + 1


async def test_who_waits_is_not_held_up_by_those_who_keep_coming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_reads, "SOON", 60)
    reads, over = SharedReads[int](), asyncio.Event()
    queries = 0

    async def ask(starts: Callable[[], None]) -> int:
        nonlocal queries
        starts()
        queries += 1
        if queries == 1:
            await over.wait()
        return queries

    def come() -> asyncio.Task[int]:
        return asyncio.create_task(reads.read("page", ask, 60))

    comers = [come()]
    await asyncio.sleep(0.0001)  # it runs
    comers.append(come())
    await asyncio.sleep(0.0001)  # it waits
    assert queries == 1
    over.set()
    async with asyncio.timeout(5):
        while queries < 2:
            comers.append(come())
            await asyncio.sleep(0)
    await asyncio.gather(*comers)


async def test_other_questions_are_not_mixed_up(
    client: httpx2.AsyncClient, observer: psycopg.AsyncConnection[Any], statements: Any
) -> None:
    for item in range(50):
        await add(observer, item)
    limits = range(1, 51)
    with statements() as seen:
        pages = await asyncio.gather(
            *(client.get("/api/feed", params={"limit": limit}) for limit in limits)
        )
    assert [len(ok(page)["items"]) for page in pages] == list(limits)
    assert len(seen) == 50


async def test_a_herd_at_one_page_is_larger_than_the_queue_may_be(
    start_server: Any, observer: psycopg.AsyncConnection[Any]
) -> None:
    server: ServerProcess = start_server(PAGE_POOL_SIZE="1", PAGE_QUEUE_SIZE="1")
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client:
        async with held_up(observer):
            herd = [asyncio.create_task(client.get("/api/feed")) for _ in range(100)]
            await until_queries(observer, 1, HELD_UP)
        assert {(await one).status_code for one in herd} == {200}


# ── freshness ────────────────────────────────────────────────────────────────────────────────────


async def test_who_comes_after_a_write_sees_it_although_an_older_query_still_runs(
    source: Database, observer: psycopg.AsyncConnection[Any]
) -> None:
    """Sleep holds the query after it has begun to read; a lock would hold it before."""
    await add(observer, 1)
    slow = Query("SELECT pg_sleep(0.5), payload ->> 'id' FROM platform_feed_events")
    old = asyncio.create_task(source.read_shared(slow))
    await asyncio.sleep(0.2)
    await add(observer, 2)
    new = await source.read_shared(slow)
    assert [row[1] for row in await old] == [b"1"]
    assert [row[1] for row in new] == [b"1", b"2"]


READERS, WRITES = 48, 400


async def test_every_page_shows_what_was_committed_before_it_was_asked_for(
    server: ServerProcess, observer: psycopg.AsyncConnection[Any]
) -> None:
    """Readers note the newest item that was committed when they asked, while items arrive."""
    committed = -1
    stale: list[tuple[int, int]] = []
    pages = 0
    over = asyncio.Event()

    async def reader(client: httpx2.AsyncClient) -> None:
        nonlocal pages
        while not over.is_set():
            known = committed
            items = ok(await client.get("/api/feed", params={"limit": 1}))["items"]
            newest = int(items[0]["id"]) if items else -1
            pages += 1
            if newest < known:
                stale.append((newest, known))

    limits = httpx2.Limits(max_connections=None)
    async with (
        httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(READERS):
            group.create_task(reader(client))
        for item in range(WRITES):
            await add(observer, item)
            committed = item
        over.set()
    assert pages > WRITES / 10
    assert stale == []


# ── errors, and readers who leave ────────────────────────────────────────────────────────────────


async def test_an_error_goes_to_all_who_share_it_and_to_nobody_else(
    source: Database, statements: Any
) -> None:
    broken = "SELECT 1 / %(zero)s::int"
    with statements() as seen:
        answers = await asyncio.gather(
            *(source.read_shared(Query(broken, 0)) for _ in range(10)), return_exceptions=True
        )
    assert len(seen) == 1
    assert all(isinstance(answer, psycopg.errors.DivisionByZero) for answer in answers)
    assert await source.read_shared(Query(broken, 1)) == [[b"1"]]


async def test_who_leaves_harms_nobody(
    source: Database, observer: psycopg.AsyncConnection[Any]
) -> None:
    async with held_up(observer):
        tasks = read(source, 10)
        await until_queries(observer, 1, HELD_UP)
        for leaving in tasks[:9]:
            leaving.cancel()
        await asyncio.wait(tasks[:9])
        await until_queries(observer, 1, HELD_UP)
    assert (await tasks[9]).items == ()


async def test_a_query_that_all_have_left_is_cancelled(
    source: Database, observer: psycopg.AsyncConnection[Any]
) -> None:
    async with held_up(observer):
        tasks = read(source, 10)
        await until_queries(observer, 1, HELD_UP)
        for leaving in tasks:
            leaving.cancel()
        await until_queries(observer, 0, HELD_UP)
        late = read(source, 1)
        await until_queries(observer, 1, HELD_UP)
    assert (await late[0]).items == ()


async def test_who_waits_in_vain_is_told_in_time(
    source: Database, observer: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_patience", 0.3)
    async with held_up(observer):
        tasks = [task for _ in range(4) for task in read(source, 5)]
        for task in tasks:
            with pytest.raises(Unavailable):
                await asyncio.wait_for(task, 5)
        await until_queries(observer, 0, HELD_UP)
    assert (await source.read_shared(PAGE)).items == ()


async def test_nothing_is_kept(source: Database) -> None:
    await asyncio.gather(*read(source, 5))
    assert [value for value in vars(source._reads).values() if value] == []


# ── connections ──────────────────────────────────────────────────────────────────────────────────


async def test_a_lone_reader_keeps_to_one_connection(source: Database) -> None:
    backends = [await source.read("SELECT pg_backend_pid()", {}) for _ in range(10)]
    assert len({rows[0][0] for rows in backends}) == 1


async def test_every_connection_has_read_a_page_before_the_first_reader(
    source: Database, statements: Any
) -> None:
    with statements() as seen:
        await source.warm(PAGE)
    assert seen == [PAGE.statement[0]] * source.pages.max_size
    await source.warm(Query("SELECT no_such_column"))
    assert (await source.read_shared(PAGE)).items == ()
