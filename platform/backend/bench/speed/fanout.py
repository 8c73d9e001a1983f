"""One message to thousands of clients: the live feed beside FastAPI, bare ASGI, and Nchan."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import httpx2
import psycopg
import uvloop
from psycopg.types.json import Jsonb

from bench.speed import nchan, stage
from bench.speed.figures import percentiles
from bench.speed.swarm import Arrivals, Swarm
from feed.changes import NOTIFY

SIZE = 700
"""Bytes of a message, about."""

PACED, PACE = 20, 0.25
"""Messages, and seconds between them, for how long one takes when nothing is queued."""

SECONDS = 300

GENERATOR, RAW, NCHAN = "FastAPI generator", "bare ASGI", "Nchan"

Publish = Callable[[], Awaitable[None]]


def measure(
    clients: int,
    changes: int,
    say: Callable[[str], None],
    rivals: Collection[str] = (GENERATOR, RAW, NCHAN),
) -> dict[str, Any]:
    """Figures of each contender, one after the other, as JSON; Nchan only where it is installed."""
    found: dict[str, Any] = {"clients": clients, "changes": changes}
    with stage.database() as url:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(stage.UNLINK)
        say("the live feed")
        with stage.platform(url) as server:
            found["live feed"] = uvloop.run(_live(server, url, clients, changes))
    for name, rival in (GENERATOR, "generator"), (RAW, "raw"):
        if name not in rivals:
            continue
        say(name)
        with stage.rival(rival) as server:
            found[name] = uvloop.run(_rival(server, clients, changes))
    if NCHAN in rivals and (path := nchan.program()):
        say(NCHAN)
        with nchan.nginx(path) as nginx:
            found[NCHAN] = uvloop.run(_nchan(nginx, clients, changes))
    return found


async def _live(server: stage.Server, url: str, clients: int, changes: int) -> dict[str, Any]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:

        async def publish() -> None:
            await db.execute(
                "INSERT INTO platform_feed_events (event_type, payload) VALUES"
                " ('agent_registered', %s || jsonb_build_object('id', gen_random_uuid()))",
                (Jsonb({"sent": str(time.monotonic()), "text": "x" * (SIZE - 200)}),),
            )
            await db.execute(NOTIFY, {"note": "another server"})  # which has numbered it

        return await _one(server, f"{server.url}/api/feed/live", clients, changes, publish)


async def _rival(server: stage.Server, clients: int, changes: int) -> dict[str, Any]:
    async with httpx2.AsyncClient() as http:

        async def publish() -> None:
            body = f'{{"sent": "{time.monotonic()}", "text": "{"x" * (SIZE - 80)}"}}'
            await http.post(f"{server.url}/publish", content=body)

        return await _one(server, f"{server.url}/live", clients, changes, publish)


async def _nchan(nginx: nchan.Nginx, clients: int, changes: int) -> dict[str, Any]:
    async with httpx2.AsyncClient(headers={"X-EventSource-Event": "item"}) as http:

        async def publish() -> None:
            body = f'{{"sent": "{time.monotonic()}", "text": "{"x" * (SIZE - 80)}"}}'
            response = await http.post(f"{nginx.url}/publish", content=body)
            response.raise_for_status()

        return await _one(nginx, f"{nginx.url}/live", clients, changes, publish)


async def _one(
    server: stage.Server | nchan.Nginx, stream: str, clients: int, changes: int, publish: Publish
) -> dict[str, Any]:
    before = server.memory()
    async with Swarm(stream, clients) as swarm:
        await asyncio.sleep(1)
        memory = (server.memory() - before) / clients
        for _ in range(PACED):
            await publish()
            await asyncio.sleep(PACE)
        await swarm.expect(PACED, SECONDS)
        paced = percentiles(swarm.arrivals.waits)
        swarm.arrivals = _reset(swarm.arrivals)
        began = time.monotonic()
        for _ in range(changes):
            await publish()
        await swarm.expect(changes, SECONDS)
        seconds = swarm.arrivals.last - began
    return {
        "deliveries_per_second": clients * changes / seconds,
        "kib_per_client": memory,
        "paced_ms": paced,
        "burst_ms": percentiles(swarm.arrivals.waits),
    }


def _reset(arrivals: Arrivals) -> Arrivals:
    """The same object, which all clients hold, counting from zero."""
    arrivals.messages, arrivals.waits = 0, []
    return arrivals
