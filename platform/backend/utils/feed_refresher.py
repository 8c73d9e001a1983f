"""Lets items follow a name that shows on more of them than its writer could wait for.

A task (FeedRefresh) is saved by the transaction that changed the name, and worked off in small
batches, each a transaction of its own that notes how far it came: killed anywhere, the work goes on
where it stopped. Any number of servers may work; a task is one server's at a time.

A task goes over its items twice. While the first pass runs there may be writers that read the old
name before the change was committed, and whose items with that name no pass can see before they
commit. So the last pass waits until no transaction is left that may have read it:

    FIRST → WAITING, until `GRACE` after the task was first seen, and for every transaction that
            had begun by then → LAST → gone

`GRACE` covers what a request may take between recognising its agent, whose name it will write, and
beginning its transaction: waiting for a connection, 10 s at most.
"""

import asyncio
import logging
from enum import IntEnum

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedRefresh
from db.session import Database
from feed.catalogue import quoting
from utils.feed_events import BATCH, settle_feed_events

log = logging.getLogger(__name__)

GRACE = 15.0
"""Seconds."""

POLL = 2.0
"""Seconds between two looks for work."""


class Stage(IntEnum):
    FIRST = 0
    WAITING = 1
    LAST = 2


async def run(database: Database) -> None:
    """Works off tasks for as long as the server runs."""
    while True:
        try:
            worked = await work(database)
        except Exception:
            log.exception("feed refresh failed; trying again")
            worked = False
        await asyncio.sleep(0 if worked else POLL)


async def drain(database: Database, *, grace: float = GRACE) -> None:
    """Works until nothing is left; for scripts and tests."""
    while await pending(database):
        if not await work(database, grace=grace):
            await asyncio.sleep(0.05)


async def pending(database: Database) -> int:
    """How many tasks are left."""
    async with database.session() as db:
        return await db.scalar(select(func.count(FeedRefresh.id))) or 0


async def work(database: Database, *, grace: float = GRACE) -> bool:
    """One batch of the oldest task that is ready; False when there is none."""
    async with database.session() as db:
        query = select(FeedRefresh).where(_READY).order_by(FeedRefresh.created_at, FeedRefresh.id)
        task = await db.scalar(
            query.limit(1).with_for_update(skip_locked=True), {"grace": f"{grace} seconds"}
        )
        if task is None:
            return False
        if task.stage == Stage.WAITING:
            task.stage = Stage.LAST
        await _batch(db, task)
        await db.commit()
        return True


async def _batch(db: AsyncSession, task: FeedRefresh) -> None:
    if task.seen_at is None:
        task.seen_at = await db.scalar(select(func.clock_timestamp()))
    steps = quoting(task.table)
    if not steps.keys() >= set(task.steps):  # it was left by a release with another catalogue
        task.steps, task.step, task.position = list(steps), 0, None
    source, column = steps[task.steps[task.step]]
    batch = await source.quoting(db, column, task.record_id, task.position, BATCH)
    await settle_feed_events(db, source, batch.ids)
    task.position = batch.next
    if batch.next is None:
        task.step += 1
    if task.step == len(task.steps):
        await _end_pass(db, task)


async def _end_pass(db: AsyncSession, task: FeedRefresh) -> None:
    if task.stage == Stage.LAST:
        await db.delete(task)
    else:
        task.stage, task.step = Stage.WAITING, 0


_READY = text(
    f"""
    stage <> {Stage.WAITING.value} OR (
        seen_at + CAST(:grace AS interval) < clock_timestamp()
        AND NOT EXISTS (
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend'
              AND pid <> pg_backend_pid()
              AND xact_start < seen_at + CAST(:grace AS interval)
        )
    )
    """
)
