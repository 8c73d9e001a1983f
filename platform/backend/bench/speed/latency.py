"""From a commit to the byte at the client, at a steady rate of changes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psycopg
import uvloop
from psycopg.types.json import Jsonb

from bench.speed import stage
from bench.speed.figures import percentiles
from bench.speed.sse import read_items
from tests.support.postgres import address, by_way_of
from tests.support.tcp_proxy import TcpProxy

WRITERS = 16


def measure(rate: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """`rate` changes per second for so long; one client reads them all, on another process."""
    with stage.database() as url:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(stage.UNLINK)
        found: dict[str, Any] = {"rate": rate}
        with TcpProxy(address(url)) as proxy:
            direct = {"DATABASE_DIRECT_URL": by_way_of(url, proxy.port)}
            with stage.platform(url, **direct) as server:
                for name in ("listen", "poll"):
                    say(name)
                    proxy.black_hole = name == "poll"  # as behind a pooler: nothing is heard
                    _wait_for_wake_up(server, name)
                    found[name] = uvloop.run(_one(server, url, rate, seconds))
        return found


def _wait_for_wake_up(server: stage.Server, name: str) -> None:
    deadline = time.monotonic() + 20
    while stage.live(server)["wake_up"] != name and time.monotonic() < deadline:
        time.sleep(0.1)


async def _one(server: stage.Server, url: str, rate: int, seconds: float) -> dict[str, Any]:
    total = int(rate * seconds)
    committed: dict[str, float] = {}
    arrived: dict[str, float] = {}
    reading = asyncio.create_task(read_items(server.url, total, arrived))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    async with asyncio.TaskGroup() as writers:
        for writer in range(WRITERS):
            numbers = range(writer, total, WRITERS)
            writers.create_task(_write(url, numbers, began, rate, committed))
    spent = time.monotonic() - began
    await asyncio.wait_for(reading, 60)
    waits = [arrived[name] - committed[name] for name in committed]
    return {"changes_per_second": total / spent, "ms": percentiles(waits)}


async def _write(
    url: str, numbers: range, began: float, rate: int, committed: dict[str, float]
) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        for number in numbers:
            await asyncio.sleep(began + number / rate - time.monotonic())
            name = f"{began}/{number}"
            await db.execute(
                "INSERT INTO platform_feed_events (event_type, payload)"
                " VALUES ('agent_registered', %s)",
                (Jsonb({"id": name, "text": "x" * 600}),),
            )
            committed[name] = time.monotonic()
