"""Streams that are gone through side by side."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from feed.lanes import in_lanes


async def numbers(first: int, taken: list[int]) -> AsyncIterator[int]:
    for number in range(first, first + 3):
        await asyncio.sleep(0)
        taken.append(number)
        yield number


async def test_each_brings_all_of_its_own_in_order() -> None:
    streams = (numbers(first, []) for first in (0, 10, 20))
    brought = [number async for number in in_lanes(streams, 2)]
    assert sorted(brought) == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    for first in (0, 10, 20):
        own = [number for number in brought if number // 10 == first // 10]
        assert own == sorted(own)


async def test_one_lane_reads_nothing_ahead() -> None:
    taken: list[int] = []
    seen = 0
    async for number in in_lanes([numbers(0, taken), numbers(10, taken)], 1):
        seen += 1
        await asyncio.sleep(0.01)
        assert (len(taken), taken[-1]) == (seen, number)
    assert seen == 6


async def test_lanes_meet() -> None:
    """Each waits for the other, which runs at the same time."""
    meeting = asyncio.Barrier(2)

    async def meet(number: int) -> AsyncIterator[int]:
        await meeting.wait()
        yield number

    async with asyncio.timeout(5):
        assert {number async for number in in_lanes([meet(1), meet(2)], 2)} == {1, 2}


async def test_the_first_fault_ends_all() -> None:
    ended = asyncio.Event()

    async def fails() -> AsyncIterator[int]:
        await asyncio.sleep(0)
        raise OSError
        yield 1

    async def waits() -> AsyncIterator[int]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        yield 2

    with pytest.raises(OSError):
        [number async for number in in_lanes([fails(), waits()], 2)]
    assert ended.is_set()


async def test_whoever_leaves_early_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    stream = in_lanes([numbers(0, []), numbers(10, [])], 2)
    await anext(stream)
    await stream.aclose()
    assert asyncio.all_tasks() == before
