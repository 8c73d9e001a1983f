"""The select of a page through the driver alone, in a bare loop.

The connection is as the platform's pages have theirs (db/session.py), on the same event loop; the
rows arrive, and that is all. They come by psycopg's cursor, as the driver is meant to be used; the
platform itself reads pages below it (db/raw_select.py), which saves it a tenth.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter
from urllib.parse import urlsplit

import psycopg

from api import fast_lane
from bench.speed.contest import Contestant, Load, Tally, Turn, in_turns
from db.session import RawJson
from feed.page import Selection


def selection(path: str) -> Selection:
    """What a path asks for."""
    found = fast_lane.selection(urlsplit(path).query.encode())
    assert found, f"{path} would not take the fast lane"
    return found


@dataclass(frozen=True)
class Driver(Contestant):
    """The selects of these paths, round and round, on one connection to the database."""

    @asynccontextmanager
    async def connect(self, tally: Tally) -> AsyncIterator[Turn]:
        statements = [selection(path).statement for path in self.paths]
        numbers = cycle(range(len(statements)))
        connection = await psycopg.AsyncConnection.connect(
            self.url, autocommit=True, prepare_threshold=None
        )

        async def turn() -> None:
            for number in numbers:
                asked = perf_counter()
                cursor = await connection.execute(*statements[number])
                await cursor.fetchall()
                if not tally.answered(number, asked, "200"):
                    return

        async with connection:
            connection.adapters.register_loader("jsonb", RawJson)
            yield turn


def loop(url: str, paths: Sequence[str], *, seconds: float, warm_seconds: float = 0.3) -> Load:
    """What the driver finds by itself."""
    return in_turns(Driver(url, paths), seconds=seconds, warm_seconds=warm_seconds)[0]
