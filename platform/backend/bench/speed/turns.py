"""The process in which contestants take their turns: in that of the bench they would wait for it.

    python -m bench.speed.turns <<< '{"contestants": […], "seconds": 2.0, …}'

A contestant is the name of its class and its fields:

    ["bench.speed.client:Clients", {"url": …, "paths": […], "connections": 16}]
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pkgutil import resolve_name
from typing import Any

import uvloop

from bench.speed.contest import TURN_SECONDS, Contestant, Load, Tally

GRACE_SECONDS = 60.0
"""What the last answers may take; the slowest rivals need seconds for a page."""


async def take(
    contestants: Sequence[Contestant], seconds: float, warm_seconds: float, rest_seconds: float
) -> list[Load]:
    """Whoever is alone has one long turn: it would wait for nobody."""
    turns = 1 if len(contestants) == 1 else max(1, round(seconds / TURN_SECONDS))
    tallies = [Tally(len(one.paths)) for one in contestants]
    async with AsyncExitStack() as connected:
        sides = [
            (tally, await connected.enter_async_context(contestant.connect(tally)))
            for contestant, tally in zip(contestants, tallies, strict=True)
        ]
        for number in range(turns):
            warm = 0 if number else warm_seconds
            for tally, turn in sides[:: -1 if number % 2 else 1]:
                tally.begin(seconds / turns, warm)
                async with asyncio.timeout(warm + seconds / turns + GRACE_SECONDS):
                    await turn()
                await asyncio.sleep(rest_seconds)
    return [tally.load() for tally in tallies]


async def _main(contestants: list[tuple[str, dict[str, Any]]], **times: float) -> None:
    found = await take([resolve_name(name)(**told) for name, told in contestants], **times)
    sys.stdout.write(json.dumps([asdict(one) for one in found]))


if __name__ == "__main__":
    uvloop.run(_main(**json.load(sys.stdin)))
