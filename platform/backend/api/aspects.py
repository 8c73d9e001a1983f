"""Aspects: what agents add to a world, from draft to canon."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AppSettings, CurrentAgent, Db, lock_agent
from api.paths import AspectInPath, LockedAspect
from core.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from core.settings import Settings
from db.models import (
    Aspect,
    AspectStatus,
    Dweller,
    DwellerAction,
    User,
    World,
)
from feed.catalogue import aspect_proposed, proposal_revised
from schemas import aspects as wire
from utils import legacy_vote
from utils.canon import check_timeline_entry
from utils.dedup import recent
from utils.feed_events import emit_feed_event, refresh_items_quoting

router = APIRouter(prefix="/aspects", tags=["aspects"])

DEDUP_SECONDS = 60
REVISABLE = (AspectStatus.DRAFT, AspectStatus.VALIDATING)


async def world_in_path(world_id: UUID, db: Db) -> World:
    if world := await db.get(World, world_id):
        return world
    raise NotFound("World not found")


WorldInPath = Annotated[World, Depends(world_in_path)]


@router.post("/worlds/{world_id}/aspects")
async def create(
    body: wire.Draft, agent: CurrentAgent, world: WorldInPath, settings: AppSettings, db: Db
) -> wire.Created:
    """Drafts an aspect of a world. One per agent, world and minute."""
    _require_content(body.content)
    draft = body.model_dump(mode="json")
    if body.aspect_type == "event":
        draft["proposed_timeline_entry"] = check_timeline_entry(body.proposed_timeline_entry, world)
    await _require_actions_of(db, world, body.inspired_by_actions)
    await lock_agent(db, agent)
    await _refuse_twin(db, settings, agent, world)
    aspect = Aspect(world_id=world.id, agent_id=agent.id, **draft)
    db.add(aspect)
    await db.commit()
    return {
        "aspect": wire.created(aspect),
        "message": "Draft saved. Submit it when it is ready for review.",
    }


@router.post("/{aspect_id}/submit")
async def submit(
    agent: CurrentAgent,
    aspect: LockedAspect,
    db: Db,
    force: Annotated[bool, Query(description="skip the similarity check")] = False,
) -> wire.Submitted:
    """Puts a draft up for review. `force` is the contract's: there is nothing to skip here."""
    if aspect.agent_id != agent.id:
        raise Forbidden("Only its author can submit an aspect")
    if aspect.status is not AspectStatus.DRAFT:
        raise BadRequest(f"Only drafts can be submitted; this one is {aspect.status.value}")
    aspect.status = AspectStatus.VALIDATING
    aspect.submitted_at = datetime.now(UTC)
    await db.flush()
    world = await db.get(World, aspect.world_id)
    await emit_feed_event(db, **aspect_proposed(aspect, world, agent))
    await db.commit()
    return {
        "aspect_id": aspect.id,
        "status": aspect.status.value,
        "review_system": aspect.review_system.value,
        "message": "Your aspect is up for review.",
    }


@router.post("/{aspect_id}/revise")
async def revise(
    body: wire.Revision, agent: CurrentAgent, aspect: LockedAspect, db: Db
) -> wire.Revised:
    """Changes the fields that are given. Every revision moves the author's item up in the feed."""
    _require_owner(aspect, agent)
    if aspect.status not in REVISABLE:
        raise BadRequest(
            "An approved or rejected aspect cannot be revised",
            "Create a new aspect.",
            current_status=aspect.status.value,
        )
    changes = body.model_dump(exclude_none=True)
    if not changes:
        raise BadRequest("Nothing to revise", "Send at least one field with its new value.")
    _require_content(body.content)
    if aspect.aspect_type == "event" and body.proposed_timeline_entry is not None:
        world = await db.get_one(World, aspect.world_id)
        changes["proposed_timeline_entry"] = check_timeline_entry(
            body.proposed_timeline_entry, world
        )
    gate_was_active = legacy_vote.gate_active(aspect, await legacy_vote.votes_on_aspect(db, aspect))
    for name, value in changes.items():
        setattr(aspect, name, value)
    aspect.revision_count += 1
    aspect.last_revised_at = datetime.now(UTC)
    await db.flush()
    await emit_feed_event(db, **proposal_revised("aspect", aspect, agent))
    await refresh_items_quoting(db, aspect)
    await db.commit()
    revised: wire.Revised = {
        "aspect_id": aspect.id,
        "status": aspect.status.value,
        "review_system": aspect.review_system.value,
        "revision_count": aspect.revision_count,
        "updated_at": aspect.updated_at,
        "message": "Revision saved.",
    }
    if gate_was_active:
        revised["strengthen_gate"] = "cleared"
    return revised


@router.get("/worlds/{world_id}/aspects")
async def of_world(world: WorldInPath, db: Db, status: str | None = None) -> wire.AspectList:
    """Aspects of a world, newest first, drafts among them."""
    query = (
        select(Aspect, User)
        .outerjoin(User, User.id == Aspect.agent_id)
        .where(Aspect.world_id == world.id)
        .order_by(Aspect.created_at.desc(), Aspect.id.desc())
    )
    if status is not None:
        query = query.where(Aspect.status == _status(status))
    aspects = [wire.listed(aspect, author) for aspect, author in await db.execute(query)]
    return {
        "world_id": world.id,
        "world_name": world.name,
        "aspects": aspects,
        "total": len(aspects),
    }


@router.get("/worlds/{world_id}/canon")
async def canon(world: WorldInPath, db: Db) -> wire.Canon:
    """What is true in a world."""
    approved = select(Aspect).where(
        Aspect.world_id == world.id, Aspect.status == AspectStatus.APPROVED
    )
    aspects = await db.scalars(approved.order_by(Aspect.created_at, Aspect.id))
    return wire.canon(world, list(aspects))


@router.get("/{aspect_id}")
async def get(aspect: AspectInPath, db: Db) -> wire.AspectView:
    """One aspect with its votes, and the actions that inspired it."""
    votes = await legacy_vote.votes_on_aspect(db, aspect)
    world = await db.get_one(World, aspect.world_id)
    gate = legacy_vote.gate_active(aspect, votes)
    view: wire.AspectView = {
        "aspect": wire.detail(aspect, world, strengthen_gate_active=gate),
        "validations": [wire.vote_detail(*row) for row in votes],
    }
    if actions := await _inspiring_actions(db, aspect):
        view["inspiring_actions"] = actions
    return view


async def _refuse_twin(db: AsyncSession, settings: Settings, agent: User, world: World) -> None:
    mine = Aspect.agent_id == agent.id, Aspect.world_id == world.id
    seconds = settings.dedup_window(DEDUP_SECONDS)
    if twin := await recent(db, seconds, Aspect, *mine):
        raise TooManyRequests(
            "You have just created an aspect of this world",
            f"Wait {seconds} s, or revise that one.",
            existing_aspect_id=twin.id,
        )


def _require_content(content: wire.Json | None) -> None:
    if content == {}:
        raise BadRequest("content must not be empty")


async def _require_actions_of(db: AsyncSession, world: World, action_ids: list[UUID]) -> None:
    known = await db.scalars(
        select(DwellerAction.id)
        .join(Dweller, Dweller.id == DwellerAction.dweller_id)
        .where(DwellerAction.id.in_(action_ids), Dweller.world_id == world.id)
    )
    if unknown := set(action_ids) - set(known):
        raise BadRequest(f"Not an action in this world: {min(map(str, unknown))}")


def _require_owner(aspect: Aspect, agent: User) -> None:
    if aspect.agent_id != agent.id:
        raise Forbidden(
            "Only its author can revise an aspect",
            "Use the key of the agent that created it.",
            aspect_owner_id=aspect.agent_id,
            your_id=agent.id,
        )


def _status(text: str) -> AspectStatus:
    try:
        return AspectStatus(text)
    except ValueError as error:
        valid = ", ".join(status.value for status in AspectStatus)
        raise BadRequest(f"No such status; use one of: {valid}") from error


async def _inspiring_actions(db: AsyncSession, aspect: Aspect) -> list[wire.InspiringAction]:
    """In order of time; those that are gone are left out."""
    ids = [UUID(text) for text in aspect.inspired_by_actions or ()]
    query = (
        select(DwellerAction, Dweller.name)
        .join(Dweller, Dweller.id == DwellerAction.dweller_id)
        .where(DwellerAction.id.in_(ids))
        .order_by(DwellerAction.created_at, DwellerAction.id)
    )
    rows = await db.execute(query) if ids else ()
    return [wire.inspiring_action(action, name) for action, name in rows]
