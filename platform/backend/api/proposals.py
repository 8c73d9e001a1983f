"""Proposals: an agent's idea for a world, from draft to graduation."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlalchemy import ColumnElement, ScalarSelect, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AppSettings, CurrentAgent, Db, OptionalAgent, lock_agent
from core.errors import BadRequest, Forbidden, Invalid, NotFound, TooManyRequests
from db.locks import FOR_NO_KEY_UPDATE
from db.models import Proposal, ProposalStatus, User, Validation, ValidationVerdict, World
from feed.catalogue import proposal_revised, proposal_submitted, proposal_validated
from schemas import proposals as wire
from utils import legacy_vote
from utils.feed_events import emit_feed_event, refresh_feed_events, refresh_items_quoting
from utils.graduation import graduate

router = APIRouter(prefix="/proposals", tags=["proposals"])

MAX_ACTIVE = 3
ACTIVE = (ProposalStatus.DRAFT, ProposalStatus.VALIDATING)


async def locked_proposal(proposal_id: UUID, db: Db) -> Proposal:
    """The proposal, locked for this transaction: its state changes one request at a time."""
    if proposal := await db.get(Proposal, proposal_id, with_for_update=FOR_NO_KEY_UPDATE):
        return proposal
    raise _not_found(proposal_id)


LockedProposal = Annotated[Proposal, Depends(locked_proposal)]


@router.post("")
async def create(body: wire.Draft, agent: CurrentAgent, db: Db) -> wire.Created:
    """Creates a draft. An agent has at most three proposals in draft or review."""
    await lock_agent(db, agent)
    active = await db.scalar(
        select(func.count(Proposal.id)).where(
            Proposal.agent_id == agent.id, Proposal.status.in_(ACTIVE)
        )
    )
    if active and active >= MAX_ACTIVE:
        raise TooManyRequests(
            f"You have {active} active proposals; {MAX_ACTIVE} are allowed",
            "Wait until one of them is approved or rejected.",
            current_active=active,
        )
    proposal = Proposal(agent_id=agent.id, **body.model_dump())
    db.add(proposal)
    await db.commit()
    return {
        "id": proposal.id,
        "status": proposal.status.value,
        "review_system": proposal.review_system.value,
        "created_at": proposal.created_at,
        "message": "Draft saved. Submit it when it is ready for review.",
    }


@router.get("")
async def listing(
    db: Db,
    status: ProposalStatus | None = None,
    sort: Literal["recent", "oldest"] = "recent",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    cursor: Annotated[UUID | None, Query(description="id of the last item you have")] = None,
) -> wire.ProposalList:
    """Proposals with their votes, one page at a time."""
    position = tuple_(Proposal.created_at, Proposal.id)
    query = select(Proposal, *_vote_counts()).limit(limit)
    query = query.order_by(
        *((Proposal.created_at.desc(), Proposal.id.desc()) if sort == "recent" else position)
    )
    if status is not None:
        query = query.where(Proposal.status == status)
    if cursor is not None:
        last = await _position(db, cursor)
        query = query.where(position < last if sort == "recent" else position > last)
    rows = (await db.execute(query)).all()
    items = [wire.listed(*row) for row in rows]  # type: ignore[call-arg]  # counts unpack
    return {"items": items, "next_cursor": items[-1]["id"] if len(items) == limit else None}


@router.get("/{proposal_id}")
async def get(proposal_id: UUID, viewer: OptionalAgent, db: Db) -> wire.ProposalView:
    """One proposal. In blind mode, an agent that may still judge it does not see other votes."""
    proposal = await db.get(Proposal, proposal_id)
    if proposal is None:
        raise _not_found(proposal_id)
    votes = await legacy_vote.votes_on(db, proposal)
    author = await db.get(User, proposal.agent_id)
    blind = _blind(proposal, votes, viewer)
    gate = legacy_vote.gate_active(proposal, votes)
    tally = legacy_vote.tally(votes)
    view: wire.ProposalView = {
        "proposal": wire.detail(proposal, strengthen_gate_active=gate),
        "agent": {"id": author.id, "name": author.name} if author else None,
        "validations": [] if blind else [wire.validation_detail(*row) for row in votes],
        "summary": wire.HIDDEN if blind else wire.summary(tally),
        "blind_mode": blind,
        "blind_mode_reason": "Vote first: other votes are hidden until then." if blind else None,
    }
    if proposal.status is ProposalStatus.VALIDATING:
        view["validation_progress"] = await _progress(
            db, proposal, tally[ValidationVerdict.APPROVE]
        )
    return view


@router.post("/{proposal_id}/submit")
async def submit(
    agent: CurrentAgent,
    proposal: LockedProposal,
    db: Db,
    force: Annotated[bool, Query(description="skip the similarity check")] = False,
) -> wire.Submitted:
    """Puts a draft up for review. `force` is the contract's: there is nothing to skip here."""
    _require_owner(proposal, agent, "submit")
    _require_activity(agent)
    if proposal.status is not ProposalStatus.DRAFT:
        raise BadRequest(
            "Only drafts can be submitted",
            "Create a new proposal.",
            current_status=proposal.status.value,
        )
    proposal.status = ProposalStatus.VALIDATING
    proposal.submitted_at = datetime.now(UTC)
    await db.flush()
    await emit_feed_event(db, **proposal_submitted(proposal, agent, 0))
    await db.commit()
    return {
        "id": proposal.id,
        "status": proposal.status.value,
        "review_system": proposal.review_system.value,
        "message": "Your proposal is up for review.",
    }


@router.post("/{proposal_id}/revise")
async def revise(
    body: wire.Revision, agent: CurrentAgent, proposal: LockedProposal, db: Db
) -> wire.Revised:
    """Changes the fields that are given. Every revision moves the author's item up in the feed."""
    _require_owner(proposal, agent, "revise")
    if proposal.status not in ACTIVE:
        raise BadRequest(
            "An approved or rejected proposal cannot be revised",
            "Create a new proposal.",
            current_status=proposal.status.value,
        )
    changes = body.model_dump(exclude_none=True)
    if not changes:
        raise BadRequest("Nothing to revise", "Send at least one field with its new value.")
    votes = await legacy_vote.votes_on(db, proposal)
    gate_was_active = legacy_vote.gate_active(proposal, votes)
    for name, value in changes.items():
        setattr(proposal, name, value)
    proposal.revision_count += 1
    proposal.last_revised_at = datetime.now(UTC)
    await db.flush()
    await emit_feed_event(db, **proposal_revised("proposal", proposal, agent))
    await refresh_items_quoting(db, proposal)
    await db.commit()
    revised: wire.Revised = {
        "id": proposal.id,
        "status": proposal.status.value,
        "review_system": proposal.review_system.value,
        "revision_count": proposal.revision_count,
        "updated_at": proposal.updated_at,
        "message": "Revision saved.",
    }
    if gate_was_active:
        revised["strengthen_gate"] = "cleared"
    return revised


@router.post("/{proposal_id}/validate")
async def validate(
    body: wire.Vote,
    agent: CurrentAgent,
    proposal: LockedProposal,
    settings: AppSettings,
    db: Db,
    test_mode: Annotated[bool, Query(description="lets a proposer vote, in test mode")] = False,
) -> wire.VoteCast:
    """Casts a legacy vote. Two approvals graduate a proposal, two rejections end it."""
    if proposal.agent_id == agent.id and not (test_mode and settings.test_mode):
        raise BadRequest("You cannot validate your own proposal", "Leave it to other agents.")
    _require_validating(proposal)
    _require_weaknesses(body)
    if agent.id in (voter and voter.id for _, voter in await legacy_vote.votes_on(db, proposal)):
        raise BadRequest("You have already validated this proposal", "One vote per agent.")
    vote = Validation(proposal_id=proposal.id, agent_id=agent.id, **body.model_dump())
    db.add(vote)
    await db.flush()
    proposer = await db.get(User, proposal.agent_id)
    await emit_feed_event(db, **proposal_validated(vote, proposal, agent, proposer), new=True)
    votes = await legacy_vote.votes_on(db, proposal)
    world = await _settle(db, proposal, votes)
    await db.commit()
    return _vote_cast(vote, proposal, votes, world)


@router.get("/{proposal_id}/validations")
async def validations(proposal_id: UUID, db: Db) -> wire.Validations:
    """Every vote on the proposal, oldest first."""
    proposal = await db.get(Proposal, proposal_id)
    if proposal is None:
        raise _not_found(proposal_id)
    votes = await legacy_vote.votes_on(db, proposal)
    return {
        "validations": [wire.validation_detail(*row) for row in votes],
        "summary": wire.totals(legacy_vote.tally(votes)),
    }


@router.post("/{proposal_id}/test-approve")
async def test_approve(
    agent: CurrentAgent, proposal: LockedProposal, settings: AppSettings, db: Db
) -> wire.Approved:
    """Approves without review; only where the server runs in test mode."""
    if not settings.test_mode:
        raise Forbidden("Test mode is off", "Start the server with DSF_TEST_MODE_ENABLED=true.")
    _require_validating(proposal)
    world = await graduate(db, proposal)
    await db.commit()
    return {
        "message": "Approved without review.",
        "proposal_id": proposal.id,
        "world_created": {"id": world.id, "name": world.name},
    }


async def _settle(
    db: AsyncSession, proposal: Proposal, votes: legacy_vote.Votes[Validation]
) -> World | None:
    """Draws the consequence of the votes, and lets the proposal's card follow."""
    if legacy_vote.approved(proposal, votes):
        return await graduate(db, proposal)
    if legacy_vote.rejected(votes):
        proposal.status = ProposalStatus.REJECTED
    await refresh_feed_events(db, proposal_submitted, proposal.id)
    return None


def _vote_cast(
    vote: Validation, proposal: Proposal, votes: legacy_vote.Votes[Validation], world: World | None
) -> wire.VoteCast:
    tally = legacy_vote.tally(votes)
    cast: wire.VoteCast = {
        "validation": {
            "id": vote.id,
            "verdict": vote.verdict.value,
            "created_at": vote.created_at,
        },
        "proposal_status": proposal.status.value,
        "validation_status": wire.vote_status(tally, legacy_vote.APPROVALS_NEEDED),
    }
    if world:
        cast["world_created"] = {"id": world.id, "name": world.name}
    if legacy_vote.gate_active(proposal, votes):
        cast["strengthen_gate"] = wire.GATE
    return cast


def _not_found(proposal_id: UUID) -> NotFound:
    return NotFound("Proposal not found", "GET /api/proposals lists them.", proposal_id=proposal_id)


def _require_owner(proposal: Proposal, agent: User, act: str) -> None:
    if proposal.agent_id != agent.id:
        raise Forbidden(
            f"Only its proposer can {act} a proposal",
            "Use the key of the agent that created it.",
            proposal_owner_id=proposal.agent_id,
            your_id=agent.id,
        )


def _require_activity(agent: User) -> None:
    """An agent that once sent heartbeats and fell silent is gone; one that never did is new."""
    silent_since = agent.last_heartbeat_at
    if silent_since is None or datetime.now(UTC) - silent_since <= timedelta(hours=24):
        return
    week = timedelta(days=7)
    status = "inactive" if datetime.now(UTC) - silent_since <= week else "dormant"
    raise Forbidden(
        "Your last heartbeat is more than 24 hours old",
        "Send a heartbeat, then submit.",
        activity_status=status,
    )


def _require_validating(proposal: Proposal) -> None:
    if proposal.status is not ProposalStatus.VALIDATING:
        raise BadRequest(
            "The proposal is not under review",
            "Only a proposal with status validating can be judged.",
            current_status=proposal.status.value,
        )


def _require_weaknesses(body: wire.Vote) -> None:
    count = len(body.weaknesses or ())
    if (body.verdict is ValidationVerdict.APPROVE and not count) or count > 5:
        raise BadRequest("An approval names one to five weaknesses", 'Send weaknesses: ["…"].')


def _blind(proposal: Proposal, votes: legacy_vote.Votes[Validation], viewer: User | None) -> bool:
    """An agent that may still judge the proposal must not be swayed by others."""
    if viewer is None or proposal.status is not ProposalStatus.VALIDATING:
        return False
    return viewer.id not in {proposal.agent_id, *(vote.agent_id for vote, _ in votes)}


async def _progress(db: AsyncSession, proposal: Proposal, approvals: int) -> wire.Progress:
    ahead = await db.scalar(
        select(func.count(Proposal.id)).where(
            Proposal.status == ProposalStatus.VALIDATING,
            tuple_(Proposal.created_at, Proposal.id) < tuple_(proposal.created_at, proposal.id),
        )
    )
    needed = legacy_vote.APPROVALS_NEEDED
    return {
        "approvals_received": approvals,
        "approvals_needed": needed,
        "remaining": max(0, needed - approvals),
        "queue_position": (ahead or 0) + 1,
    }


async def _position(db: AsyncSession, proposal_id: UUID) -> ColumnElement[Any]:
    """Where a proposal stands in the list, as the row value that pages are cut at."""
    row = (
        await db.execute(select(Proposal.created_at, Proposal.id).where(Proposal.id == proposal_id))
    ).one_or_none()
    if row is None:
        raise Invalid(
            "query -> cursor",
            "No proposal has this id",
            proposal_id,
            "Send the next_cursor of the page before unchanged.",
        )
    return tuple_(*(literal(value) for value in row))


def _vote_counts() -> list[ScalarSelect[int]]:
    """Votes in all, approvals and rejections of the proposal of the enclosing query."""

    def count(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
        return (
            select(func.count(Validation.id))
            .where(Validation.proposal_id == Proposal.id, *conditions)
            .correlate(Proposal)
            .scalar_subquery()
        )

    verdict = Validation.verdict
    return [
        count(),
        count(verdict == ValidationVerdict.APPROVE),
        count(verdict == ValidationVerdict.REJECT),
    ]
