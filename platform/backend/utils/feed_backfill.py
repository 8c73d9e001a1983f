"""Brings what the tables hold into the feed.

By the same builders as everything else, in batches of records. A batch is one transaction: it locks
its records, derives their items, adds those that the feed does not have, and notes its position. So
a row that a live write made always stays, one that a live write is about to change or remove is
waited for, and a run that is killed goes on where its last whole batches ended. Nothing is deleted.

Two sources are gone through at once, so that neither the process nor the database waits for the
other. They share no item; should they ever want each other's locks, or a writer's, PostgreSQL finds
out and one of them tries again.

Safe behind a transaction pooler: no named statements, and the temporary table of a batch lives in
its transaction.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedProgress
from db.session import Database
from feed.lanes import LANES, in_lanes
from feed.row import Row, Underivable, finish_all
from feed.source import Batch, Position, Source
from feed.verify import snapshot, sources_of, stored_identities
from utils.feed_events import add_feed_rows, mark_as_import
from utils.patience import patiently

BATCH = 1000
"""Records in one transaction. Who wants to change one of them waits for its end: a fraction of a
second. Larger ones are hardly faster.
"""


@dataclass(frozen=True)
class Backfill:
    """What to bring in: items of some types only, or only items that are not older than `since`."""

    database: Database
    types: Collection[str] = ()
    since: datetime | None = None
    batch: int = BATCH
    dry_run: bool = False
    """Counts what is missing and writes nothing."""
    lanes: int = LANES
    """Sources that are gone through at once, each on a connection of its own."""

    @property
    def name(self) -> str:
        """Runs for the same items share their progress."""
        kinds = "+".join(sorted(self.types)) or "all"
        return f"backfill/{kinds}/{self.since.isoformat() if self.since else 'all'}"

    @property
    def sources(self) -> list[Source]:
        return sources_of(self.types)

    def wants(self, row: Row) -> bool:
        return (not self.types or row.event_type in self.types) and (
            self.since is None or row.created_at >= self.since
        )


@dataclass
class Filled:
    """What one batch brought: records seen, items derived and items added, by type."""

    source: Source
    seen: int
    derived: Counter[str] = field(default_factory=Counter)
    added: int = 0
    underivable: list[Underivable] = field(default_factory=list)


async def count_records(backfill: Backfill) -> int:
    """Records to go through, for an estimate of the time that it takes."""
    async with backfill.database.session() as db:
        return sum([await source.count(db) for source in backfill.sources])


async def fill(backfill: Backfill) -> AsyncGenerator[Filled]:
    """Runs to the end, batch by batch, from where an earlier run of that name stopped."""
    noted = await _positions(backfill)
    sources = [
        _fill(backfill, source, noted.get(source.name))
        for source in backfill.sources
        if noted.get(source.name, ...) is not None
    ]
    async with aclosing(in_lanes(sources, backfill.lanes)) as lanes:
        async for filled in lanes:
            yield filled
    await _forget(backfill)


async def _fill(
    backfill: Backfill, source: Source, after: Position | None
) -> AsyncIterator[Filled]:
    while True:
        filled, after = await patiently(partial(_batch, backfill, source, after))
        yield filled
        if after is None:
            break


async def _batch(
    backfill: Backfill, source: Source, after: Position | None
) -> tuple[Filled, Position | None]:
    if backfill.dry_run:
        async with snapshot(backfill.database) as db:
            return await _count_missing(backfill, db, source, after)
    async with backfill.database.session() as db:
        batch = await source.scan(db, after, backfill.batch)
        await source.lock(db, batch.ids)
        filled, rows = await _derive(backfill, db, source, batch)
        await mark_as_import(db)
        filled.added = await add_feed_rows(db, rows)
        await _remember(db, backfill, source, batch.next)
        await db.commit()
        return filled, batch.next


async def _count_missing(
    backfill: Backfill, db: AsyncSession, source: Source, after: Position | None
) -> tuple[Filled, Position | None]:
    batch = await source.scan(db, after, backfill.batch)
    filled, rows = await _derive(backfill, db, source, batch)
    filled.added = len(rows) - len(await stored_identities(db, [row.identity for row in rows]))
    return filled, batch.next


async def _derive(
    backfill: Backfill, db: AsyncSession, source: Source, batch: Batch
) -> tuple[Filled, list[Row]]:
    """What is wanted of the batch, with nothing added yet."""
    finished = finish_all((await source.derive(db, batch.ids)).items)
    rows = [row for row in finished.rows if backfill.wants(row)]
    filled = Filled(source, len(batch.ids), Counter(row.event_type for row in rows))
    filled.underivable = finished.underivable
    return filled, rows


async def _positions(backfill: Backfill) -> dict[str, Position | None]:
    """Where each source that was begun stands, by name; None where it is done."""
    async with backfill.database.session() as db:
        progress = None if backfill.dry_run else await db.get(FeedProgress, backfill.name)
        return progress.state if progress else {}


async def _remember(
    db: AsyncSession, backfill: Backfill, source: Source, after: Position | None
) -> None:
    progress = insert(FeedProgress).values(name=backfill.name, state={source.name: after})
    await db.execute(
        progress.on_conflict_do_update(
            index_elements=[FeedProgress.name],
            set_={
                "state": FeedProgress.state.concat(progress.excluded.state),
                "updated_at": progress.excluded.updated_at,
            },
        )
    )


async def _forget(backfill: Backfill) -> None:
    if backfill.dry_run:
        return
    async with backfill.database.session() as db:
        if progress := await db.get(FeedProgress, backfill.name):
            await db.delete(progress)
            await db.commit()
