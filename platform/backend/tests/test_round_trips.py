"""What a request costs in statements and in network round trips, and that poolers change nothing.

Round trips are counted between a real server and its database, with a delay that makes every one of
them show in the time as well.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx2
import pytest

from tests.support.agents import register
from tests.support.feed import feed
from tests.support.postgres import address, by_way_of
from tests.support.server import ServerProcess
from tests.support.tcp_proxy import TcpProxy

DELAY = 0.03  # seconds each way
ROUND_TRIP = 2 * DELAY
NOTHING_ELSE = {"LIVE": "false", "BACKGROUND_TASKS": "false"}
"""No work in the background whose round trips would be counted, too."""

Statements = Callable[[], AbstractContextManager[list[str]]]
StartServer = Callable[..., ServerProcess]

PAGES = (
    "/api/feed",
    "/api/feed/stream",
    "/api/feed?limit=50&type=agent_registered&type=world_created",
    "/api/feed?cursor=2999-01-01&agent_id=00000000-0000-0000-0000-000000000001",
)


@pytest.fixture
def pooler_proxy(pgbouncer_url: str) -> Iterator[TcpProxy]:
    """A proxy in front of PgBouncer."""
    with TcpProxy(address(pgbouncer_url)) as proxy:
        yield proxy


# ── statements ───────────────────────────────────────────────────────────────────────────────────


async def test_a_page_is_one_statement(client: httpx2.AsyncClient, statements: Statements) -> None:
    await register(client, "Alice", "Bob")
    for path in PAGES:
        with statements() as seen:
            assert (await client.get(path)).status_code == 200
        assert len(seen) == 1, seen


async def test_what_writes_cost_in_statements(
    client: httpx2.AsyncClient, statements: Statements
) -> None:
    """Bounds, not goals: they are here so that a loop of statements does not slip in."""
    [alice] = await register(client, "Alice")
    proposal = await alice.propose()
    with statements() as seen:
        await register(client, "Bob")
    assert len(seen) <= 4, seen  # namesake, agent, key, item
    with statements() as seen:
        await alice.submit(proposal)
    assert len(seen) <= 4, seen  # caller, proposal, its change, item


# ── round trips ──────────────────────────────────────────────────────────────────────────────────


def test_a_page_is_one_round_trip(
    start_server: StartServer, database_url: str, proxy: TcpProxy
) -> None:
    server = start_server(DATABASE_URL=by_way_of(database_url, proxy.port), **NOTHING_ELSE)
    check_pages(server, proxy)


def test_a_page_is_one_round_trip_through_pgbouncer(
    start_server: StartServer, database_url: str, pgbouncer_url: str, pooler_proxy: TcpProxy
) -> None:
    server = start_server(
        DATABASE_URL=by_way_of(pgbouncer_url, pooler_proxy.port),
        DATABASE_DIRECT_URL=database_url,
        **NOTHING_ELSE,
    )
    check_pages(server, pooler_proxy)


def check_pages(server: ServerProcess, proxy: TcpProxy) -> None:
    """Every page, the first one that the server ever serves included, costs one round trip."""
    proxy.delay = DELAY
    with httpx2.Client(base_url=server.url) as client:
        for path in PAGES * 3:
            proxy.reset()
            start = time.monotonic()
            response = client.get(path)
            elapsed = time.monotonic() - start
            assert response.status_code == 200
            assert proxy.round_trips == 1, path
            assert elapsed >= ROUND_TRIP


# ── PgBouncer in transaction mode ────────────────────────────────────────────────────────────────

READERS, PAGES_EACH = 8, 63
WRITERS, AGENTS_EACH = 2, 20


async def test_readers_and_writers_share_pgbouncer(
    start_server: StartServer, database_url: str, pgbouncer_url: str
) -> None:
    """500 pages and 40 registrations at the same time, without one error."""
    server = start_server(DATABASE_URL=pgbouncer_url, DATABASE_DIRECT_URL=database_url)

    async def read() -> None:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            for number in range(PAGES_EACH):
                response = await client.get(PAGES[number % len(PAGES)])
                assert response.status_code == 200, response.text

    async def write(writer: int) -> None:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            await register(client, *(f"writer {writer} agent {n}" for n in range(AGENTS_EACH)))

    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(read())
        for writer in range(WRITERS):
            group.create_task(write(writer))

    async with httpx2.AsyncClient(base_url=server.url) as client:
        items = await feed(client)
    assert len(items) == WRITERS * AGENTS_EACH
    assert "Traceback" not in server.stderr
