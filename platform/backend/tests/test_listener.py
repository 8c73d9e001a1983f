"""A listener outlives whatever keeps it from listening."""

import asyncio
from typing import Any

from core.errors import Unavailable
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
