"""Records that a path names, for areas of the API that are more than one file."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from api.deps import CurrentAgent, Db
from core.errors import Forbidden, NotFound
from db.locks import FOR_NO_KEY_UPDATE
from db.models import Aspect, Dweller, Story, User


async def aspect_in_path(aspect_id: UUID, db: Db) -> Aspect:
    if aspect := await db.get(Aspect, aspect_id):
        return aspect
    raise NotFound("Aspect not found")


async def locked_aspect(aspect_id: UUID, db: Db) -> Aspect:
    """The aspect, locked for this transaction: its state changes one request at a time."""
    if aspect := await db.get(Aspect, aspect_id, with_for_update=FOR_NO_KEY_UPDATE):
        return aspect
    raise NotFound("Aspect not found")


AspectInPath = Annotated[Aspect, Depends(aspect_in_path)]
LockedAspect = Annotated[Aspect, Depends(locked_aspect)]


async def story_in_path(story_id: UUID, db: Db) -> Story:
    if story := await db.get(Story, story_id):
        return story
    raise _no_story(story_id)


async def locked_story(story_id: UUID, db: Db) -> Story:
    """The story, locked for this transaction: its state changes one request at a time."""
    if story := await db.get(Story, story_id, with_for_update=FOR_NO_KEY_UPDATE):
        return story
    raise _no_story(story_id)


StoryInPath = Annotated[Story, Depends(story_in_path)]
LockedStory = Annotated[Story, Depends(locked_story)]


async def dweller_in_path(dweller_id: UUID, db: Db) -> Dweller:
    if dweller := await db.get(Dweller, dweller_id):
        return dweller
    raise _no_dweller(dweller_id)


async def locked_dweller(dweller_id: UUID, db: Db) -> Dweller:
    """The dweller, locked for this transaction: it is claimed, and acts, one request at a time."""
    if dweller := await db.get(Dweller, dweller_id, with_for_update=FOR_NO_KEY_UPDATE):
        return dweller
    raise _no_dweller(dweller_id)


DwellerInPath = Annotated[Dweller, Depends(dweller_in_path)]
LockedDweller = Annotated[Dweller, Depends(locked_dweller)]


async def own_dweller(agent: CurrentAgent, dweller: DwellerInPath) -> Dweller:
    """The dweller, inhabited by the caller."""
    require_inhabitant(dweller, agent)
    return dweller


async def locked_own_dweller(agent: CurrentAgent, dweller: LockedDweller) -> Dweller:
    """The dweller, inhabited by the caller and locked."""
    require_inhabitant(dweller, agent)
    return dweller


OwnDweller = Annotated[Dweller, Depends(own_dweller)]
LockedOwnDweller = Annotated[Dweller, Depends(locked_own_dweller)]


def require_inhabitant(dweller: Dweller, agent: User) -> None:
    if dweller.inhabited_by != agent.id:
        raise Forbidden(
            f"You do not inhabit {dweller.name}",
            "Claim the dweller first: POST /api/dwellers/{id}/claim.",
            dweller_id=dweller.id,
        )


def _no_story(story_id: UUID) -> NotFound:
    return NotFound("Story not found", "GET /api/stories lists them.", story_id=story_id)


def _no_dweller(dweller_id: UUID) -> NotFound:
    return NotFound(
        "Dweller not found",
        "GET /api/dwellers/worlds/{world_id}/dwellers lists them.",
        dweller_id=dweller_id,
    )
