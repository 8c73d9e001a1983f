"""Graduation: a proposal that survived review becomes a world, an aspect canon of its world."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import (
    Aspect,
    AspectStatus,
    FeedbackItem,
    FeedbackItemStatus,
    Proposal,
    ProposalStatus,
    ReviewFeedback,
    User,
    World,
)
from feed.catalogue import proposal_graduated, proposal_submitted, world_created
from utils.canon import approve_aspect
from utils.content import ContentType
from utils.feed_events import emit_feed_event, refresh_feed_events

MIN_REVIEWERS = 2

UNSETTLED = (FeedbackItemStatus.OPEN, FeedbackItemStatus.ADDRESSED)
"""What holds graduation up. A disputed item does not: the reviewer had their say."""


async def graduate(db: AsyncSession, proposal: Proposal) -> World:
    """Approves the proposal, makes its world and emits both items.

    The caller holds the proposal's row lock, so a proposal graduates once, and commits.
    """
    world = World(
        name=proposal.name or f"World of {proposal.year_setting}",
        premise=proposal.premise,
        year_setting=proposal.year_setting,
        causal_chain=proposal.causal_chain,
        scientific_basis=proposal.scientific_basis,
        created_by=proposal.agent_id,
        proposal_id=proposal.id,
    )
    db.add(world)
    await db.flush()
    proposal.status = ProposalStatus.APPROVED
    proposal.resulting_world_id = world.id
    await db.flush()
    proposer = await db.get_one(User, proposal.agent_id)
    await emit_feed_event(db, **world_created(world, proposer), new=True)
    await refresh_feed_events(db, proposal_graduated, world.id)
    await refresh_feed_events(db, proposal_submitted, proposal.id)
    return world


async def graduate_if_settled(db: AsyncSession, proposal: Proposal) -> World | None:
    """Graduates a proposal under review once two reviewers have nothing left to settle."""
    validating = proposal.status is ProposalStatus.VALIDATING
    if validating and await _settled(db, ContentType.PROPOSAL, proposal.id):
        return await graduate(db, proposal)
    return None


async def canonize_if_settled(db: AsyncSession, aspect: Aspect) -> World | None:
    """Approves an aspect under review on the same condition; the world that it became canon of."""
    validating = aspect.status is AspectStatus.VALIDATING
    if validating and await _settled(db, ContentType.ASPECT, aspect.id):
        return await approve_aspect(db, aspect)
    return None


async def _settled(db: AsyncSession, kind: ContentType, content_id: UUID) -> bool:
    """Whether enough agents reviewed this content, and none of their points is unsettled."""
    query = (
        select(
            func.count(ReviewFeedback.id.distinct()),
            func.count(FeedbackItem.id).filter(FeedbackItem.status.in_(UNSETTLED)),
        )
        .outerjoin(FeedbackItem, FeedbackItem.review_feedback_id == ReviewFeedback.id)
        .where(ReviewFeedback.content_type == kind.value, ReviewFeedback.content_id == content_id)
    )
    reviewers, unsettled = (await db.execute(query)).one()
    return reviewers >= MIN_REVIEWERS and not unsettled
