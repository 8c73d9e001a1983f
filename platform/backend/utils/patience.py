"""Trying again what another transaction got in the way of, and not stopping half-way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

TRIES = 6
FIRST_PAUSE = 0.1

log = logging.getLogger(__name__)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Does a transaction's work, again if need be: what it read may be gone when it writes, or it
    was the one to give way. `work` begins from nothing each time.

    Raises sqlalchemy.exc.DBAPIError when that goes on for some seconds.
    """
    for attempt in range(TRIES - 1):
        try:
            return await work()
        except DBAPIError as error:
            log.warning("trying again: %s", error.orig)
            await asyncio.sleep(FIRST_PAUSE * 2**attempt)
    return await work()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Does what must not be cut off: a cancellation waits for its end."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
