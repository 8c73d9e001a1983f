"""The feed's table as it is, and as the source tables say that it should be."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import feed.catalogue  # noqa: F401  # fills the catalogue
from db.models import FeedEvent
from feed.item_type import CATALOGUE, FeedItem
from tests.support.answers import dated
from utils.feed_events import row_id


class Row(NamedTuple):
    """A row of `platform_feed_events`, without anything left out."""

    id: UUID
    event_type: str
    created_at: datetime
    payload: dict[str, Any]
    world_id: UUID | None
    agent_id: UUID | None
    dweller_id: UUID | None
    story_id: UUID | None


async def stored(db: AsyncSession) -> dict[UUID, Row]:
    """The table as it is."""
    columns = [getattr(FeedEvent, name) for name in Row._fields]
    rows = await db.execute(select(*columns))
    return {row.id: row for row in map(Row._make, rows)}


async def derived(db: AsyncSession) -> dict[UUID, Row]:
    """The table as the source tables say it should be."""
    rows = [
        row_of(item)
        for entry in CATALOGUE.values()
        for source in entry.sources
        for item in entry.derive(source, (await db.execute(source.history)).all())
    ]
    by_id = {row.id: row for row in rows}
    assert len(by_id) == len(rows), "two records stand for one item"
    return by_id


def row_of(item: FeedItem) -> Row:
    payload = {"type": item["event_type"], **dated(item["created_at"]), **item["payload"]}
    columns: dict[str, Any] = {**item, "payload": payload}
    return Row(row_id(item["event_type"], payload["id"]), **columns)
