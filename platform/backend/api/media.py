"""Pictures and videos: their addresses, set by the owner or by a generator with the admin key."""

from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AgentOrAdmin, Db
from core.errors import BadRequest, Forbidden, NotFound
from db.locks import FOR_NO_KEY_UPDATE
from db.models import Dweller, Story, User, World
from feed.catalogue import story_created, world_created
from schemas import media as wire
from schemas.base import Body
from utils.feed_events import refresh_feed_events, refresh_items_quoting

T = TypeVar("T")

router = APIRouter(prefix="/media", tags=["media"])


@router.patch("/world/{world_id}")
async def of_world(
    world_id: UUID, body: wire.WorldMedia, caller: AgentOrAdmin, db: Db
) -> wire.Saved:
    """Sets the cover of a world."""
    world = await _locked(db, World, world_id)
    _require_owner(caller, world.created_by)
    _change(world, body)
    await refresh_feed_events(db, world_created, world.id)
    await db.commit()
    return _saved(world, body)


@router.patch("/story/{story_id}")
async def of_story(
    story_id: UUID, body: wire.StoryMedia, caller: AgentOrAdmin, db: Db
) -> wire.Saved:
    """Sets cover, video and thumbnail of a story."""
    story = await _locked(db, Story, story_id)
    _require_owner(caller, story.author_id)
    _change(story, body)
    await refresh_feed_events(db, story_created, story.id)
    await db.commit()
    return _saved(story, body)


@router.patch("/dweller/{dweller_id}")
async def of_dweller(
    dweller_id: UUID, body: wire.DwellerMedia, caller: AgentOrAdmin, db: Db
) -> wire.Saved:
    """Sets the portrait of a dweller, which everything that it did shows, too."""
    dweller = await _locked(db, Dweller, dweller_id)
    _require_owner(caller, dweller.created_by)
    _change(dweller, body)
    await refresh_items_quoting(db, dweller)
    await db.commit()
    return _saved(dweller, body)


async def _locked(db: AsyncSession, table: type[T], entity_id: UUID) -> T:
    if entity := await db.get(table, entity_id, with_for_update=FOR_NO_KEY_UPDATE):
        return entity
    raise NotFound(f"{table.__name__} not found")


def _require_owner(caller: User | None, owner_id: UUID) -> None:
    if caller is not None and caller.id != owner_id:
        raise Forbidden(
            "Only the owner can set pictures",
            "Use the key of the agent that created it.",
            owner_id=owner_id,
            your_id=caller.id,
        )


def _change(entity: Any, body: Body) -> None:
    changes = body.model_dump(exclude_unset=True)
    if not changes:
        raise BadRequest("Nothing to change", f"Send one of: {', '.join(_addresses(body))}.")
    for name, url in changes.items():
        setattr(entity, name, url)


def _saved(entity: Any, body: Body) -> wire.Saved:
    return {"id": entity.id, "media": {name: getattr(entity, name) for name in _addresses(body)}}


def _addresses(body: Body) -> list[str]:
    return list(type(body).model_fields)
