"""One client of the live feed, a careful one: it believes nothing and notes everything.

It checks the chain of `prev` as it goes, goes on where it stopped, and comes back after whatever
ends its stream, on any server.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import orjson

from bench.live.items import Key, tag_of
from bench.live.notes import Notes, complaint, message, session_begins, session_ends
from bench.live.sse import Event, Refused, Stream, get
from bench.live.truth import EVERYTHING, Message, Page, Wanted

BROKEN = (OSError, EOFError, Refused)
"""What may befall a connection while servers are killed."""

ITEMS = ("item", "patch", "remove")

ABSENCES = (0.0, 0.0, 0.5, 3.0)
"""Seconds between two connections: long enough, at times, to come back to a ring without us."""


class Finish:
    """The end of the campaign: the number of its last change, once there will be no other one."""

    def __init__(self) -> None:
        self.head: int | None = None
        self._limits: set[asyncio.Timeout] = set()

    def announce(self, head: int) -> None:
        """Lets everybody see, who would wait for longer otherwise."""
        self.head = head
        soon = asyncio.get_running_loop().time() + 1
        for limit in self._limits:
            if not limit.expired():  # its work is about to be told so
                limit.reschedule(soon)

    async def within(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        """Lets the work go on for so long at most, and not much longer than the campaign."""
        limit = asyncio.timeout(min(seconds, 1.0) if self.head is not None else seconds)
        try:
            async with limit:
                self._limits.add(limit)
                await work
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._limits.discard(limit)


class Reader:
    """Position, checks and notes, which all kinds of clients share."""

    def __init__(
        self,
        name: str,
        servers: Sequence[str],
        chance: random.Random,
        notes: Notes,
        finish: Finish,
        wanted: Wanted = EVERYTHING,
    ) -> None:
        self.name, self.servers, self.chance, self.finish = name, servers, chance, finish
        self.wanted = wanted
        self.counts: Counter[str] = Counter()
        self.cursor: str | None = None
        """What to send in order to go on; also moved by blocks that tell nothing."""
        self.seq = 0
        self._epoch: str | None = None
        self._told: str | None = None
        """The id that the next message has to name as the one before it."""
        self._dense = wanted == EVERYTHING
        self._notes = notes
        self._open = False
        self.opened = asyncio.Event()
        """Set as soon as it has a position: nothing that happens from then on may escape it."""

    @property
    def done(self) -> bool:
        return self.finish.head is not None and self._open and self.seq >= self.finish.head

    async def run(self) -> None:
        """Reads until the campaign has ended and everything has come."""
        while not self.done:
            self.counts["connections"] += 1
            try:
                await self.finish.within(self.lifetime(), self.connect())
                await self.finish.within(self.chance.choice(ABSENCES), asyncio.sleep(60))
            except BROKEN as error:
                self.broken(error)
                await asyncio.sleep(self.chance.uniform(0.05, 0.3))
        self.end_session()

    def lifetime(self) -> float:
        """Seconds until this client drops its connection: mostly soon, at times never."""
        return self.chance.choice((0.4, 1.0, 3.0, 60.0)) * self.chance.uniform(0.5, 1.5)

    async def connect(self) -> None:
        raise NotImplementedError

    def broken(self, error: Exception) -> None:
        self.counts["refused" if isinstance(error, Refused) else "broken"] += 1
        if isinstance(error, Refused) and " 503" not in str(error):
            self.complain(f"refused: {error}")
        if isinstance(error, TimeoutError):
            self.complain("silence for longer than the contract allows")

    async def poll(self, wait: float) -> None:
        query = self.wanted.query() | {"wait": str(wait)}
        if self.cursor:
            query["after"] = self.cursor
        answer = orjson.loads(
            await get(self.chance.choice(self.servers) + "/api/feed/changes", query)
        )
        if not self._open:
            self.begin_session(answer["cursor"])
        self._told = self.cursor  # a poll knows of no message before it
        for each in answer["messages"]:
            if each["event"] in ITEMS:
                self.told(each["id"], each["event"], each["data"])
            else:
                self.take(Event(each["id"], each["event"], orjson.dumps(each["data"])))
        if _seq(answer["cursor"]) < self.seq:
            self.complain(f"cursor {answer['cursor']} after {self.seq}")
        self.cursor, self.seq = answer["cursor"], _seq(answer["cursor"])

    # ── what arrives ─────────────────────────────────────────────────────────────────────────────

    def hello(self, event: Event) -> None:
        """The start of a stream: where it begins, which must be where we are."""
        if event.id is None or event.name != "hello":
            self.complain(f"{event.name or 'an id'} before hello")
            return
        if not self._open:
            self.begin_session(event.id)
        elif event.id != self.cursor:
            self.complain(f"hello {event.id} after {self.cursor}")
        self._told = self.cursor = event.id

    def take(self, event: Event) -> bool:
        """Handles an event; whether the stream goes on."""
        if event.name in ITEMS:
            self.told(str(event.id), event.name, orjson.loads(event.data))
        elif event.name in ("slow", "bye", "gone"):
            self.counts[event.name] += 1
            if event.name == "gone":
                self.complain(f"gone {event.data.decode()} at {self.cursor}")
            if event.name == "slow":
                self._check_cursor(orjson.loads(event.data)["cursor"])
            return False
        elif event.name:
            self.complain(f"unknown event {event.name}")
        elif event.id:
            self.cursor = event.id
            self.seq = _seq(event.id)
        return True

    def told(self, id: str, event: str, data: dict[str, object]) -> None:
        """A message about an item."""
        seq = _seq(id)
        if data["prev"] != self._told:
            self.complain(f"{id} names {data['prev']} as the one before it, after {self._told}")
        if seq <= self.seq or (self._dense and seq != self.seq + 1):
            self.complain(f"{id} after {self.seq}")
        if not id.startswith(f"{self._epoch}."):
            self.complain(f"{id} in epoch {self._epoch}")
        self._told = self.cursor = id
        self.seq = seq
        item = data.get("item", data)
        assert isinstance(item, dict)
        key = Key(item["type"], item["id"])
        tag = tag_of(item) if "item" in data else None
        imported = data.get("import") is True
        self.counts["messages"] += 1
        connection = self.counts["connections"]
        self._notes.add(message(Message(seq, event, key, tag, imported, connection)))

    # ── notes ────────────────────────────────────────────────────────────────────────────────────

    def begin_session(self, id: str, page: Page | None = None) -> None:
        self.end_session()
        self._open, self._told, self.cursor = True, id, id
        self.opened.set()
        self._epoch, self.seq = id.partition(".")[0], _seq(id)
        self._dense = self.wanted == EVERYTHING and page is None
        self._notes.add(session_begins(self.wanted, self.seq, page))

    def end_session(self) -> None:
        if self._open:
            self._notes.add(session_ends(self.seq))
            self._notes.flush()
        self._open = False

    def complain(self, text: str) -> None:
        self.counts["complaints"] += 1
        self._notes.add(complaint(text))

    def close(self) -> None:
        self._notes.add({"counts": self.counts})
        self._notes.flush()

    def _check_cursor(self, cursor: str) -> None:
        if cursor != self.cursor and self._dense:
            self.complain(f"slow at {cursor} after {self.cursor}")


class StreamReader(Reader):
    """A stream of server-sent events, under a filter or without one."""

    async def connect(self) -> None:
        query, headers = self.wanted.query(), {}
        if self.cursor and self.chance.random() < 0.3:
            query["after"] = self.cursor
        elif self.cursor:
            headers["Last-Event-ID"] = self.cursor
        stream = await Stream.open(
            self.chance.choice(self.servers) + "/api/feed/live", query, headers
        )
        await self.follow(stream)

    async def follow(self, stream: Stream) -> None:
        try:
            greeted = False
            async for event in stream.events():
                if not greeted:
                    self.hello(event)
                    greeted = True
                elif not self.take(event):
                    return
                if self.done:
                    return
        finally:
            stream.close()


class PollingReader(Reader):
    """Long polls, one after another."""

    async def connect(self) -> None:
        while not self.done:
            await self.poll(self.chance.choice((0, 0.2, 2, 5)))


class FilteredReader(StreamReader):
    """Streams while the campaign runs. Only a poll says that nothing more is coming."""

    async def connect(self) -> None:
        if self.finish.head is None:
            await super().connect()
            return
        await self.poll(0)


class PagingReader(StreamReader):
    """Loads a page, subscribes where it ends, reads for a while; and again."""

    def lifetime(self) -> float:
        return self.chance.uniform(0.5, 2.5)

    @property
    def done(self) -> bool:
        return self.finish.head is not None

    async def connect(self) -> None:
        try:
            await self._load_and_read()
        finally:
            self.end_session()

    async def _load_and_read(self) -> None:
        url, asked = self.chance.choice(self.servers) + "/api/feed", time.monotonic()
        page = orjson.loads(await get(url, {"limit": "50"}))
        loaded = time.monotonic()
        tags = [tag_of(item) for item in page["items"]]
        full = page["next_cursor"] is not None
        self.counts["pages"] += 1
        self.counts["pages_with_snapshot"] += "~" in page["live_from"]
        await asyncio.sleep(self.chance.choice((0, 0, 0.05, 0.5)))
        query = {"after": page["live_from"]}
        stream = await Stream.open(self.chance.choice(self.servers) + "/api/feed/live", query, {})
        self.begin_session(page["live_from"], Page(asked, loaded, page["live_from"], tags, full))
        await self.follow(stream)


class SlowReader(StreamReader):
    """Stops reading until its server gives it up, and goes on from the cursor it is told."""

    async def connect(self) -> None:
        if self.finish.head is not None:
            await super().connect()
            return
        server = self.chance.choice(self.servers)
        headers = {"Last-Event-ID": self.cursor} if self.cursor else {}
        stream = await Stream.open(f"{server}/api/feed/live", {}, headers, narrow=True)
        try:
            before = await self._given_up(server)
            while self.finish.head is None and before == await self._given_up(server):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.2)
        except BaseException:
            stream.close()
            raise
        await self.follow(stream)

    def lifetime(self) -> float:
        return 40.0

    async def _given_up(self, server: str) -> float:
        """How many clients the server has found too slow."""
        found = re.search(
            rb"^feed_live_slow_clients (\S+)", await get(f"{server}/metrics", {}), re.M
        )
        assert found, "the metric has another name"
        return float(found[1])


def _seq(id: str) -> int:
    """The number in a position, without what it may say of a page."""
    return int(id.partition("~")[0].partition(".")[2])
