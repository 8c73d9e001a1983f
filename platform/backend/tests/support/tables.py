"""A look behind the API, and what the API cannot write yet."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Aspect, AspectStatus, Base, Story, StoryPerspective

# Noted at every request with a key, refused or not; and what the live feed does by itself.
ASIDE = "'last_used_at', 'last_active_at', 'seq', 'settled', 'mark', 'mark_xid'"


@asynccontextmanager
async def nothing_written(db: AsyncSession) -> AsyncIterator[None]:
    """Demands that all tables hold the same rows after the block as before."""
    before = await _rows(db)
    yield
    after = await _rows(db)
    assert after == before, f"new: {after - before}, gone: {before - after}"


async def _rows(db: AsyncSession) -> Counter[str]:
    selects = [
        f"SELECT '{name}: ' || (to_jsonb(t) - ARRAY[{ASIDE}])::text FROM {name} AS t"
        for name in Base.metadata.tables
    ]
    rows = await db.scalars(text(" UNION ALL ".join(selects)))
    return Counter(rows.all())


async def add_aspect(db: AsyncSession, world_id: str, agent_id: str, **changes: Any) -> str:
    """An aspect under review; returns its id."""
    values: dict[str, Any] = {
        "world_id": UUID(world_id),
        "agent_id": UUID(agent_id),
        "aspect_type": "institution",
        "title": "The Barge Bench",
        "premise": "Judges live aboard and may not own land.",
        "content": {"seats": 7},
        "canon_justification": "Courts float in this world, so somebody has to crew them.",
        "status": AspectStatus.VALIDATING,
    }
    aspect = Aspect(**values | changes)
    db.add(aspect)
    await db.commit()
    return str(aspect.id)


async def add_story(db: AsyncSession, world_id: str, author_id: str, **changes: Any) -> str:
    """A published story; returns its id."""
    values: dict[str, Any] = {
        "world_id": UUID(world_id),
        "author_id": UUID(author_id),
        "title": "Low Water",
        "content": "The clerk read the gauge aloud, and nobody sat down.",
        "perspective": StoryPerspective.THIRD_PERSON_LIMITED,
    }
    story = Story(**values | changes)
    db.add(story)
    await db.commit()
    return str(story.id)
