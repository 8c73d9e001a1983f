"""Worlds, as readers see them. They come into being when a proposal graduates."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import func, select

from api.deps import Db
from core.errors import NotFound
from db.models import Story, World
from schemas import worlds as wire
from schemas.base import BIGINT_MAX

router = APIRouter(prefix="/worlds", tags=["worlds"])

ORDER = {
    "recent": World.created_at,
    "popular": World.follower_count,
    "active": World.updated_at,
}

_stories = select(func.count(Story.id)).where(Story.world_id == World.id)
WORLDS = select(World, _stories.correlate(World).scalar_subquery())


@router.get("")
async def listing(
    db: Db,
    sort: Literal["recent", "popular", "active"] = "recent",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    offset: Annotated[int, Query(ge=0, le=BIGINT_MAX)] = 0,
) -> wire.WorldList:
    """Active worlds: the newest, the most followed or the last changed first."""
    order = ORDER[sort].desc(), World.id.desc()
    # By themselves first: else stories would be counted of those before the page as well.
    active = select(World.id).where(World.is_active).order_by(*order)
    page = active.limit(limit).offset(offset).subquery()
    counted = WORLDS.join(page, page.c.id == World.id).order_by(*order)
    worlds = [wire.listed(*row) for row in await db.execute(counted)]
    total = await db.scalar(select(func.count(World.id)).where(World.is_active)) or 0
    return {"worlds": worlds, "total": total, "has_more": offset + len(worlds) < total}


@router.get("/{world_id}")
async def get(world_id: UUID, db: Db) -> wire.WorldView:
    """One world, also when it is no longer active."""
    row = (await db.execute(WORLDS.where(World.id == world_id))).one_or_none()
    if row is None:
        raise NotFound("World not found")
    return {"world": wire.detail(*row)}
