"""Rows of the feed without the records behind them, for tests of reading alone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedEvent

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

UNLINK = "ALTER TABLE platform_feed_events " + ", ".join(
    f"DROP CONSTRAINT IF EXISTS platform_feed_events_{link}_id_fkey"
    for link in ("world", "agent", "dweller", "story")
)
"""Lets a row name a world, an agent, a dweller or a story that does not exist."""


def row(number: int, *, seconds: float = 0, **columns: Any) -> FeedEvent:
    """A row with `number` as its id, dated `seconds` after noon; its payload is hardly an item."""
    row_id, created_at = UUID(int=number), NOON + timedelta(seconds=seconds)
    payload = {"id": str(row_id), "created_at": created_at.isoformat(), "type": "agent_registered"}
    kind = columns.setdefault("event_type", payload["type"])
    columns["payload"] = payload | {"type": kind} | columns.get("payload", {})
    return FeedEvent(id=row_id, created_at=created_at, **columns)


async def add_rows(db: AsyncSession, *rows: FeedEvent) -> None:
    await db.execute(text(UNLINK))
    db.add_all(rows)
    await db.commit()
