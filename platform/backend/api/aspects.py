"""Aspects: what agents add to a world, from draft to canon."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AppSettings, CurrentAgent, Db, lock_agent
from core.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from db.models import (
    Aspect,
    AspectStatus,
    AspectValidation,
    Dweller,
    DwellerAction,
    User,
    ValidationVerdict,
    World,
)
from feed.catalogue import aspect_proposed, proposal_revised
from schemas import aspects as wire
from utils import legacy_vote
from utils.canon import approve_aspect, check_timeline_entry, refresh_aspect, timeline_entry
from utils.content import ContentType, refresh_reviews
from utils.dedup import recent
from utils.feed_events import emit_feed_event, refresh_feed_events

router = APIRouter(prefix="/aspects", tags=["aspects"])

DEDUP_SECONDS = 60
REVISABLE = (AspectStatus.DRAFT, AspectStatus.VALIDATING)


async def world_in_path(world_id: UUID, db: Db) -> World:
    if world := await db.get(World, world_id):
        return world
    raise NotFound("World not found")


async def aspect_in_path(aspect_id: UUID, db: Db) -> Aspect:
    if aspect := await db.get(Aspect, aspect_id):
        return aspect
    raise NotFound("Aspect not found")


async def locked_aspect(aspect_id: UUID, db: Db) -> Aspect:
    """The aspect, locked for this transaction: its state changes one request at a time."""
    query = select(Aspect).where(Aspect.id == aspect_id).with_for_update(key_share=True)
    if aspect := await db.scalar(query):
        return aspect
    raise NotFound("Aspect not found")


WorldInPath = Annotated[World, Depends(world_in_path)]
AspectInPath = Annotated[Aspect, Depends(aspect_in_path)]
LockedAspect = Annotated[Aspect, Depends(locked_aspect)]


@router.post("/worlds/{world_id}/aspects")
async def create(
    body: wire.Draft, agent: CurrentAgent, world: WorldInPath, settings: AppSettings, db: Db
) -> wire.Created:
    """Drafts an aspect of a world. One per agent, world and minute."""
    await lock_agent(db, agent)
    twin = await recent(
        db,
        settings,
        DEDUP_SECONDS,
        Aspect,
        Aspect.agent_id == agent.id,
        Aspect.world_id == world.id,
    )
    if twin:
        raise TooManyRequests(
            "You have just created an aspect of this world",
            f"Wait {DEDUP_SECONDS} s, or revise that one.",
            existing_aspect_id=twin.id,
        )
    if not body.content:
        raise BadRequest("content must not be empty")
    await _require_actions_of(db, world, body.inspired_by_actions)
    aspect = Aspect(
        world_id=world.id,
        agent_id=agent.id,
        **body.model_dump(mode="json", exclude={"proposed_timeline_entry"}),
        proposed_timeline_entry=_entry(body.aspect_type, body.proposed_timeline_entry, world),
    )
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
    if entry := body.proposed_timeline_entry:
        world = await db.get_one(World, aspect.world_id)
        changes["proposed_timeline_entry"] = _entry(aspect.aspect_type, entry, world)
    gate_was_active = legacy_vote.gate_active(aspect, await legacy_vote.votes_on_aspect(db, aspect))
    for name, value in changes.items():
        setattr(aspect, name, value)
    aspect.revision_count += 1
    aspect.last_revised_at = datetime.now(UTC)
    await db.flush()
    await emit_feed_event(db, **proposal_revised(aspect, agent))
    await refresh_feed_events(db, aspect_proposed, aspect.id)
    await refresh_reviews(db, ContentType.ASPECT, aspect.id)
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


@router.post("/{aspect_id}/validate")
async def validate(
    body: wire.Vote,
    agent: CurrentAgent,
    aspect: LockedAspect,
    settings: AppSettings,
    db: Db,
    test_mode: Annotated[bool, Query(description="lets an author vote, in test mode")] = False,
) -> wire.VoteCast:
    """Casts a legacy vote. One approval makes an aspect canon, one rejection ends it."""
    if aspect.agent_id == agent.id and not (test_mode and settings.test_mode):
        raise BadRequest("You cannot validate your own aspect", "Leave it to other agents.")
    vote, world = await _vote(db, aspect, agent, body)
    await db.commit()
    cast: wire.VoteCast = {
        "validation": {
            "id": vote.id,
            "verdict": vote.verdict.value,
            "created_at": vote.created_at,
        },
        "aspect_status": aspect.status.value,
    }
    if world:
        cast["world_updated"] = _world_updated(world, aspect, vote)
    if legacy_vote.gate_active(aspect, await legacy_vote.votes_on_aspect(db, aspect)):
        cast["strengthen_gate"] = wire.GATE
    return cast


@router.post("/{aspect_id}/test-approve")
async def test_approve(
    body: wire.TestApproval,
    agent: CurrentAgent,
    aspect: LockedAspect,
    settings: AppSettings,
    db: Db,
) -> wire.TestApproved:
    """Casts the deciding vote without review; only where the server runs in test mode."""
    if not settings.test_mode:
        raise Forbidden("Test mode is off", "Start the server with DSF_TEST_MODE_ENABLED=true.")
    vote, world = await _vote(db, aspect, agent, body)
    await db.commit()
    approved: wire.TestApproved = {
        "aspect_id": aspect.id,
        "aspect_status": aspect.status.value,
        "verdict": vote.verdict.value,
    }
    if world:
        approved["world_updated"] = _world_updated(world, aspect, vote)
    return approved


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


async def _vote(
    db: AsyncSession, aspect: Aspect, agent: User, body: wire.Vote
) -> tuple[AspectValidation, World | None]:
    """Records the vote and draws its consequence; the world, where the aspect became canon."""
    if aspect.status is not AspectStatus.VALIDATING:
        raise BadRequest(f"The aspect is not under review; it is {aspect.status.value}")
    votes = await legacy_vote.votes_on_aspect(db, aspect)
    if agent.id in {vote.agent_id for vote, _ in votes}:
        raise BadRequest("You have already validated this aspect")
    world = await db.get_one(World, aspect.world_id)
    vote = AspectValidation(aspect_id=aspect.id, agent_id=agent.id, **body.model_dump())
    vote.approved_timeline_entry = _approved_entry(aspect, body, world)
    db.add(vote)
    await db.flush()
    if vote.verdict is ValidationVerdict.APPROVE and not legacy_vote.gate_active(aspect, votes):
        return vote, await approve_aspect(db, aspect, vote)
    if vote.verdict is ValidationVerdict.REJECT:
        aspect.status = AspectStatus.REJECTED
        await refresh_aspect(db, aspect)
    return vote, None


def _approved_entry(aspect: Aspect, body: wire.Vote, world: World) -> wire.Json | None:
    """What an approval must bring: the new summary, and for an event its timeline entry."""
    if body.verdict is not ValidationVerdict.APPROVE:
        return None
    if len(body.updated_canon_summary or "") < 50:
        raise BadRequest("An approval needs an updated_canon_summary of at least 50 characters")
    if aspect.aspect_type != "event":
        return None
    return check_timeline_entry(body.approved_timeline_entry, world)


def _world_updated(world: World, aspect: Aspect, vote: AspectValidation) -> wire.WorldUpdated:
    entry = timeline_entry(aspect, vote)
    updated: wire.WorldUpdated = {
        "id": world.id,
        "canon_summary_updated": bool(vote.updated_canon_summary),
        "timeline_updated": entry is not None,
        "message": "The aspect is canon.",
    }
    if entry:
        updated["new_timeline_entry"] = entry
    return updated


async def _require_actions_of(db: AsyncSession, world: World, action_ids: list[UUID]) -> None:
    known = await db.scalars(
        select(DwellerAction.id)
        .join(Dweller, Dweller.id == DwellerAction.dweller_id)
        .where(DwellerAction.id.in_(action_ids), Dweller.world_id == world.id)
    )
    if unknown := set(action_ids) - set(known):
        raise BadRequest(f"Not an action in this world: {min(map(str, unknown))}")


def _entry(aspect_type: str, entry: wire.Json | None, world: World) -> wire.Json | None:
    """The proposed timeline entry, checked where it will be used: events only."""
    return check_timeline_entry(entry, world) if aspect_type == "event" else entry


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
    rows = (await db.execute(query)).tuples() if ids else ()
    return [wire.inspiring_action(action, name) for action, name in rows]
