"""Who follows the live feed on this process, and what each of them gets when.

A subscriber that keeps up is written to at once, for all of them in one loop that does not wait:
what is written is the same object for everybody at the same position. One that comes from an older
position, or whose outlet is full, has a task of its own until it has caught up; it delays nobody.
"""

import asyncio
import logging
import random
import time
from typing import Any, NamedTuple

import orjson
import psycopg

from core.errors import Unavailable
from core.settings import Settings
from db.session import Database
from feed.archive import Archive
from feed.changes import Change, Message
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

AT_ONCE = 200
"""Subscribers that are served between two chances for everything else."""

PIECE = 500
"""Changes that are rendered at once for one reader."""

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
        self.archive = Archive(database)
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
            raise Unavailable("The database does not answer")
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

    def close(self) -> None:
        """Tells everybody to come back later, and ends their streams."""
        self.closing = True
        for subscriber in self._ended:
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
            changes = await self._next(reader)
            if changes is None:
                return [self._gone_message(reader)], str(reader.position)
            messages = list(reader.render(changes))
            left = deadline - time.monotonic()
            if messages or left <= 0 or self.closing:
                return messages, str(reader.position)
            if not changes:
                await self._change(left)

    # ── the loops ────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Hands on what the tail brings, and shows that the server lives, until it stops."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.tail.run())
            tasks.create_task(self.tail.listener.run())
            tasks.create_task(self._hand_on())
            tasks.create_task(self._beat())

    async def _hand_on(self) -> None:
        while True:
            await self._grown.wait()
            self._grown.clear()
            if self.archive.epoch != self.ring.epoch:
                self.archive.begin(self.ring.epoch)
            for number, subscriber in enumerate(tuple(self.subscribers), 1):
                if subscriber.live:
                    self._try_to_write(subscriber)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
            async with self._changed:
                self._changed.notify_all()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for number, subscriber in enumerate(tuple(self.subscribers), 1):
                if subscriber.outlet.waiting() < FULL_BYTES:
                    subscriber.outlet.write(_heartbeat(subscriber))
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _change(self, seconds: float) -> None:
        """Waits until the ring may have grown."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait()
        except TimeoutError:
            pass

    # ── one subscriber ───────────────────────────────────────────────────────────────────────────

    def _try_to_write(self, subscriber: Subscriber) -> None:
        """Whatever is wrong with one subscriber is not to reach the others."""
        try:
            self._write(subscriber)
        except Exception:
            log.exception("a subscriber of the live feed is given up")
            self._say_slow(subscriber)

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
            self._write_from_ring(subscriber)

    def _write_from_ring(self, subscriber: Subscriber) -> None:
        if subscriber.plain:
            data, last = self.ring.chunk(subscriber.seq)
            subscriber.told(last)
        else:
            changes = self.ring.since(subscriber.seq, PIECE)
            data = b"".join(message.frame() for message in subscriber.render(changes))
        if data:
            subscriber.outlet.write(data)

    def _help(self, subscriber: Subscriber) -> None:
        subscriber.fell_behind = subscriber.live
        subscriber.live = False
        task = asyncio.create_task(self._catch_up(subscriber))
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    async def _catch_up(self, subscriber: Subscriber) -> None:
        ring = self.ring
        while subscriber in self.subscribers:
            if not await self._room(subscriber):
                self._say_slow(subscriber)
            elif subscriber.epoch == ring.epoch and subscriber.seq >= ring.first:
                if subscriber.seq == ring.head:
                    subscriber.live = True
                    return
                self._write_from_ring(subscriber)
            else:
                await self._write_from_log(subscriber)

    async def _write_from_log(self, subscriber: Subscriber) -> None:
        try:
            changes = await self._next(subscriber)
        except (psycopg.Error, Unavailable):
            await asyncio.sleep(1)  # the tail says in the log what is wrong
            return
        if changes is None:
            subscriber.outlet.write(self._gone(subscriber))
            return
        data = b"".join(message.frame() for message in subscriber.render(changes))
        if data:
            subscriber.outlet.write(data)

    async def _next(self, reader: Reader) -> list[Change] | None:
        """Some changes after a reader's position, from wherever they are; None if it is gone."""
        ring = self.ring
        if reader.epoch == ring.epoch and reader.seq >= ring.first:
            return list(ring.since(reader.seq, PIECE))
        if reader.epoch == ring.epoch:
            changes = await self.archive.after(reader.seq)
            if reader.epoch == ring.epoch and changes:
                return list(changes[:PIECE])
        return None

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
        self.slow += 1
        told = _event("slow", {"cursor": str(subscriber.position)})
        self._end(subscriber, told, LAST_SECONDS)

    def _say_bye(self, subscriber: Subscriber) -> None:
        retry = random.randint(*RETRY_MS)  # noqa: S311 - it spreads load, no secret
        told = b"retry: %d\n" % retry + _event("bye", {"retry": retry})
        self._end(subscriber, told, BYE_SECONDS)

    def _end(self, subscriber: Subscriber, data: bytes, seconds: float) -> None:
        self.subscribers.discard(subscriber)
        self._ended.add(subscriber)
        subscriber.live = False
        subscriber.outlet.end(data, seconds)

    # ── messages about the stream itself ─────────────────────────────────────────────────────────

    def _hello(self, position: Position) -> bytes:
        ring = self.ring
        facts = {"epoch": ring.epoch, "head": ring.head, "floor": ring.floor}
        return Message(f"{position.epoch}.{position.seq}", "hello", orjson.dumps(facts)).frame()

    def _gone(self, subscriber: Subscriber) -> bytes:
        return self._gone_message(subscriber).frame()

    def _gone_message(self, reader: Reader) -> Message:
        """Tells a reader that its position is lost, and moves it on to the end."""
        ring = self.ring
        reader.skip_to(ring.epoch, ring.head)
        data = orjson.dumps({"floor": ring.floor, "head": ring.head})
        return Message(f"{ring.epoch}.{ring.head}", "gone", data)


def _heartbeat(subscriber: Subscriber) -> bytes:
    """Under a filter, also moves the position that a browser would resume from."""
    if subscriber.prev == subscriber.seq:
        return HEARTBEAT
    return HEARTBEAT[:-1] + b"id: %b.%d\n\n" % (subscriber.epoch.encode(), subscriber.seq)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
