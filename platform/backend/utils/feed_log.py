"""Numbers and trims the change log where the server has no live feed.

With one, its tail does both (feed/tail.py). Without, changes are logged all the same, for whoever
switches it on: the log must not grow for ever meanwhile. And a page's tag names the changes that
have no number yet, so that pages could seldom be answered by a 304.
"""

import asyncio
import logging

from core.settings import Settings
from db.session import Database
from feed.changes import AT_ONCE, STAMP, TRIM, TRIM_AT_ONCE, keeping

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds."""


async def run(database: Database, settings: Settings) -> None:
    """Keeps the log for as long as the server runs."""
    while True:
        try:
            more = await step(database, settings)
        except Exception:
            log.exception("the change log could not be kept; trying again")
            more = False
        await asyncio.sleep(0 if more else EVERY)


async def step(database: Database, settings: Settings) -> bool:
    """Numbers some changes and forgets some old ones; whether there may be more."""
    stamped: int | None = (await database.read(STAMP, {"most": AT_ONCE}))[0][0]
    gone: int = (await database.read(TRIM, keeping(settings)))[0][0]
    return stamped == AT_ONCE or gone == TRIM_AT_ONCE
