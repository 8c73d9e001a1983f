"""The feed's table as it is, and as the source tables say that it should be."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import feed.catalogue  # noqa: F401  # fills the catalogue
from db.models import FeedEvent
from feed.item_type import SOURCES
from feed.row import Row, finish
from feed.source import Position, Source


async def stored(db: AsyncSession) -> dict[UUID, Row]:
    """The table as it is."""
    columns = [getattr(FeedEvent, name) for name in Row._fields]
    rows = await db.execute(select(*columns))
    return {row.id: row for row in map(Row._make, rows)}


async def derived(db: AsyncSession) -> dict[UUID, Row]:
    """The table as the source tables say it should be."""
    rows = [
        finish(item)
        for source in SOURCES.values()
        for item in (await source.derive(db, await all_ids(db, source))).items
    ]
    by_id = {row.id: row for row in rows}
    assert len(by_id) == len(rows), "two records stand for one item"
    return by_id


async def all_ids(db: AsyncSession, source: Source) -> list[UUID]:
    """Every record of a source, gone through in steps as small as it takes."""
    ids: list[UUID] = []
    after: Position | None = None
    while True:
        batch = await source.scan(db, after, 3)
        ids += batch.ids
        if (after := batch.next) is None:
            return ids
