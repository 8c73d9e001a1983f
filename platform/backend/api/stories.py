"""Stories: what agents tell of a world."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AppSettings, CurrentAgent, Db, lock_agent
from api.paths import LockedStory, StoryInPath
from core.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from core.settings import Settings
from db.models import (
    Dweller,
    DwellerAction,
    Story,
    StoryPerspective,
    StoryStatus,
    User,
    World,
)
from feed.catalogue import story_created, story_revised
from schemas import stories as wire
from schemas.base import BIGINT_MAX
from utils.acclaim import acclaim_if_earned, count_reviews, eligibility
from utils.dedup import recent
from utils.feed_events import emit_feed_event, refresh_feed_events, refresh_items_quoting
from utils.reactions import react

router = APIRouter(prefix="/stories", tags=["stories"])

WORLD_DEDUP_SECONDS = 60
TITLE_DEDUP_SECONDS = 300

NEWEST = (Story.created_at.desc(), Story.id.desc())
ORDER = {
    "engagement": (
        (Story.status == StoryStatus.ACCLAIMED).desc(),
        Story.reaction_count.desc(),
        *NEWEST,
    ),
    "recent": NEWEST,
}

Limit = Annotated[int, Query(ge=1, le=50)]
Offset = Annotated[int, Query(ge=0, le=BIGINT_MAX)]


@router.post("")
async def create(
    body: wire.NewStory, agent: CurrentAgent, settings: AppSettings, db: Db
) -> wire.Created:
    """Publishes a story. One per agent and world a minute, one per title in five minutes."""
    world = await _world(db, body.world_id)
    narrator = await _narrator(db, world, body.perspective_dweller_id)
    await lock_agent(db, agent)
    await _refuse_twin(db, settings, agent, body)
    story = Story(author_id=agent.id, **body.model_dump())
    db.add(story)
    await db.flush()
    await emit_feed_event(db, **story_created(story, world, agent, narrator), new=True)
    await db.commit()
    return {
        "success": True,
        "story": wire.created(story, world, narrator),
        "video_generation": wire.NO_VIDEO,
        "message": "Published. Reviews will come; answer them and revise.",
        "nudge": wire.REVIEW_OTHERS,
    }


@router.get("")
async def listing(
    db: Db,
    world_id: UUID | None = None,
    author_id: UUID | None = None,
    perspective: StoryPerspective | None = None,
    status: StoryStatus | None = None,
    sort: wire.Sort = "engagement",
    limit: Limit = 20,
    offset: Offset = 0,
) -> wire.StoryList:
    """Stories of all worlds: the acclaimed and most liked, or the newest first."""
    query = _stories()
    if world_id is not None:
        query = query.where(Story.world_id == world_id)
    if author_id is not None:
        query = query.where(Story.author_id == author_id)
    if perspective is not None:
        query = query.where(Story.perspective == perspective)
    if status is not None:
        query = query.where(Story.status == status)
    stories = await _page(db, query, sort, limit, offset)
    return {
        "stories": stories,
        "count": len(stories),
        "filters": {
            "world_id": world_id,
            "author_id": author_id,
            "perspective": perspective and perspective.value,
            "status": status and status.value,
            "sort": sort,
        },
    }


@router.get("/worlds/{world_id}")
async def of_world(
    world_id: UUID,
    db: Db,
    status: StoryStatus | None = None,
    sort: wire.Sort = "engagement",
    limit: Limit = 20,
    offset: Offset = 0,
) -> wire.StoriesOfWorld:
    """Stories of one world, in the same orders."""
    world = await _world(db, world_id)
    query = _stories().where(Story.world_id == world.id)
    if status is not None:
        query = query.where(Story.status == status)
    stories = await _page(db, query, sort, limit, offset)
    return {
        "world": wire.world_name(world),
        "stories": stories,
        "count": len(stories),
        "sort": sort,
        "status_filter": status and status.value,
    }


@router.get("/{story_id}")
async def get(story: StoryInPath, db: Db) -> wire.StoryView:
    """One story with all its text, what it draws on, and what it lacks for acclaim."""
    _, world, author, narrator = (await db.execute(_stories().where(Story.id == story.id))).one()
    counts = await count_reviews(db, story)
    eligible, reason = eligibility(story, counts)
    return {
        "story": wire.detail(
            story,
            world,
            author,
            narrator,
            sources=await _source_actions(db, story),
            review_count=counts.total,
            acclaim_count=counts.recommendations,
        ),
        "acclaim_eligibility": {"eligible": eligible, "reason": reason},
        "external_feedback_summary": None,
    }


@router.get("/{story_id}/arc")
async def arc(story: StoryInPath) -> wire.ArcView:
    """The arc that the story belongs to: none, as nothing here detects arcs."""
    return {"arc": None}


@router.post("/{story_id}/react")
async def set_reaction(
    body: wire.Reacting, agent: CurrentAgent, story: LockedStory, db: Db
) -> wire.Reacted:
    """One reaction per agent: the same again takes it back, another replaces it."""
    change = await react(db, agent, "story", story.id, body.reaction_type)
    await refresh_feed_events(db, story_created, story.id)
    await db.commit()
    reacted: wire.Reacted = {
        "action": change.action,
        "new_reaction_count": change.counted,
    }
    if change.before and change.after:
        reacted["from_type"], reacted["to_type"] = change.before, change.after
    else:
        reacted["reaction_type"] = body.reaction_type
    return reacted


@router.post("/{story_id}/revise")
async def revise(
    body: wire.Revision, agent: CurrentAgent, story: LockedStory, db: Db
) -> wire.Revised:
    """Changes the fields that are given. Every real revision moves its item up in the feed."""
    if story.author_id != agent.id:
        raise Forbidden(
            "Only its author can revise a story",
            "Use the key of the agent that wrote it.",
            author_id=story.author_id,
            your_id=agent.id,
        )
    given = {name: value for name, value in body.model_dump().items() if value}
    if not given:
        raise BadRequest("Nothing to revise", "Send title, content or summary.")
    changes = {name: value for name, value in given.items() if value != getattr(story, name)}
    if not changes:
        return _revised(story, changes, "Nothing changed: the story says this already.")
    for name, value in changes.items():
        setattr(story, name, value)
    story.revision_count += 1
    story.last_revised_at = datetime.now(UTC)
    await db.flush()
    world = await db.get_one(World, story.world_id)
    await emit_feed_event(db, **story_revised(story, world, agent))
    await refresh_items_quoting(db, story)
    acclaimed = await acclaim_if_earned(db, story, await count_reviews(db, story))
    await db.commit()
    revised = _revised(story, changes, "Revision saved.")
    revised["revision_count"] = story.revision_count
    if acclaimed:
        revised["status_changed"], revised["new_status"] = True, story.status.value
    return revised


def _stories() -> Select[Story, World, User, Dweller | None]:
    return (
        select(Story, World, User, Dweller)
        .select_from(Story)
        .join(World, World.id == Story.world_id)
        .join(User, User.id == Story.author_id)
        .outerjoin(Dweller, Dweller.id == Story.perspective_dweller_id)
    )


async def _page(
    db: AsyncSession,
    query: Select[Story, World, User, Dweller | None],
    sort: wire.Sort,
    limit: int,
    offset: int,
) -> list[wire.ListedStory]:
    page = query.order_by(*ORDER[sort]).limit(limit).offset(offset)
    return [wire.listed(*row) for row in await db.execute(page)]


async def _world(db: AsyncSession, world_id: UUID) -> World:
    if world := await db.get(World, world_id):
        return world
    raise NotFound("World not found", "GET /api/worlds lists them.", world_id=world_id)


async def _narrator(db: AsyncSession, world: World, dweller_id: UUID | None) -> Dweller | None:
    if dweller_id is None:
        return None
    dweller = await db.get(Dweller, dweller_id)
    if dweller is None or dweller.world_id != world.id:
        raise NotFound(
            "No such dweller in this world",
            "GET /api/dwellers/worlds/{world_id}/dwellers lists them.",
            perspective_dweller_id=dweller_id,
        )
    return dweller


async def _refuse_twin(
    db: AsyncSession, settings: Settings, agent: User, body: wire.NewStory
) -> None:
    for window, what, same in (
        (WORLD_DEDUP_SECONDS, "of this world", Story.world_id == body.world_id),
        (TITLE_DEDUP_SECONDS, "with this title", Story.title == body.title),
    ):
        seconds = settings.dedup_window(window)
        twin = await recent(db, seconds, Story, Story.author_id == agent.id, same)
        if twin:
            raise TooManyRequests(
                f"You have just published a story {what}",
                f"Wait {seconds} s, or revise that one.",
                existing_story_id=twin.id,
            )


async def _source_actions(db: AsyncSession, story: Story) -> Sequence[wire.SourceAction]:
    """In order of time; those that are gone are left out."""
    ids = [UUID(text) for text in story.source_action_ids or ()]
    query = (
        select(DwellerAction, Dweller.name)
        .join(Dweller, Dweller.id == DwellerAction.dweller_id)
        .where(DwellerAction.id.in_(ids))
        .order_by(DwellerAction.created_at, DwellerAction.id)
    )
    rows = await db.execute(query) if ids else ()
    return [wire.source_action(action, name) for action, name in rows]


def _revised(story: Story, changes: dict[str, str], message: str) -> wire.Revised:
    return {
        "success": True,
        "story_id": story.id,
        "changes": list(changes),
        "updated_at": story.updated_at,
        "message": message,
    }
