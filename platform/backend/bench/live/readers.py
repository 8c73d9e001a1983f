"""A process full of clients: `python -m bench.live.readers '{…}'`.

It says so when the first one has its position: the campaign must not begin before. It reads the
number of the last change from stdin, and ends when every client has got that far.
"""

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import orjson

from bench.live.items import AGENTS, KINDS, WORLDS
from bench.live.notes import Notes
from bench.live.reader import (
    FilteredReader,
    Finish,
    PagingReader,
    PollingReader,
    Reader,
    SlowReader,
    StreamReader,
)
from bench.live.truth import EVERYTHING, Wanted


class Config(NamedTuple):
    servers: list[str]
    seed: int
    directory: str
    streams: int
    filtered: int
    polls: int
    pages: int
    slow: int


def _kinds(config: Config) -> Iterator[tuple[type[Reader], Wanted]]:
    chance = random.Random(config.seed)  # noqa: S311 - no secret
    filters = [
        Wanted(kind=chance.choice(KINDS)),
        Wanted(agent_id=chance.choice(AGENTS)),
        Wanted(world_id=chance.choice(WORLDS)),
        Wanted(chance.choice(KINDS), chance.choice(WORLDS), chance.choice(AGENTS)),
    ]
    for kind, count in (
        (StreamReader, config.streams),
        (PollingReader, config.polls),
        (PagingReader, config.pages),
        (SlowReader, config.slow),
    ):
        yield from [(kind, EVERYTHING)] * count
    for number in range(config.filtered):
        wanted = filters[number % len(filters)]
        yield (FilteredReader, PollingReader)[number % 5 == 4], wanted


async def _read(config: Config) -> None:
    finish = Finish()
    with ExitStack() as files:
        readers = []
        for number, (kind, wanted) in enumerate(_kinds(config)):
            name = f"reader-{number:02}-{kind.__name__}"
            notes = files.enter_context(Notes(Path(config.directory) / f"{name}.notes"))
            chance = random.Random(config.seed + number)  # noqa: S311 - no secret
            readers.append(kind(name, config.servers, chance, notes, finish, wanted))
        async with asyncio.TaskGroup() as tasks:
            for reader in readers:
                tasks.create_task(reader.run())
            await readers[0].opened.wait()
            sys.stdout.write("reading\n")
            sys.stdout.flush()
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                os._exit(1)  # the campaign is dead; nobody will read what we noted
            finish.announce(int(line))
        for reader in readers:
            reader.close()


if __name__ == "__main__":
    asyncio.run(_read(Config(**orjson.loads(sys.argv[1]))))
