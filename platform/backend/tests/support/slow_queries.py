"""Queries of the feed that last as long as a test wants, and how many the database works on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

HELD_UP = "wait_event_type = 'Lock'"
ASLEEP = "wait_event = 'PgSleep'"


@asynccontextmanager
async def held_up(observer: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """Queries of the feed that begin in this block wait for its end."""
    async with observer.transaction():
        await observer.execute("LOCK TABLE platform_feed_events IN ACCESS EXCLUSIVE MODE")
        yield


async def until_queries(
    observer: psycopg.AsyncConnection[Any], number: int, which: str, seconds: float = 10
) -> None:
    """Waits until exactly so many connections to this database are such.

    `which` is a condition on pg_stat_activity. Raises TimeoutError.
    """
    async with asyncio.timeout(seconds):
        while await _count(observer, which) != number:  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def _count(observer: psycopg.AsyncConnection[Any], which: str) -> int:
    await observer.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the past
    found = await observer.execute(
        "SELECT count(*) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND {which}".encode()
    )
    row = await found.fetchone()
    assert row
    return int(row[0])
