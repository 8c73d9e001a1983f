"""Dedup windows: for some seconds after a write, the same write again is taken for a mistake.

The caller holds a lock that both writes take, so that two at once cannot both find nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")


async def recent(
    db: AsyncSession, seconds: int, table: type[T], *where: ColumnElement[bool]
) -> T | None:
    """The newest row like this of the last `seconds`, if there is one; with 0, nothing counts."""
    if seconds == 0:
        return None
    created_at: Any = table.created_at  # type: ignore[attr-defined]  # every such table has it
    since = datetime.now(UTC) - timedelta(seconds=seconds)
    query = select(table).where(*where, created_at > since).order_by(created_at.desc()).limit(1)
    return await db.scalar(query)
