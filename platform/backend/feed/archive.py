"""What a process's ring has no more, read from the log: once for everybody who asks meanwhile.

After a restart thousands of clients come back at once, each from a position of its own. They share
what is read: one statement at a time and one in `EVERY` seconds, from the position of whoever has
waited longest.
"""

import asyncio
from collections import deque

from db.session import Database
from feed.changes import read_changes
from feed.ring import Ring, contiguous

EVERY = 1.0
"""Seconds between two statements."""

BLOCK = 2000
"""Changes that one statement reads."""

BLOCKS = 3
"""How many blocks are kept for those who come next."""


class Archive:
    """Blocks of the log around the positions that clients come from; each is a small ring."""

    def __init__(self, database: Database, ring: Ring) -> None:
        self.reads = 0
        """How often changes were read from the log."""
        self._database = database
        self._ring = ring
        self._blocks: deque[Ring] = deque(maxlen=BLOCKS)
        self._wanted: dict[asyncio.Future[Ring | None], tuple[str, int]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def block(self, epoch: str, seq: int) -> Ring | None:
        """A block with what follows on `seq`; None when the log keeps that no more.

        Raises psycopg.Error or Unavailable when the database does not answer.
        """
        if block := self._kept(epoch, seq):
            return block
        future: asyncio.Future[Ring | None] = asyncio.get_running_loop().create_future()
        self._wanted[future] = epoch, seq
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        try:
            return await future
        finally:
            self._wanted.pop(future, None)

    def _kept(self, epoch: str, seq: int) -> Ring | None:
        for block in self._blocks:
            if block.epoch == epoch and block.first <= seq < block.head:
                return block
        return None

    async def _read_all(self) -> None:
        while waiting := self._waiting():
            first = waiting[0]
            try:
                found = await self._read(*self._wanted[first])
            except Exception as error:
                for future in self._waiting():
                    future.set_exception(error)
            else:
                for future in self._waiting():
                    block = self._kept(*self._wanted[future])
                    if block or (future is first and not found):
                        future.set_result(block)
            await asyncio.sleep(EVERY)

    def _waiting(self) -> list[asyncio.Future[Ring | None]]:
        """Those who wait, in the order in which they came."""
        return [future for future in self._wanted if not future.done()]

    async def _read(self, epoch: str, start: int) -> bool:
        """Reads a block; False when what follows on `start` is gone."""
        self.reads += 1
        found = await read_changes(self._database.read, start, BLOCK)
        # What another process has numbered a moment ago comes by the ring, like everything new.
        known = [change for change in found if change.seq <= self._ring.head]
        changes = contiguous(start, known)
        if changes:
            block = Ring()
            block.restart(epoch, start)
            block.append(changes)
            self._blocks.append(block)
        return bool(changes)
