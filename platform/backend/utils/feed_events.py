"""The only door to `platform_feed_events`.

Verbs, each inside the caller's transaction; the caller commits:

- `emit_feed_event`         something happened: its item appears, or moves to its new time
- `refresh_feed_events`     records changed: their items follow, and what no longer stands goes
- `settle_feed_events`      the same for whoever does not hold the locks of the records yet
- `refresh_items_quoting`   a name, a picture or a state changed: every item that shows it follows
- `retract_feed_rows`       removes rows that no record stands behind
- `vacate_feed_rows`        removes what stands in the place of other items
- `add_feed_rows`           fills in what is missing, by the thousand
- `mark_as_import`          says that what this transaction changes is no news

Of two transactions that write one item, the second must see what the first one did. So whoever
writes holds the lock of the record that the item comes from: handlers because they load what they
change with a lock, everybody else by `settle_feed_events`.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Base, FeedRefresh, User, World
from db.with_commit import send_with_commit
from feed.catalogue import quoting
from feed.item import FeedItem, Identity
from feed.item_type import ItemType
from feed.row import Row, Underivable, finish, finish_all, row_id
from feed.source import Source
from utils.patience import to_the_end

BATCH = 500
"""Records that are refreshed at once."""

AT_ONCE = 200
"""Items of one source that follow a name in the transaction that changes it. The others follow
within seconds, by utils/feed_refresher.py: a writer must not wait for 100,000 items.
"""


QUOTED_UNLOCKED = (World, User)
"""Writers name these without a lock on them: a write in flight may be about to name the old name,
and its item is found by a task only.
"""


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
    new: bool = False,
) -> None:
    """Writes one finished item: one statement, no read, no round trip of its own. It is sent with
    the COMMIT, or before whatever comes next (db/with_commit.py).

    An item with the same type and `payload["id"]` gets the new payload and moves to the new time.
    `payload` holds the keys of the type's shape; `type`, `created_at` and `sort_date` are filled in
    from the other arguments. `created_at` defaults to now, and is what the feed is ordered by.
    `new` says that this transaction makes the record, so that no item of it can be there yet: to
    know that beforehand saves a third of what the item costs the database. If one is there, the
    commit is refused.

    Builders of feed/catalogue return exactly these arguments:
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
    statement = INSERT if new else UPSERT
    await send_with_commit(db, statement, _as_text(finish(item))._asdict())


async def refresh_feed_events(db: AsyncSession, entry: ItemType[...], *record_ids: UUID) -> None:
    """Makes the items of these records say what the tables say now.

    Writes what stands and removes what no longer does. Flushes first. The caller holds the locks of
    the records.
    """
    for source in entry.sources:
        await _refresh(db, source, record_ids)


async def settle_feed_events(
    db: AsyncSession, source: Source, record_ids: Sequence[UUID]
) -> list[Underivable]:
    """Locks the records and makes their items say what the tables say then.

    Returns the records for which there can be no item, and why.
    """
    if not record_ids:
        return []
    await db.flush()
    await source.lock(db, record_ids)
    return await _refresh(db, source, record_ids)


async def refresh_items_quoting(db: AsyncSession, record: Base) -> None:
    """Makes every item that shows something of this record show it as it is now.

    At once for up to `AT_ONCE` records of each source (of actions: the last ones) that nobody else
    is writing about: so it never waits, and no two writers can wait for each other. Where that may
    leave any, a task of the server, which is saved in the caller's transaction, goes over all of
    them. The caller holds the record's lock, and has changed it.
    """
    await db.flush()
    table, quoted = type(record), record.id  # type: ignore[attr-defined]  # what items quote has one
    more = []
    for step, (source, column) in quoting(table).items():
        batch = await source.last_quoting(db, column, quoted, AT_ONCE)
        free = await source.lock_free(db, batch.ids) if batch.ids else []
        await _refresh(db, source, free)
        if table in QUOTED_UNLOCKED or batch.next or len(free) < len(batch.ids):
            more.append(step)
    if more:
        db.add(FeedRefresh(table_name=table.__tablename__, record_id=quoted, steps=more))
        await db.flush()


async def _refresh(
    db: AsyncSession, source: Source, record_ids: Sequence[UUID]
) -> list[Underivable]:
    await db.flush()
    underivable: list[Underivable] = []
    for start in range(0, len(record_ids), BATCH):
        derived = await source.derive(db, record_ids[start : start + BATCH])
        rows, faults = finish_all(derived.items)
        await _upsert(db, rows)
        await _retract(db, derived.possible - {row.identity for row in rows})
        underivable += faults
    return underivable


async def retract_feed_rows(db: AsyncSession, row_ids: Sequence[UUID]) -> None:
    """Removes rows by their own ids: for those whose payload does not even name an item."""
    await db.execute(_RETRACT_ROWS, {"ids": list(row_ids)})


async def vacate_feed_rows(db: AsyncSession, identities: Sequence[Identity]) -> None:
    """Removes rows that have the row ids of these items and are others.

    A row whose payload was given another item's id still has the row id of its own item, which that
    item needs now.
    """
    types, ids = [identity[0] for identity in identities], [identity[1] for identity in identities]
    row_ids = [row_id(*identity) for identity in identities]
    await db.execute(_VACATE, {"row_ids": row_ids, "types": types, "ids": ids})


async def add_feed_rows(db: AsyncSession, rows: Sequence[Row]) -> int:
    """Adds the rows whose items are not in the feed; returns how many that were.

    By COPY, for as many as memory holds. The caller holds the locks of the records.
    """
    await db.execute(_STAGE)
    connection = await (await db.connection()).get_raw_connection()
    await to_the_end(_copy(connection.driver_connection, rows))
    added: Any = await db.execute(_ADD_STAGED)
    await db.execute(_UNSTAGE)
    count: int = added.rowcount
    return count


def _as_text(row: Row) -> Row:
    """With its payload as the statements take it."""
    return row._replace(payload=row.json)  # type: ignore[arg-type]  # JSON, for once written out


async def _copy(connection: Any, rows: Sequence[Row]) -> None:
    """To the end, since a server that waits for the rows of a COPY hears of no cancellation. It
    waits for nobody else: the table belongs to this transaction.
    """
    async with connection.cursor().copy(_COPY) as copy:
        copy.set_types(["uuid", "text", "timestamptz", "text", "uuid", "uuid", "uuid", "uuid"])
        for row in rows:
            await copy.write_row(_as_text(row))


async def mark_as_import(db: AsyncSession) -> None:
    """Lets the live feed tell the changes of this transaction as what was always so."""
    await db.execute(_MARK_AS_IMPORT)


async def _upsert(db: AsyncSession, rows: Collection[Row]) -> None:
    """Rows in the order of their ids: two transactions that write the same rows never wait for each
    other. Rows that say this already are left alone.
    """
    if not rows:
        return
    texts = [_as_text(row) for row in sorted(rows)]
    if len(texts) == 1:
        await db.execute(UPSERT, texts[0]._asdict())
        return
    columns = zip(*texts, strict=True)
    await db.execute(_UPSERT_MANY, dict(zip(Row._fields, map(list, columns), strict=True)))


async def _retract(db: AsyncSession, identities: Collection[Identity]) -> None:
    if identities:
        types, ids = zip(*sorted(identities), strict=True)
        await db.execute(_RETRACT, {"types": list(types), "ids": list(ids)})


_COLUMNS = "id, event_type, created_at, payload, world_id, agent_id, dweller_id, story_id"

_SETTLE = """
    ON CONFLICT (event_type, (payload ->> 'id')) DO UPDATE SET
        id = excluded.id, created_at = excluded.created_at, payload = excluded.payload,
        world_id = excluded.world_id, agent_id = excluded.agent_id,
        dweller_id = excluded.dweller_id, story_id = excluded.story_id
    WHERE (stored.id, stored.created_at, stored.payload, stored.world_id, stored.agent_id,
           stored.dweller_id, stored.story_id)
        IS DISTINCT FROM
          (excluded.id, excluded.created_at, excluded.payload, excluded.world_id,
           excluded.agent_id, excluded.dweller_id, excluded.story_id)
"""

_INSERT = f"""
    INSERT INTO platform_feed_events AS stored ({_COLUMNS}) VALUES (
        :id, :event_type, :created_at, CAST(:payload AS jsonb), :world_id, :agent_id, :dweller_id,
        :story_id
    )
"""
INSERT = text(_INSERT)
"""One item of a record that its transaction makes, as most writes have."""

UPSERT = text(_INSERT + _SETTLE)
"""One item. PostgreSQL plans it in half the time of `_UPSERT_MANY`."""

_UPSERT_MANY = text(
    f"""
    INSERT INTO platform_feed_events AS stored ({_COLUMNS})
    SELECT id, event_type, created_at, payload::jsonb, world_id, agent_id, dweller_id, story_id
    FROM unnest(
        CAST(:id AS uuid[]), CAST(:event_type AS text[]), CAST(:created_at AS timestamptz[]),
        CAST(:payload AS text[]), CAST(:world_id AS uuid[]), CAST(:agent_id AS uuid[]),
        CAST(:dweller_id AS uuid[]), CAST(:story_id AS uuid[])
    ) AS item ({_COLUMNS}) {_SETTLE}
    """
)
"""Every column as one array, for any number of items."""

_MARK_AS_IMPORT = text("SELECT set_config('feed.import', 'on', true)")
"""Read by the trigger of the change log; until the end of the transaction."""

_RETRACT = text(
    """
    DELETE FROM platform_feed_events AS stored
    USING unnest(CAST(:types AS text[]), CAST(:ids AS text[])) AS gone (event_type, id)
    WHERE stored.event_type = gone.event_type AND stored.payload ->> 'id' = gone.id
    """
)
_RETRACT_ROWS = text("DELETE FROM platform_feed_events WHERE id = ANY(CAST(:ids AS uuid[]))")

_VACATE = text(
    """
    DELETE FROM platform_feed_events AS stored
    USING unnest(CAST(:row_ids AS uuid[]), CAST(:types AS text[]), CAST(:ids AS text[]))
        AS own (row_id, event_type, id)
    WHERE stored.id = own.row_id
      AND (stored.event_type, stored.payload ->> 'id') IS DISTINCT FROM (own.event_type, own.id)
    """
)

_STAGE = text(
    """
    CREATE TEMPORARY TABLE feed_rows (
        id uuid, event_type text, created_at timestamptz, payload text,
        world_id uuid, agent_id uuid, dweller_id uuid, story_id uuid
    ) ON COMMIT DROP
    """
)
_COPY = "COPY feed_rows FROM STDIN (FORMAT BINARY)"
_ADD_STAGED = text(
    f"""
    INSERT INTO platform_feed_events ({_COLUMNS})
    SELECT id, event_type, created_at, payload::jsonb, world_id, agent_id, dweller_id, story_id
    FROM feed_rows ORDER BY id
    ON CONFLICT DO NOTHING
    """
)
_UNSTAGE = text("DROP TABLE feed_rows")
