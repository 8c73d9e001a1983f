"""What a process's ring has no more, read from the log: once for everybody who asks meanwhile.

After a restart thousands of clients come back at once, each from a position of its own. They share
what is read: one statement at a time, one in `EVERY` seconds, which begins at the oldest position
that anybody waits for.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from db.session import Database
from feed.changes import READ, Change

EVERY = 1.0
"""Seconds between two statements."""

BLOCK = 5000
"""Changes that one statement reads."""

BLOCKS = 3
"""How many of them are kept for those who come next."""


class Block(NamedTuple):
    """The changes after `start`, without a hole; none when `start` is kept no more."""

    start: int
    changes: Sequence[Change]

    def after(self, seq: int) -> Sequence[Change]:
        """The rest of the block; empty when it does not contain what follows on `seq`."""
        within = self.start <= seq < self.start + len(self.changes)
        return self.changes[seq - self.start :] if within else ()


class Archive:
    """`reads` counts statements."""

    def __init__(self, database: Database) -> None:
        self.reads = 0
        self.epoch = ""
        self._database = database
        self._blocks: deque[Block] = deque(maxlen=BLOCKS)
        self._wanted: dict[asyncio.Future[Block], int] = {}
        self._reading: asyncio.Task[None] | None = None

    def begin(self, epoch: str) -> None:
        """Forgets what was read of another history."""
        self.epoch = epoch
        self._blocks.clear()

    async def after(self, seq: int) -> Sequence[Change]:
        """Changes that follow on `seq`; none when the log keeps them no more.

        Raises psycopg.Error or Unavailable when the database does not answer.
        """
        for block in self._blocks:
            if changes := block.after(seq):
                return changes
        future: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        self._wanted[future] = seq
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        try:
            return (await future).after(seq)
        finally:
            self._wanted.pop(future, None)

    async def _read_all(self) -> None:
        while self._wanted:
            start = min(self._wanted.values())
            try:
                block = await self._read(start)
            except Exception as error:
                for future in self._waiting():
                    future.set_exception(error)
            else:
                for future in self._waiting():
                    seq = self._wanted[future]
                    if seq == start or block.after(seq):
                        future.set_result(block)
            await asyncio.sleep(EVERY)

    def _waiting(self) -> list[asyncio.Future[Block]]:
        return [future for future in self._wanted if not future.done()]

    async def _read(self, start: int) -> Block:
        self.reads += 1
        rows = await self._database.read(READ, {"after": start, "most": BLOCK})
        changes = [Change.of(row) for row in rows]
        if changes and changes[0].seq != start + 1:
            changes = []
        block = Block(start, changes)
        self._blocks.append(block)
        return block
