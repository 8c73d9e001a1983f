"""Mends what verification finds, and nothing else.

Each batch with findings is mended in a transaction of its own, under the locks of its records, from
what the tables say by then: what a writer put right meanwhile stays.
"""

from collections.abc import AsyncIterator, Collection
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.session import Database
from feed.row import row_id
from feed.source import Source
from feed.verify import Checked, Finding, check
from utils.feed_events import retract_feed_rows, settle_feed_events
from utils.patience import patiently


async def repair(
    database: Database, types: Collection[str] = (), *, batch: int = 500
) -> AsyncIterator[Checked]:
    """Checks everything and mends each batch before it yields it."""
    async for checked in check(database, types, batch=batch):
        if drift := [finding for finding in checked.findings if finding.kind != "pending"]:
            await patiently(partial(_mend, database, checked.source, drift))
        yield checked


async def _mend(database: Database, source: Source | None, drift: list[Finding]) -> None:
    async with database.session() as db:
        if source is None:
            await retract_feed_rows(db, [finding.row_id for finding in drift])
        else:
            await _vacate(db, drift)
            records = {finding.record_id for finding in drift if finding.record_id}
            await settle_feed_events(db, source, sorted(records))
        await db.commit()


async def _vacate(db: AsyncSession, drift: list[Finding]) -> None:
    """A row whose payload was given another item's id still has the row id of its own item, which
    that item needs now.
    """
    own = {
        row_id(finding.event_type, finding.item_id): finding for finding in drift if finding.item_id
    }
    params = {
        "row_ids": list(own),
        "types": [finding.event_type for finding in own.values()],
        "ids": [finding.item_id for finding in own.values()],
    }
    await db.execute(_VACATE, params)


_VACATE = text(
    """
    DELETE FROM platform_feed_events AS stored
    USING unnest(CAST(:row_ids AS uuid[]), CAST(:types AS text[]), CAST(:ids AS text[]))
        AS own (row_id, event_type, id)
    WHERE stored.id = own.row_id
      AND (stored.event_type, stored.payload ->> 'id') IS DISTINCT FROM (own.event_type, own.id)
    """
)
