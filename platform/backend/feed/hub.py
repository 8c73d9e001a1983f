"""Who follows the live feed on this process, and what each of them gets when.

A subscriber that keeps up is written to at once, for all of them in one loop that does not wait:
what is written is the same object for everybody at the same position. One that comes from an older
position, or whose outlet is full, has a task of its own until it has caught up; it delays nobody.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import orjson
import psycopg

from core.errors import Unavailable
from core.settings import Settings
from db.session import Database
from feed.archive import Archive
from feed.changes import Message
from feed.filters import Filter
from feed.position import Position
from feed.ring import CHUNK_BYTES, Ring
from feed.subscriber import Reader, Subscriber
from feed.tail import Tail

log = logging.getLogger(__name__)

FULL_BYTES = CHUNK_BYTES
"""How much may wait in an outlet before nothing more is put into it."""

ROOM_EVERY = 0.05
"""Seconds between two looks whether a full outlet has room again."""

SLOW_SECONDS = 20.0
"""How long an outlet may stay full."""

LAST_SECONDS = 30.0
"""What a slow client has to take what is on its way, its last message included."""

BYE_SECONDS = 1.0
"""The same when the server stops."""

HEARTBEAT_SECONDS = 10.0
HEARTBEAT = b": still here\n\n"

CATCH_UP_SECONDS = 5.0
"""How long this process may be behind a client that comes from another one."""

IN_A_ROW = 200
"""Subscribers that are served between two chances for everything else."""

LEAST_WAIT = 3.0
"""Seconds that a long poll gives the log to answer, however little it wants to wait itself."""

RETRY_MS = (500, 5000)
"""When clients come back after the server has stopped, spread evenly."""


class Start(NamedTuple):
    """Where a reader begins."""

    position: Position
    until: int
    gone: bool
    """Whether that is not where it wanted to."""


class Hub:
    """The live feed of one process."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._grown = asyncio.Event()
        self._changed = asyncio.Condition()
        self._catching_up: set[asyncio.Task[None]] = set()
        self.tail = Tail(database, settings, self._grown.set)
        self.archive = Archive(database, self.tail.ring)
        self.subscribers: set[Subscriber] = set()
        self._ended: set[Subscriber] = set()
        self.closing = False
        self.hits = 0
        """Readers that found what they needed in the ring when they came."""
        self.misses = 0
        self.slow = 0
        """Subscribers that were ended for reading too slowly."""

    @property
    def ring(self) -> Ring:
        return self.tail.ring

    # ── coming and going ─────────────────────────────────────────────────────────────────────────

    async def place(self, wanted: Position | None) -> Start:
        """Where a reader with this position begins; without one, after all there is.

        Raises Unavailable while that cannot be said, and when the server is about to stop.
        """
        ring = self.ring
        if self.closing or not ring.epoch:
            raise Unavailable("The live feed is not running here")
        if wanted is None:
            return Start(Position(ring.epoch, ring.head), ring.head, gone=False)
        unknown = wanted.epoch != ring.epoch or wanted.seq > ring.head or wanted.snapshot
        if unknown and not await self.tail.caught_up(CATCH_UP_SECONDS):
            raise Unavailable("The live feed is behind")
        if wanted.epoch != ring.epoch or not ring.floor <= wanted.seq <= ring.head:
            return Start(Position(ring.epoch, ring.head), ring.head, gone=True)
        if wanted.seq >= ring.first:
            self.hits += 1
        else:
            self.misses += 1
        return Start(wanted, ring.head, gone=False)

    def join(self, subscriber: Subscriber, start: Start) -> None:
        """Greets a subscriber, and from then on writes to it."""
        outlet, ring = subscriber.outlet, self.ring
        if start.gone:
            outlet.write(self._hello(start.position) + self._gone(subscriber))
        else:
            outlet.write(self._hello(start.position))
        self.subscribers.add(subscriber)
        if self.closing:
            self._say_bye(subscriber)
        elif subscriber.epoch == ring.epoch and subscriber.seq == ring.head:
            subscriber.live = True
        else:
            self._help(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Forgets a subscriber whose connection is gone."""
        self.subscribers.discard(subscriber)
        self._ended.discard(subscriber)
        subscriber.live = False

    def close(self) -> None:
        """Tells everybody to come back later, and ends their streams."""
        self.closing = True
        for subscriber in tuple(self._ended):
            subscriber.outlet.end(b"", BYE_SECONDS)
        for subscriber in tuple(self.subscribers):
            self._say_bye(subscriber)
        self._grown.set()

    async def poll(self, wanted: Filter, start: Start, seconds: float) -> tuple[list[Message], str]:
        """What follows on a position, as soon as there is something; and the next position."""
        reader = Reader(wanted, start.position, start.until)
        if start.gone:
            return [self._gone_message(reader)], str(reader.position)
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            try:
                async with asyncio.timeout(max(left, LEAST_WAIT)):
                    source = await self._source(reader)
            except TimeoutError:
                return [], str(reader.position)
            if source is None:
                return [self._gone_message(reader)], str(reader.position)
            messages = list(reader.render(source.piece(reader.seq)))
            if messages or left <= 0 or self.closing:
                return messages, str(reader.position)
            await asyncio.sleep(0)  # a filter that wants little is not to keep everybody waiting
            await self._change(reader, left)

    # ── the loops ────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Hands on what the tail brings, and shows that the server lives, until it stops."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.tail.run())
            tasks.create_task(self.tail.listener.run())
            tasks.create_task(self._forever(self._hand_on))
            tasks.create_task(self._forever(self._beat))

    async def _forever(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs it again when it fails: a server whose streams fall silent looks well and is not."""
        while True:
            try:
                await loop()
            except Exception:
                log.exception("the live feed stumbled")
                await asyncio.sleep(1)
                self._grown.set()

    async def _hand_on(self) -> None:
        while True:
            await self._grown.wait()
            self._grown.clear()
            for number, subscriber in enumerate(tuple(self.subscribers), 1):
                if subscriber.live:
                    self._try_to_write(subscriber)
                if number % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            async with self._changed:
                self._changed.notify_all()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for number, subscriber in enumerate(tuple(self.subscribers), 1):
                here = subscriber in self.subscribers
                if here and subscriber.outlet.waiting() < FULL_BYTES:
                    subscriber.outlet.write(_heartbeat(subscriber))
                if number % IN_A_ROW == 0:
                    await asyncio.sleep(0)

    async def _change(self, reader: Reader, seconds: float) -> None:
        """Waits until there is something behind a reader's position."""
        ring = self.ring

        def changed() -> bool:
            return self.closing or (reader.epoch, reader.seq) != (ring.epoch, ring.head)

        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(changed)
        except TimeoutError:
            pass

    # ── one subscriber ───────────────────────────────────────────────────────────────────────────

    def _try_to_write(self, subscriber: Subscriber) -> None:
        """Whatever is wrong with one subscriber is not to reach the others."""
        try:
            self._write(subscriber)
        except Exception:
            self._give_up(subscriber)

    def _write(self, subscriber: Subscriber) -> None:
        """Brings a live subscriber up to date, or gives it a task that does."""
        ring = self.ring
        if subscriber.epoch != ring.epoch or subscriber.seq < ring.first:
            self._help(subscriber)
            return
        while subscriber.seq < ring.head:
            if subscriber.outlet.waiting() >= FULL_BYTES:
                self._help(subscriber)
                return
            self._write_from(ring, subscriber)

    def _write_from(self, source: Ring, subscriber: Subscriber) -> None:
        """Writes one chunk of the ring, or of a block of the archive."""
        if subscriber.plain:
            data, last = source.chunk(subscriber.seq)
            subscriber.told(last)
        else:
            changes = source.piece(subscriber.seq)
            data = b"".join(message.frame() for message in subscriber.render(changes))
            data += subscriber.passed_over()
        if data:
            subscriber.outlet.write(data)

    def _help(self, subscriber: Subscriber) -> None:
        subscriber.fell_behind = subscriber.live
        subscriber.live = False
        task = asyncio.create_task(self._catch_up(subscriber))
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    async def _catch_up(self, subscriber: Subscriber) -> None:
        try:
            await self._bring_up(subscriber)
        except Exception:
            self._give_up(subscriber)

    def _give_up(self, subscriber: Subscriber) -> None:
        """Cuts a client off at whose stream we failed: it will come back where it was."""
        log.exception("a stream of the live feed is given up")
        self._end(subscriber, b"", 0)

    async def _bring_up(self, subscriber: Subscriber) -> None:
        while subscriber in self.subscribers:
            if not await self._room(subscriber):
                self._say_slow(subscriber)
                return
            try:
                source = await self._source(subscriber)
            except (psycopg.Error, Unavailable):
                await asyncio.sleep(1)  # the tail says in the log what is wrong
                continue
            if subscriber not in self.subscribers:
                return
            if source is None:
                subscriber.outlet.write(self._gone(subscriber))
            elif source is self.ring and subscriber.seq == source.head:
                subscriber.live = True
                return
            else:
                self._write_from(source, subscriber)
            await asyncio.sleep(0)  # others want to be served, too

    async def _source(self, reader: Reader) -> Ring | None:
        """Where the changes after a reader's position are; None if they are nowhere."""
        ring = self.ring
        if reader.epoch != ring.epoch:
            return None
        if reader.seq >= ring.first:
            return ring
        block = await self.archive.block(reader.epoch, reader.seq)
        return block if reader.epoch == ring.epoch else None

    async def _room(self, subscriber: Subscriber) -> bool:
        """Waits until the outlet takes more. False when it does not, for too long or too much."""
        deadline = time.monotonic() + SLOW_SECONDS
        while subscriber.outlet.waiting() >= FULL_BYTES:
            evicted = subscriber.fell_behind and subscriber.seq < self.ring.first
            if evicted or time.monotonic() > deadline:
                return False
            await asyncio.sleep(ROOM_EVERY)
        return True

    def _say_slow(self, subscriber: Subscriber) -> None:
        self.slow += subscriber in self.subscribers
        told = _event("slow", {"cursor": str(subscriber.position)})
        self._end(subscriber, told, LAST_SECONDS)

    def _say_bye(self, subscriber: Subscriber) -> None:
        self._end(subscriber, goodbye(), BYE_SECONDS)

    def _end(self, subscriber: Subscriber, data: bytes, seconds: float) -> None:
        if subscriber not in self.subscribers:
            return
        self.subscribers.discard(subscriber)
        self._ended.add(subscriber)
        subscriber.live = False
        subscriber.outlet.end(data, seconds)

    # ── messages about the stream itself ─────────────────────────────────────────────────────────

    def _hello(self, position: Position) -> bytes:
        ring = self.ring
        facts = {"epoch": ring.epoch, "head": ring.head, "floor": ring.floor}
        return Message(str(position), "hello", orjson.dumps(facts)).frame()

    def _gone(self, subscriber: Subscriber) -> bytes:
        return self._gone_message(subscriber).frame()

    def _gone_message(self, reader: Reader) -> Message:
        """Tells a reader that its position is lost, and moves it on to the end."""
        ring = self.ring
        reader.skip_to(ring.epoch, ring.head)
        data = orjson.dumps({"floor": ring.floor, "head": ring.head})
        return Message(f"{ring.epoch}.{ring.head}", "gone", data)


def goodbye() -> bytes:
    """The last message of a stream that the client may open again, not all at the same time."""
    retry = random.randint(*RETRY_MS)  # noqa: S311 - it spreads load, no secret
    return b"retry: %d\n" % retry + _event("bye", {"retry": retry})


def _heartbeat(subscriber: Subscriber) -> bytes:
    """Under a filter, also moves the position that a browser would resume from."""
    if not subscriber.silent:
        return HEARTBEAT
    return HEARTBEAT[:-1] + b"id: %b\n\n" % str(subscriber.position).encode()


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
