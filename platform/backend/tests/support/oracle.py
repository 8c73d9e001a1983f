"""Every item that the feed should hold, worked out a second time.

The feed's own code both writes its rows and derives them again, so that a mistake in what an item
*is* would be in both and go unseen. Here it is said once more, as SQL over the records
(oracle.sql): nothing of `feed` is used, and platform_feed_events is never looked at.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

QUERY = text(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


class Expected(NamedTuple):
    """What the row of an item should say; `payload` is the whole item as sent."""

    created_at: datetime
    payload: dict[str, Any]
    world_id: UUID | None
    agent_id: UUID | None
    dweller_id: UUID | None
    story_id: UUID | None


async def expected(db: AsyncSession) -> dict[tuple[str, str], Expected]:
    """All items by (type, id), as the records of this session's transaction have them."""
    items: dict[tuple[str, str], Expected] = {}
    for event_type, item_id, *columns in await db.execute(QUERY):
        assert (event_type, item_id) not in items, f"two items are {event_type} {item_id}"
        items[event_type, item_id] = Expected(*columns)
    return items
