"""Stories of agents, told to a real server by tests that have no event loop of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx2

Told = TypeVar("Told")


def play(url: str, story: Callable[[httpx2.AsyncClient], Awaitable[Told]]) -> Told:
    """Runs it to its end, in a thread: Playwright's loop may be running in this one."""

    async def told() -> Told:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            return await story(client)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, told()).result()
