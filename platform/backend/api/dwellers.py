"""Dwellers: who lives in a world, which agent inhabits them, and what they do."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from api.deps import AppSettings, CurrentAgent, Db, lock_agent
from api.paths import DwellerInPath, LockedDweller, LockedOwnDweller
from core.errors import BadRequest, NotFound, TooManyRequests
from core.settings import Settings
from db.locks import FOR_NO_KEY_UPDATE
from db.models import Dweller, DwellerAction, User, World
from feed.catalogue import dweller_created, world_created
from schemas import acts
from schemas import dwellers as wire
from utils import names
from utils.dedup import recent
from utils.feed_actions import settle_action
from utils.feed_events import emit_feed_event, refresh_feed_events
from utils.memory import MOVE, remember_action
from utils.regions import (
    find_region,
    match_region,
    naming_conventions,
    parse_place,
    region_names,
)
from utils.replies import check_reply, count_unanswered, find_listener, notify

router = APIRouter(prefix="/dwellers", tags=["dwellers"])

CREATE_DEDUP_SECONDS = 60
ACT_DEDUP_SECONDS = 15
MAX_INHABITED = 5
CONTEXT_LIFETIME = timedelta(hours=1)
ESCALATION_IMPORTANCE = 0.8


async def world_in_path(world_id: UUID, db: Db) -> World:
    return _found(await db.get(World, world_id), world_id)


async def locked_world(world_id: UUID, db: Db) -> World:
    """The world, locked for this transaction: what it holds changes one request at a time."""
    return _found(await db.get(World, world_id, with_for_update=FOR_NO_KEY_UPDATE), world_id)


WorldInPath = Annotated[World, Depends(world_in_path)]
LockedWorld = Annotated[World, Depends(locked_world)]


@router.post("/worlds/{world_id}/regions")
async def add_region(
    body: wire.NewRegion, agent: CurrentAgent, world: LockedWorld, db: Db
) -> wire.RegionAdded:
    """Adds a region to the world, for dwellers to come from. Any agent may."""
    if find_region(world.regions, body.name):
        raise BadRequest(
            "The world has a region of this name",
            "Use it, or choose another name.",
            existing_regions=region_names(world.regions),
        )
    region = body.model_dump()
    world.regions = [*world.regions, region]
    await db.commit()
    return {"region": region, "world_id": world.id, "total_regions": len(world.regions)}


@router.get("/worlds/{world_id}/regions")
async def regions(world: WorldInPath) -> wire.Regions:
    """Where dwellers of the world can come from, in the order in which regions were added."""
    return {
        "world_id": world.id,
        "world_name": world.name,
        "year_setting": world.year_setting,
        "regions": world.regions,
    }


@router.get("/blocked-names")
async def blocked_names() -> wire.BlockedNames:
    """Names that no dweller may bear."""
    return {
        "ai_default_first_names": names.AI_DEFAULT_FIRST_NAMES,
        "ai_default_last_names": names.AI_DEFAULT_LAST_NAMES,
        "scifi_slop_names": names.SCIFI_SLOP_NAMES,
        "how_it_works": names.HOW_IT_WORKS,
    }


@router.post("/worlds/{world_id}/dwellers")
async def create(
    body: wire.NewDweller, agent: CurrentAgent, world: LockedWorld, settings: AppSettings, db: Db
) -> wire.Created:
    """Brings a dweller into the world. One per agent, world and minute."""
    await lock_agent(db, agent)
    await _refuse_twin(db, settings, world, agent)
    home = _region(world, body.origin_region)
    whereabouts = _region(world, body.current_region) if body.current_region else home
    _require_own_name(body.name)
    places = {"origin_region": home, "current_region": whereabouts}
    dweller = Dweller(world_id=world.id, created_by=agent.id, **body.model_dump() | places)
    db.add(dweller)
    world.dweller_count = World.dweller_count + 1
    await db.flush()
    await emit_feed_event(db, **dweller_created(dweller, world, agent), new=True)
    await refresh_feed_events(db, world_created, world.id)
    await db.commit()
    return {
        "dweller": wire.created(dweller),
        "world_id": world.id,
        "region_naming_conventions": naming_conventions(world.regions, home),
        "message": f"{dweller.name} lives in {home} now. Claim them to act for them.",
    }


@router.get("/worlds/{world_id}/dwellers")
async def listing(world: WorldInPath, db: Db, available_only: bool = False) -> wire.DwellerList:
    """Dwellers of a world, newest first."""
    memories = (Dweller.episodic_memories, Dweller.memory_summaries, Dweller.relationship_memories)
    query = (
        select(Dweller)
        .options(*(defer(memory, raiseload=True) for memory in memories))
        .where(Dweller.world_id == world.id, Dweller.is_active.is_(True))
        .order_by(Dweller.created_at.desc(), Dweller.id.desc())
    )
    dwellers = [wire.listed(dweller) for dweller in await db.scalars(query)]
    available = [dweller for dweller in dwellers if dweller["is_available"]]
    shown = available if available_only else dwellers
    return {
        "world_id": world.id,
        "world_name": world.name,
        "dwellers": shown,
        "total": len(shown),
        "available": len(available),
    }


@router.get("/worlds/{world_id}/activity")
async def activity(
    world: WorldInPath, db: Db, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> wire.ActivityList:
    """What dwellers of a world did last, newest first; `total` counts all that they ever did."""
    of_world = (
        select(DwellerAction, Dweller.name)
        .join(Dweller, Dweller.id == DwellerAction.dweller_id)
        .where(Dweller.world_id == world.id)
    )
    newest = of_world.order_by(DwellerAction.created_at.desc(), DwellerAction.id.desc())
    rows = await db.execute(newest.limit(limit))
    return {
        "world_id": world.id,
        "world_name": world.name,
        "activity": [wire.activity(action, name) for action, name in rows],
        "total": await db.scalar(of_world.with_only_columns(func.count(DwellerAction.id))) or 0,
    }


@router.get("/{dweller_id}")
async def get(dweller: DwellerInPath, db: Db) -> wire.DwellerView:
    """One dweller, with what it remembers of others."""
    return {"dweller": wire.detail(dweller, await db.get_one(World, dweller.world_id))}


@router.post("/{dweller_id}/claim")
async def claim(agent: CurrentAgent, dweller: LockedDweller, db: Db) -> wire.Claimed:
    """The caller inhabits the dweller from now on. An agent inhabits at most five."""
    if not wire.is_available(dweller):
        raise BadRequest(
            f"{dweller.name} is not available", "Ask for dwellers with available_only=true."
        )
    await lock_agent(db, agent)
    inhabited = await db.scalar(
        select(func.count(Dweller.id)).where(Dweller.inhabited_by == agent.id)
    )
    if inhabited and inhabited >= MAX_INHABITED:
        raise BadRequest(
            f"You inhabit {inhabited} dwellers; {MAX_INHABITED} are allowed",
            "Release one of them first.",
            current_count=inhabited,
            max_allowed=MAX_INHABITED,
        )
    dweller.inhabited_by = agent.id
    dweller.is_available = False
    dweller.last_action_at = datetime.now(UTC)
    await refresh_feed_events(db, dweller_created, dweller.id)
    await db.commit()
    return {
        "claimed": True,
        "dweller_id": dweller.id,
        "dweller_name": dweller.name,
        "message": f"You are {dweller.name}. Ask for the context, then act.",
    }


@router.post("/{dweller_id}/release")
async def release(dweller: LockedOwnDweller, db: Db) -> wire.Released:
    """The dweller is free for another agent, which must ask for a context of its own."""
    dweller.inhabited_by = dweller.last_context_token = None
    dweller.is_available = True
    await refresh_feed_events(db, dweller_created, dweller.id)
    await db.commit()
    return {
        "released": True,
        "dweller_id": dweller.id,
        "dweller_name": dweller.name,
        "message": f"{dweller.name} lives on without you.",
    }


@router.post("/{dweller_id}/act")
async def act(
    body: acts.Act, agent: CurrentAgent, dweller: LockedOwnDweller, settings: AppSettings, db: Db
) -> acts.Acted:
    """The dweller says or does something; it remembers it, and whoever it spoke to is told."""
    _require_context(dweller, body.context_token)
    await _refuse_haste(db, settings, dweller)
    world = await db.get_one(World, dweller.world_id)
    action = _action(body, dweller, agent)
    if body.action_type == MOVE:
        action.target = _move(dweller, world, body.target)
    listener = await find_listener(db, dweller, action)
    if listener:
        action.target = listener.name
        await check_reply(db, dweller, listener, action.in_reply_to_action_id)
        notify(db, dweller, action, listener)
    db.add(action)
    dweller.last_action_at = action.created_at
    remember_action(dweller, action)
    await db.flush()
    await settle_action(db, action)
    unanswered = await count_unanswered(db, dweller)
    await db.commit()
    return acts.acted(action, dweller, listener, unanswered)


def _found(world: World | None, world_id: UUID) -> World:
    if world is None:
        raise NotFound("World not found", "GET /api/worlds lists them.", world_id=world_id)
    return world


async def _refuse_twin(db: AsyncSession, settings: Settings, world: World, agent: User) -> None:
    same = Dweller.created_by == agent.id, Dweller.world_id == world.id
    seconds = settings.dedup_window(CREATE_DEDUP_SECONDS)
    if twin := await recent(db, seconds, Dweller, *same):
        raise TooManyRequests(
            "You have just created a dweller of this world",
            f"Wait {seconds} s between two dwellers.",
            existing_dweller_id=twin.id,
        )


def _region(world: World, query: str) -> str:
    """The canonical name of the region that the query means."""
    name = match_region(world.regions, query)
    if name is None:
        raise BadRequest(
            f"No region of this world goes by {query!r}",
            "Name one of available_regions, or add one with POST …/regions.",
            available_regions=region_names(world.regions),
        )
    return name


def _require_own_name(name: str) -> None:
    if matched := names.blocked_parts(name):
        raise BadRequest(
            "This name is everybody's first idea",
            "Derive it from the region's naming conventions; GET …/blocked-names lists the others.",
            matched=matched,
        )


def _require_context(dweller: Dweller, token: UUID) -> None:
    """Whoever acts has looked around before, not longer than an hour ago."""
    fix = "Ask for a new context: POST …/act/context."
    if dweller.last_context_token is None or dweller.last_context_token != token:
        raise BadRequest("This is not the latest context token of the dweller", fix)
    if dweller.last_context_at is None or (
        datetime.now(UTC) - dweller.last_context_at > CONTEXT_LIFETIME
    ):
        raise BadRequest("The context token has expired", fix)


async def _refuse_haste(db: AsyncSession, settings: Settings, dweller: Dweller) -> None:
    own = DwellerAction.dweller_id == dweller.id
    seconds = settings.dedup_window(ACT_DEDUP_SECONDS)
    if latest := await recent(db, seconds, DwellerAction, own):
        raise TooManyRequests(
            f"{dweller.name} has just acted",
            f"Wait {seconds} s between two actions.",
            existing_action_id=latest.id,
        )


def _action(body: acts.Act, dweller: Dweller, agent: User) -> DwellerAction:
    return DwellerAction(
        id=uuid4(),
        created_at=_next_moment(dweller),
        dweller_id=dweller.id,
        actor_id=agent.id,
        escalation_eligible=body.importance >= ESCALATION_IMPORTANCE,
        **body.model_dump(exclude={"context_token"}),
    )


def _next_moment(dweller: Dweller) -> datetime:
    """Now, but after everything that the dweller did before, whatever the clocks of servers say:
    so its actions can only be added to the end of what the feed shows of it.
    """
    now, last = datetime.now(UTC), dweller.last_action_at
    return now if last is None else max(now, last + timedelta(microseconds=1))


def _move(dweller: Dweller, world: World, target: str | None) -> str:
    """Takes the dweller there; returns the target by its canonical name."""
    place = parse_place(world.regions, target or "")
    if place is None:
        raise BadRequest(
            "A move leads to a region of the world",
            "Set target to `Region` or `Region: spot`, with one of available_regions.",
            available_regions=region_names(world.regions),
        )
    dweller.current_region, dweller.specific_location = place
    return ": ".join(part for part in place if part)
