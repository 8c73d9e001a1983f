"""Readers who ask for the same at the same time get it by one query, and never by an older one.

A query answers only those who came before it started, so that each of them gets what a query of
his own would have found, or newer. Nothing is kept once it is answered: this is no cache.

Whoever comes first opens a batch, and its query starts as soon as it can. Until then others who ask
for the same may join; those who come later open the next batch. So a lone reader waits for nobody,
and the longer a query has to wait, for its turn or for a connection, the more readers it serves.

Readers who have been answered often ask again at once. A batch that had to wait for its turn waits
a moment longer while they keep coming: else readers fall into two groups that go by turns, where
half of the queries would do.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

AT_ONCE = 2
"""Queries that may run for the same question: a popular page does not fill the pool."""

SOON = 0.002
"""Seconds until the second one starts beside the first. Most end before, and a batch that waits for
that serves many more readers; where the database is far away, it must not wait so long.
"""

QUIET, NO_LONGER = 3, 0.002
"""Rounds of the loop without another reader, until a batch that had its turn starts: it takes a
request two from the socket to here. And the seconds in which it starts anyway.
"""

CLOCK = 0.001
"""uvloop's has whole milliseconds."""

Answer = TypeVar("Answer")
Ask = Callable[[Callable[[], None]], Coroutine[Any, Any, Answer]]
"""Runs a query, and calls what it is given right before the statement leaves."""


class _Batch(Generic[Answer]):
    """Readers of one query; each has a future, which tells that the query has ended."""

    query: asyncio.Task[Answer]

    def __init__(self) -> None:
        self.readers: set[asyncio.Future[None]] = set()
        self.running = False
        """Whether it counts among those that run for its question."""


class SharedReads(Generic[Answer]):
    """Queries under way, by what they ask. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Batch[Answer]] = {}
        """Not started yet, so that others may join."""
        self._running: dict[Hashable, int] = {}
        self._ended: dict[Hashable, asyncio.Future[None]] = {}
        """What an open batch waits for, when as many run as may."""

    async def read(self, question: Hashable, ask: Ask[Answer], seconds: float) -> Answer:
        """The answer of a query that starts after this call.

        Raises TimeoutError when there is none after so many seconds, and whatever the query raises,
        to all who share it. A reader who leaves harms nobody; when the last one has left, the query
        is cancelled.
        """
        loop = asyncio.get_running_loop()
        batch = self._open.get(question) or self._begin(question, ask)
        reader: asyncio.Future[None] = loop.create_future()
        batch.readers.add(reader)
        patience = loop.call_later(seconds, _tell, reader)
        try:
            await reader
        finally:
            patience.cancel()
            batch.readers.discard(reader)
            if not batch.readers:
                self._close(question, batch)
                batch.query.cancel()
                self._leave(question, batch)  # it may take its time to be cancelled
        if not batch.query.done():
            raise TimeoutError
        return batch.query.result()

    def _begin(self, question: Hashable, ask: Ask[Answer]) -> _Batch[Answer]:
        batch = self._open[question] = _Batch()
        # A task starts in the loop's next round: whoever came in the same one can still join.
        batch.query = asyncio.create_task(self._run(question, ask, batch))
        batch.query.add_done_callback(partial(_tell_all, batch.readers))
        return batch

    async def _run(self, question: Hashable, ask: Ask[Answer], batch: _Batch[Answer]) -> Answer:
        try:
            if self._running.get(question):
                await self._turn(question)
                await self._gather(batch)
        except asyncio.CancelledError:
            self._close(question, batch)
            raise
        self._running[question] = self._running.get(question, 0) + 1
        batch.running = True
        try:
            return await ask(partial(self._close, question, batch))
        finally:
            self._close(question, batch)
            self._leave(question, batch)

    async def _turn(self, question: Hashable) -> None:
        """Only one batch is open, so only one waits here."""
        loop = asyncio.get_running_loop()
        soon = loop.time() + SOON
        while running := self._running.get(question, 0):
            self._ended[question] = ended = loop.create_future()
            if running == AT_ONCE:
                await ended
            elif soon - loop.time() > CLOCK / 2:
                timer = loop.call_at(soon, _tell, ended)
                try:
                    await ended
                finally:
                    timer.cancel()
            else:
                return

    async def _gather(self, batch: _Batch[Answer]) -> None:
        """Waits for more readers while they keep coming, but not for long."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + NO_LONGER
        quiet, readers = 0, len(batch.readers)
        while quiet < QUIET and loop.time() < latest:
            await asyncio.sleep(0)
            quiet = 0 if len(batch.readers) > readers else quiet + 1
            readers = len(batch.readers)

    def _leave(self, question: Hashable, batch: _Batch[Answer]) -> None:
        """Lets the next batch take its place."""
        if not batch.running:
            return
        batch.running = False
        if running := self._running.pop(question) - 1:
            self._running[question] = running
        if ended := self._ended.pop(question, None):
            _tell(ended)

    def _close(self, question: Hashable, batch: _Batch[Answer]) -> None:
        if self._open.get(question) is batch:
            del self._open[question]


def _tell_all(readers: set[asyncio.Future[None]], _: object) -> None:
    for reader in readers:
        _tell(reader)


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
