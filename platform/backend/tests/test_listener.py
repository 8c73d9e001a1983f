"""A listener outlives whatever keeps it from listening, and knows whether others listen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest

from core.errors import Unavailable
from feed import listener
from feed.listener import Listener


async def test_a_busy_database_does_not_end_it(database_url: str) -> None:
    asked = asyncio.Event()

    async def notify(statement: str, params: dict[str, Any]) -> None:
        asked.set()
        raise Unavailable("too many readers")

    task = asyncio.create_task(Listener(database_url, notify, lambda: None).run())
    await asyncio.wait_for(asked.wait(), 10)
    await asyncio.sleep(0.2)
    assert not task.done()
    task.cancel()


async def test_it_knows_whether_it_is_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "ECHO_SECONDS", 0.3)
    monkeypatch.setattr(listener, "COMPANY_SECONDS", 1.5)
    async with listening(database_url) as first:
        await until(lambda: first.hears)
        assert not first.alone, "somebody may be there and not have been heard yet"
        await until(lambda: first.alone)
        async with listening(database_url) as second:
            await until(lambda: second.hears and not first.alone)
            await asyncio.sleep(2)
            assert not first.alone
            assert not second.alone
        await until(lambda: first.alone)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        one = Listener(url, connection.execute, lambda: None)
        task = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.02)
