"""Mends what verification finds, and nothing else.

Each batch with findings is mended in a transaction of its own, under the locks of its records, from
what the tables say by then: what a writer put right meanwhile stays.
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from functools import partial

from db.session import Database
from feed.source import Source
from feed.verify import Checked, Finding, check
from utils.feed_events import (
    mark_as_import,
    retract_feed_rows,
    settle_feed_events,
    vacate_feed_rows,
)
from utils.patience import patiently


async def repair(
    database: Database, types: Collection[str] = (), *, batch: int = 500
) -> AsyncGenerator[Checked]:
    """Checks everything and mends each batch before it yields it."""
    async with aclosing(check(database, types, batch=batch, lanes=1)) as checks:
        async for checked in checks:
            if drift := [finding for finding in checked.findings if finding.kind != "pending"]:
                await patiently(partial(_mend, database, checked.source, drift))
            yield checked


async def _mend(database: Database, source: Source | None, drift: list[Finding]) -> None:
    async with database.session() as db:
        await mark_as_import(db)
        if source is None:
            await retract_feed_rows(db, [finding.row_id for finding in drift])
        else:
            await vacate_feed_rows(db, [(f.event_type, f.item_id) for f in drift if f.item_id])
            records = {finding.record_id for finding in drift if finding.record_id}
            await settle_feed_events(db, source, sorted(records))
        await db.commit()
