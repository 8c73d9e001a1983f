"""Whether the feed is what it should be, in every way in which it can be asked.

`is_true` asks our own verification, and an oracle that shares nothing with it.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.session import Database
from feed.row import Row
from feed.verify import Finding, Report, check
from tests.support import oracle
from tests.support.history import stored
from utils import feed_refresher
from utils.feed_backfill import Backfill, fill

BATCH = 100
"""Small, so that there are several."""


async def report(database: Database) -> Report:
    """What verification says, once every change of a name has reached every item."""
    await feed_refresher.drain(database, grace=0)
    found = Report()
    async for checked in check(database, batch=BATCH):
        found.add(checked)
    return found


async def findings(database: Database) -> list[Finding]:
    return (await report(database)).examples


async def is_true(database: Database) -> Report:
    """Demands that nobody finds a difference between the feed and the tables."""
    found = await report(database)
    assert not found.examples, found.examples
    async with database.session() as db:
        ours, theirs = await _facts(db), await oracle.expected(db)
    assert ours == theirs, {key for key in ours | theirs if ours.get(key) != theirs.get(key)}
    return found


async def rebuilds_the_same(database: Database) -> None:
    """Empties the feed, fills it again, and demands the same to the byte."""
    async with database.session() as db:
        before = await dump(db)
    async with database.session() as db:
        await db.execute(text("DELETE FROM platform_feed_events"))
        await db.commit()
    async for _ in fill(Backfill(database, batch=BATCH)):
        pass
    async with database.session() as db:
        after = await dump(db)
    assert after == before, set(after) ^ set(before)


async def dump(db: AsyncSession) -> list[str]:
    """Every row as the text that PostgreSQL has of it."""
    rows = await db.scalars(text("SELECT f::text FROM platform_feed_events AS f ORDER BY id"))
    return list(rows)


async def _facts(db: AsyncSession) -> dict[tuple[str, str], oracle.Expected]:
    return {
        (row.event_type, row.payload["id"]): _expected(row) for row in (await stored(db)).values()
    }


def _expected(row: Row) -> oracle.Expected:
    return oracle.Expected(
        created_at=row.created_at,
        payload=row.payload,
        world_id=row.world_id,
        agent_id=row.agent_id,
        dweller_id=row.dweller_id,
        story_id=row.story_id,
    )
