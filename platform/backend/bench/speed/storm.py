"""Thousands of clients come back at once, from positions that the process has not in memory."""

import asyncio
import random
import re
import time
from collections.abc import Callable
from typing import Any

import httpx2
import psycopg
import uvloop

from bench.speed import stage
from bench.speed.swarm import Swarm

CHANGES = 100
SMALL_RING = {"LIVE_RING_BYTES": "8000"}
"""Of the changes, the last few."""


def measure(clients: int, say: Callable[[str], None]) -> dict[str, Any]:
    """How long it takes until everybody has everything, and how often the log was read for it."""
    with stage.database() as url:
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(stage.UNLINK)
            db.execute(
                "INSERT INTO platform_feed_events (event_type, payload)"
                " SELECT 'agent_registered',"
                " jsonb_build_object('id', n::text, 'text', repeat('x', 600))"
                " FROM generate_series(1, %s) AS n",
                (CHANGES,),
            )
        with stage.platform(url, **SMALL_RING) as server:
            say(f"{clients:,} clients")
            return uvloop.run(_storm(server, clients))


async def _storm(server: stage.Server, clients: int) -> dict[str, Any]:
    epoch = stage.live(server)["epoch"]
    chance = random.Random(1)  # noqa: S311 - chance that can be repeated, no secret
    behind = [chance.randrange(20, CHANGES) for _ in range(clients)]
    paths = [f"/api/feed/live?after={epoch}.{CHANGES - missed}" for missed in behind]
    before, began = _reads(server), time.monotonic()
    async with Swarm(server.url, clients, samples=0, paths=paths) as swarm:
        async with asyncio.timeout(120):
            while swarm.arrivals.messages < sum(behind):  # noqa: ASYNC110 - counted elsewhere
                await asyncio.sleep(0.01)
        seconds = time.monotonic() - began
        return {
            "clients": clients,
            "messages": swarm.arrivals.messages,
            "seconds": seconds,
            "log_reads": _reads(server) - before,
        }


def _reads(server: stage.Server) -> float:
    text = httpx2.get(f"{server.url}/metrics", timeout=60).text
    return float(re.findall(r"^feed_live_log_reads (\S+)$", text, re.MULTILINE)[0])
