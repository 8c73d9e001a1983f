"""The tail of the change log: one per process, into the ring that its clients read.

It stamps and reads in turn, on a connection of its own. A write of this process rings the bell,
another process's tail sends a notification; both only shorten the pause until the next look.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg

from core.settings import Settings
from db.session import Database, RawJson
from db.urls import libpq_url
from feed.changes import (
    AT_ONCE,
    LOOK,
    NEW_EPOCH,
    NOTIFY,
    TRIM,
    TRIM_AT_ONCE,
    Stamped,
    keeping,
    lasting,
    read_changes,
)
from feed.listener import Listener
from feed.ring import Ring, contiguous

log = logging.getLogger(__name__)

NOTHING_AFTER = 2**62
"""A position for those who do not know yet where they stand."""

GAP, GAP_PER_CHANGE, LONGEST_GAP = 0.025, 0.0004, 0.1
"""Seconds between two looks at least: what comes in meanwhile is handled together. The more there
is to do, the more it saves the writers, and the less readers notice.
"""

URGENT_GAP = 0.004
"""The same while a client waits to know where it stands."""

SHORTEST, LONGEST = 0.005, 0.25
"""Between these, in seconds, the pause grows while nothing calls the tail and nothing is found."""

PATIENCE = 5.0
"""Seconds for an answer of the database."""

TRIM_EVERY = 30.0


class Tail:
    """`grew` is called whenever the ring has changed."""

    def __init__(self, database: Database, settings: Settings, grew: Callable[[], None]) -> None:
        assert settings.database_url is not None, "the Database needs one as well"
        self.ring = Ring(settings.live_ring_bytes)
        self.lag = 0.0
        """Seconds between the newest change and its arrival here."""
        self.reads = 0
        """How often changes were read from the log."""
        self.listener = Listener(
            settings.database_direct_url or settings.database_url, database.read, self.wake
        )
        self._url = libpq_url(settings.database_url)
        self._keep = keeping(settings)
        self._trim_at = time.monotonic() + TRIM_EVERY
        self._grew = grew
        self._bell = asyncio.Event()
        self._urgent = asyncio.Event()
        self._waiting = 0
        """How many wait in `caught_up`."""
        self._looks = 0
        self._looked = asyncio.Condition()
        database.committed = self.wake

    def wake(self) -> None:
        """Says that there may be something new."""
        self._bell.set()

    async def run(self) -> None:
        """Follows the log for as long as the server runs, on a new connection after a failure."""
        while True:
            try:
                await self._follow()
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("live feed: %s", str(error).strip() or type(error).__name__)
            except Exception:
                log.exception("live feed: beginning again")
            await asyncio.sleep(LONGEST)

    async def caught_up(self, seconds: float) -> bool:
        """Waits until the ring has all that is committed now; False if that takes too long.

        That is so after a look that began later, was not a rival's, and left nothing for the next.
        """
        wanted = self._looks + 2  # one look may have begun before
        self._waiting += 1
        self._urgent.set()
        try:
            async with asyncio.timeout(seconds), self._looked:
                while self._looks < wanted:
                    self.wake()
                    await self._looked.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._urgent.clear()
        return True

    async def _follow(self) -> None:
        connection = await _connect(self._url)
        pause = SHORTEST
        try:
            while True:
                self._bell.clear()
                head = self.ring.head
                found = await self._look(connection)
                if time.monotonic() > self._trim_at:
                    await self._trim(connection)
                # A rival may have been too early for what we were called for. Whoever writes past
                # the platform calls nobody, and seldom writes once.
                pause = min(2 * pause, LONGEST) if found is False else SHORTEST
                changes = max(0, self.ring.head - head)
                if changes < AT_ONCE:  # else there is more
                    gap = min(max(GAP, changes * GAP_PER_CHANGE), LONGEST_GAP)
                    await asyncio.sleep(URGENT_GAP)
                    await _within(gap - URGENT_GAP, self._urgent)
                    await _within(pause, self._bell)
        finally:
            connection.pgconn.finish()  # a polite end would wait for a server that may be away

    async def _look(self, connection: psycopg.AsyncConnection[Any]) -> bool | None:
        """Stamps, and reads what is new. None when another process stamps just now."""
        ring = self.ring
        params = {"after": ring.head if ring.epoch else NOTHING_AFTER, "most": AT_ONCE}
        async with asyncio.timeout(PATIENCE):
            # Its values are written into the text: a message of several statements has no others.
            cursor = await psycopg.AsyncClientCursor(connection).execute(LOOK, params)
            told = [await one.fetchall() async for one in cursor.results() if one.description]
        [stamped], rows = told
        log = Stamped(*stamped)
        grew = await self._read(connection, log, rows)
        if grew:
            self._grew()
        if log.stamped and not self.listener.alone:
            # By itself: a queue of notifications that is full must not keep changes from numbers.
            await _ask(connection, NOTIFY, {"note": self.listener.note})
        if log.stamped is None:
            return None
        if log.stamped < AT_ONCE and ring.head >= log.head:  # nothing committed is left
            async with self._looked:
                self._looks += 1
                self._looked.notify_all()
        return grew

    async def _read(
        self, connection: psycopg.AsyncConnection[Any], log: Stamped, rows: list[Any]
    ) -> bool:
        """Brings the ring nearer to the head of the log; `rows` are what follows on the ring's."""
        ring = self.ring
        ring.floor = log.floor
        if ring.epoch != log.epoch:
            await self._begin(connection, log)
            return True
        if log.head < ring.head:
            # The database has forgotten what it had committed: somebody restored it.
            await _ask(connection, NEW_EPOCH, {"known": log.epoch})
            return False
        if log.head == ring.head and not rows:
            return False
        self.reads += 1
        changes = await lasting(partial(_ask, connection), rows)
        if not changes or len(contiguous(ring.head, changes)) < len(changes):
            # Forgotten before they were read: this process slept for longer than the log keeps.
            await self._begin(connection, log)
        else:
            ring.append(changes)
            self.lag = (datetime.now(UTC) - changes[-1].at).total_seconds()
        return True

    async def _begin(self, connection: psycopg.AsyncConnection[Any], log: Stamped) -> None:
        """Fills the ring anew with the newest changes: clients that reconnect find theirs."""
        self.reads += 1
        last = await read_changes(partial(_ask, connection), log.head - AT_ONCE, AT_ONCE)
        changes = [change for change in last if change.seq <= log.head]
        while len(contiguous(log.head - len(changes), changes)) < len(changes):
            del changes[0]  # what is before a hole cannot be resumed
        self.ring.restart(log.epoch, log.head - len(changes))
        self.ring.append(changes)

    async def _trim(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._trim_at = time.monotonic() + TRIM_EVERY
        gone = (await _ask(connection, TRIM, self._keep))[0][0]
        if gone == TRIM_AT_ONCE:
            self._trim_at = 0


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Waits for the event, and no longer than so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    connection = await asyncio.wait_for(
        psycopg.AsyncConnection.connect(
            url, autocommit=True, prepare_threshold=None, application_name="worldfeed tail"
        ),
        PATIENCE,
    )
    connection.adapters.register_loader("jsonb", RawJson)
    return connection


async def _ask(
    connection: psycopg.AsyncConnection[Any], statement: str, params: dict[str, Any]
) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        cursor = await connection.execute(statement, params)
        return await cursor.fetchall()
