"""`GET /health`: is the server fit to work."""

from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy import text
from typing_extensions import TypedDict

from api.deps import OptionalHub, get_database
from core.settings import VERSION
from db.migrate import head_revision
from db.session import Database
from feed.hub import Hub
from utils.feed_watch import Upkeep, upkeep

router = APIRouter(tags=["operations"])


class DatabaseHealth(TypedDict):
    version: str
    revision: str | None
    expected_revision: str


class FeedHealth(TypedDict):
    """`verified_through`: when the last verification of the whole feed began; null without one."""

    verified_through: str | None
    drift: dict[str, int]
    refreshes_pending: int


class LiveHealth(TypedDict):
    """Of this process. `wake_up`: whether it hears of other processes' changes by notifications
    (`listen`) or has to look for them (`poll`), as behind a transaction pooler.
    """

    epoch: str
    head: int
    floor: int
    wake_up: str
    clients: int


class Health(TypedDict):
    status: str
    version: str
    database: DatabaseHealth
    feed: FeedHealth | None
    live: LiveHealth | None


@router.get("/health")
async def health(database: Annotated[Database, Depends(get_database)], hub: OptionalHub) -> Health:
    """Database version, migration revision and our version. 503 when the database is away."""
    async with database.autocommit() as db:
        row = (await db.execute(_FACTS)).one()
        expected = head_revision()
        found = await upkeep(db) if row.revision == expected else None
    return {
        "status": "ok" if row.revision == expected else "migration needed",
        "version": VERSION,
        "database": {
            "version": row.version,
            "revision": row.revision,
            "expected_revision": expected,
        },
        "feed": _feed(found) if found else None,
        "live": _live(hub) if hub else None,
    }


def _live(hub: Hub) -> LiveHealth:
    ring = hub.ring
    return {
        "epoch": ring.epoch,
        "head": ring.head,
        "floor": ring.floor,
        "wake_up": "listen" if hub.tail.listener.hears else "poll",
        "clients": len(hub.subscribers),
    }


def _feed(found: Upkeep) -> FeedHealth:
    through = found.verified_through
    return {
        "verified_through": through.isoformat() if through else None,
        "drift": found.drift,
        "refreshes_pending": found.pending,
    }


_FACTS = text(
    "SELECT current_setting('server_version') AS version,"
    " (SELECT version_num FROM alembic_version) AS revision"
)
