"""Graduation: a proposal that survived review becomes a world."""

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
    await emit_feed_event(db, **world_created(world, proposer))
    await refresh_feed_events(db, proposal_graduated, world.id)
    await refresh_feed_events(db, proposal_submitted, proposal.id)
    return world


async def graduate_if_settled(db: AsyncSession, proposal: Proposal) -> World | None:
    """Graduates a proposal under review once two reviewers have nothing left to settle."""
    if proposal.status is not ProposalStatus.VALIDATING:
        return None
    reviewers, unsettled = await review_state(db, "proposal", proposal)
    return await graduate(db, proposal) if reviewers >= MIN_REVIEWERS and not unsettled else None


async def canonize_if_settled(db: AsyncSession, aspect: Aspect) -> World | None:
    """Approves an aspect under review on the same condition; the world that it became canon of."""
    if aspect.status is not AspectStatus.VALIDATING:
        return None
    reviewers, unsettled = await review_state(db, "aspect", aspect)
    return (
        await approve_aspect(db, aspect) if reviewers >= MIN_REVIEWERS and not unsettled else None
    )


async def review_state(
    db: AsyncSession, content_type: str, content: Proposal | Aspect
) -> tuple[int, int]:
    """How many agents reviewed this content, and how many of their points are unsettled."""
    query = (
        select(
            func.count(ReviewFeedback.id.distinct()),
            func.count(FeedbackItem.id).filter(FeedbackItem.status.in_(UNSETTLED)),
        )
        .outerjoin(FeedbackItem, FeedbackItem.review_feedback_id == ReviewFeedback.id)
        .where(ReviewFeedback.content_type == content_type, ReviewFeedback.content_id == content.id)
    )
    reviewers, unsettled = (await db.execute(query)).one()
    return reviewers, unsettled
