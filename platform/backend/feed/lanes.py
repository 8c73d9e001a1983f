"""Long work in lanes: while the database works for one, the process works for another."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

LANES = 2
"""One process has one core's worth of work: a third lane would only hold memory."""


async def in_lanes(streams: Iterable[AsyncIterator[T]], lanes: int) -> AsyncGenerator[T]:
    """Goes through streams, `lanes` of them at once, and yields what they bring as it comes.

    The first fault ends all of them. A stream goes on when the reader has taken what it brought:
    one lane is one after the other.
    """
    left = iter(streams)
    lane: dict[asyncio.Task[T | None], AsyncIterator[T]] = {}

    def go_on(stream: AsyncIterator[T]) -> None:
        lane[asyncio.create_task(_next(stream))] = stream

    for stream in islice(left, lanes):
        go_on(stream)
    try:
        while lane:
            done, _ = await asyncio.wait(lane, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                stream = lane.pop(task)
                if (brought := task.result()) is not None:
                    yield brought
                    go_on(stream)
                elif (following := next(left, None)) is not None:
                    go_on(following)
    finally:
        for task in lane:
            task.cancel()
        await asyncio.gather(*lane, return_exceptions=True)


async def _next(stream: AsyncIterator[T]) -> T | None:
    """None at the end."""
    return await anext(stream, None)
