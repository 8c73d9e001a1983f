"""The only door to `platform_feed_events`.

Two verbs, each inside the caller's transaction; the caller commits:

- `emit_feed_event`       something happened: its item appears, or moves to its new time
- `refresh_feed_events`   the sources of published items changed: the items follow, and what no
                          longer stands is removed
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import ColumnClause, delete, literal_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedEvent
from feed.catalogue import CATALOGUE
from feed.item_type import FeedItem, ItemType, Source, wire_time

ITEM_ID: ColumnClause[str] = literal_column("(payload ->> 'id')")
"""The item's id as the unique index spells it; a bound key would not match the index."""

BATCH = 1000
"""Records refreshed by one statement: PostgreSQL takes 32767 parameters, an item has eight."""

ROW_IDS = uuid5(NAMESPACE_OID, "platform_feed_events")


def row_id(event_type: str, item_id: str) -> UUID:
    """Derived from the item's identity, so that a rebuilt feed keeps its order and its cursors."""
    return uuid5(ROW_IDS, f"{event_type}/{item_id}")


async def emit_feed_event(
    db: AsyncSession,
    event_type: str,
    payload: dict[str, Any],
    *,
    world_id: UUID | None = None,
    agent_id: UUID | None = None,
    dweller_id: UUID | None = None,
    story_id: UUID | None = None,
    created_at: datetime | None = None,
) -> None:
    """Writes one finished item; one statement, no read.

    An item with the same type and `payload["id"]` gets the new payload and moves to the new time.
    `payload` holds the keys of the type's shape; `type`, `created_at` and `sort_date` are filled in
    from the other arguments. `created_at` defaults to now, and is what the feed is ordered by.

    Builders of feed/catalogue.py return exactly these arguments:
    `await emit_feed_event(db, **world_created(world, creator))`.

    Raises KeyError for an unknown type and pydantic.ValidationError for a payload that does not
    have the type's shape: both are faults of the caller, found before anything is written.
    """
    item = FeedItem(
        event_type=event_type,
        payload=payload,
        created_at=created_at or datetime.now(UTC),
        world_id=world_id,
        agent_id=agent_id,
        dweller_id=dweller_id,
        story_id=story_id,
    )
    await _upsert(db, [item])


async def refresh_feed_events(db: AsyncSession, entry: ItemType[...], *source_ids: UUID) -> None:
    """Makes the items of these source records say what the sources say now.

    Derives them through the entry's history, writes what stands and removes what no longer does.
    Flushes first. The caller holds the lock of the source records, so that two writers cannot
    overtake each other between reading and writing.
    """
    await db.flush()
    for start in range(0, len(source_ids), BATCH):
        for source in entry.sources:
            await _refresh(db, entry, source, source_ids[start : start + BATCH])


async def _refresh(
    db: AsyncSession, entry: ItemType[...], source: Source, source_ids: Sequence[UUID]
) -> None:
    query = source.history.where(source.id.in_(source_ids))
    rows = (await db.execute(query, execution_options={"populate_existing": True})).all()
    items = entry.derive(source, rows)
    await _upsert(db, items)
    gone = _possible_ids(source, source_ids, rows) - {item["payload"]["id"] for item in items}
    await _retract(db, entry.name, gone)


def _possible_ids(source: Source, source_ids: Iterable[UUID], rows: Iterable[Any]) -> set[str]:
    if source.item_ids is None:
        return {source.item_id(source_id) for source_id in source_ids}
    return {item_id for row in rows for item_id in source.item_ids(*row)}


async def _upsert(db: AsyncSession, items: Sequence[FeedItem]) -> None:
    if not items:
        return
    statement = insert(FeedEvent).values([_row(item) for item in items])
    changed = {
        name: statement.excluded[name]
        for name in ("payload", "created_at", "world_id", "agent_id", "dweller_id", "story_id")
    }
    await db.execute(
        statement.on_conflict_do_update(
            index_elements=[FeedEvent.event_type, ITEM_ID], set_=changed
        )
    )


def _row(item: FeedItem) -> dict[str, Any]:
    event_type, time = item["event_type"], wire_time(item["created_at"])
    payload = {"type": event_type, "created_at": time, "sort_date": time} | item["payload"]
    CATALOGUE[event_type].adapter.validate_python(payload)
    return item | {"id": row_id(event_type, payload["id"]), "payload": payload}


async def _retract(db: AsyncSession, event_type: str, item_ids: Iterable[str]) -> None:
    if ids := list(item_ids):
        await db.execute(
            delete(FeedEvent).where(FeedEvent.event_type == event_type, ITEM_ID.in_(ids))
        )
