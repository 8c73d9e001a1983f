"""Hearing at once that another process stamped changes, where the connection lets one.

LISTEN needs a session of its own. A transaction pooler accepts it and delivers nothing, and a
connection through a dead network is silent as well. So the listener keeps asking for an echo, sent
on another connection; without one it is deaf, and the tail finds what is new when it looks anyway.
A notification is a hint; all that it carries is who sent it. The echoes tell processes of each
other, too: one that hears its own and nobody else's need not notify anybody.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg

from db.urls import libpq_url
from feed.changes import CHANNEL, NOTIFY

log = logging.getLogger(__name__)

ECHO_SECONDS = 2.0
"""How long an echo may take, and how often one is asked for."""

COMPANY_SECONDS = 3 * ECHO_SECONDS
"""How long another process is thought to listen after it was heard, or might have been."""

PATIENCE = 3.0
"""Seconds for anything else that the connection is asked to do."""

LONGEST_PAUSE = 30.0


class Listener:
    """`hears` says whether notifications arrive; `heard` is called for those of other processes.

    `note` is what this process's own notifications carry.
    """

    def __init__(
        self,
        url: str,
        notify: Callable[[str, dict[str, str]], Awaitable[object]],
        heard: Callable[[], None],
    ) -> None:
        self.hears = False
        self._company_until = 0.0
        self._url = libpq_url(url)
        self._notify = notify
        self._heard = heard
        self.note = uuid4().hex

    @property
    def alone(self) -> bool:
        """Whether no other process listens. One that is deaf cannot tell, and is not alone."""
        return self.hears and time.monotonic() > self._company_until

    async def run(self) -> None:
        """Listens for as long as the server runs, on a new connection whenever one fails."""
        pause = 1.0
        while True:
            try:
                await self._listen()
            except Exception as error:
                log.debug("not listening: %s", error)
            pause = 1.0 if self.hears else min(2 * pause, LONGEST_PAUSE)
            self._turn(hears=False)
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        connection = await asyncio.wait_for(
            psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                prepare_threshold=None,
                application_name="worldfeed listener",
            ),
            PATIENCE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.execute(f"LISTEN {CHANNEL}")
            self._meet()
            while await self._echo(connection):
                self._turn(hears=True)
        finally:
            # A polite end would wait for a server that may not be there any more.
            connection.pgconn.finish()

    async def _echo(self, connection: psycopg.AsyncConnection) -> bool:
        """Listens for a while, during which our own note must arrive."""
        echoed = False
        async with asyncio.timeout(PATIENCE):
            await self._notify(NOTIFY, {"note": self.note})
        async for notification in connection.notifies(timeout=ECHO_SECONDS):
            if notification.payload == self.note:
                echoed = True
            else:
                self._meet()
                self._heard()
        return echoed

    def _meet(self) -> None:
        self._company_until = time.monotonic() + COMPANY_SECONDS

    def _turn(self, *, hears: bool) -> None:
        if hears != self.hears:
            log.info("live feed: %s", "notifications arrive" if hears else "polling")
        self.hears = hears
