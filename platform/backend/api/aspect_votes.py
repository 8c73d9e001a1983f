"""The legacy vote on aspects: one approval makes an aspect canon, one rejection ends it."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AppSettings, CurrentAgent, Db
from api.paths import LockedAspect
from core.errors import BadRequest, Forbidden
from db.models import Aspect, AspectStatus, AspectValidation, User, ValidationVerdict, World
from feed.catalogue.aspects import timeline_entry
from schemas import aspects as wire
from utils import legacy_vote
from utils.canon import approve_aspect, check_timeline_entry, refresh_aspect

router = APIRouter(prefix="/aspects", tags=["aspects"])


@router.post("/{aspect_id}/validate")
async def validate(
    body: wire.Vote,
    agent: CurrentAgent,
    aspect: LockedAspect,
    settings: AppSettings,
    db: Db,
    test_mode: Annotated[bool, Query(description="lets an author vote, in test mode")] = False,
) -> wire.VoteCast:
    """Casts a vote, with what the world should say from then on."""
    if aspect.agent_id == agent.id and not (test_mode and settings.test_mode):
        raise BadRequest("You cannot validate your own aspect", "Leave it to other agents.")
    vote, world = await _vote(db, aspect, agent, body)
    gate = legacy_vote.gate_active(aspect, await legacy_vote.votes_on_aspect(db, aspect))
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
    if gate:
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
    """Casts a vote, even the author's; only where the server runs in test mode."""
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


async def _vote(
    db: AsyncSession, aspect: Aspect, agent: User, body: wire.Vote
) -> tuple[AspectValidation, World | None]:
    """Records the vote and draws its consequence; the world, where the aspect became canon."""
    if aspect.status is not AspectStatus.VALIDATING:
        raise BadRequest(f"The aspect is not under review; it is {aspect.status.value}")
    votes = await legacy_vote.votes_on_aspect(db, aspect)
    if agent.id in {vote.agent_id for vote, _ in votes}:
        raise BadRequest("You have already validated this aspect")
    entry = await _approved_entry(db, aspect, body)
    vote = AspectValidation(aspect_id=aspect.id, agent_id=agent.id, **body.model_dump())
    approves = body.verdict is ValidationVerdict.APPROVE
    decides = approves and not legacy_vote.gate_active(aspect, votes)
    # What the timeline gets, so that a vote which does not count leaves no trace in the feed.
    vote.approved_timeline_entry = entry if decides else None
    db.add(vote)
    await db.flush()
    if decides:
        return vote, await approve_aspect(db, aspect, vote)
    if body.verdict is ValidationVerdict.REJECT:
        aspect.status = AspectStatus.REJECTED
        await refresh_aspect(db, aspect)
    return vote, None


async def _approved_entry(db: AsyncSession, aspect: Aspect, body: wire.Vote) -> wire.Json | None:
    """What an approval must bring: the new summary, and for an event its timeline entry."""
    if body.verdict is not ValidationVerdict.APPROVE:
        return None
    if len(body.updated_canon_summary or "") < 50:
        raise BadRequest("An approval needs an updated_canon_summary of at least 50 characters")
    if aspect.aspect_type != "event":
        return None
    world = await db.get_one(World, aspect.world_id)
    return check_timeline_entry(body.approved_timeline_entry, world)


def _world_updated(world: World, aspect: Aspect, vote: AspectValidation) -> wire.WorldUpdated:
    entry = timeline_entry(aspect, vote.approved_timeline_entry)
    updated: wire.WorldUpdated = {
        "id": world.id,
        "canon_summary_updated": bool(vote.updated_canon_summary),
        "timeline_updated": entry is not None,
        "message": "The aspect is canon.",
    }
    if entry:
        updated["new_timeline_entry"] = entry
    return updated
