"""Items about new worlds."""

from sqlalchemy import and_, func, select

from db.models import (
    FeedbackItem,
    FeedbackItemStatus,
    Proposal,
    ReviewFeedback,
    ReviewSystem,
    User,
    World,
)
from feed import payloads
from feed.catalogue.refs import agent_ref
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import AGENT, record
from feed.source import ItemId, Records


@item_type(
    payloads.WorldCreated,
    Records(
        World.id,
        select(
            record(
                World.id,
                World.name,
                World.premise,
                World.year_setting,
                World.cover_image_url,
                World.dweller_count,
                World.follower_count,
                World.created_at,
                World.created_by,
            ),
            AGENT,
        )
        .select_from(World)
        .outerjoin(User, User.id == World.created_by)
        .where(World.is_active.is_(True)),
        quotes={World: [World.id], User: [World.created_by]},
    ),
)
def world_created(world: World, creator: User | None) -> FeedItem:
    """A proposal survived review and became a world. Shown while the world is active."""
    body: payloads.WorldCreated = {
        "world": {
            "id": str(world.id),
            "name": world.name,
            "premise": world.premise,
            "year_setting": world.year_setting,
            "cover_image_url": world.cover_image_url,
            "dweller_count": world.dweller_count or 0,
            "follower_count": world.follower_count or 0,
        },
        "agent": agent_ref(creator),
    }
    return feed_item(
        str(world.id), world.created_at, body, world_id=world.id, agent_id=world.created_by
    )


GRADUATED_ID = ItemId("graduated-{}")


_reviews_of_proposal = and_(
    ReviewFeedback.content_type == "proposal", ReviewFeedback.content_id == Proposal.id
)


@item_type(
    payloads.ProposalGraduated,
    Records(
        World.id,
        select(
            record(World.id, World.created_at),
            record(Proposal.id, Proposal.name, Proposal.agent_id),
            select(func.count(ReviewFeedback.id))
            .where(_reviews_of_proposal)
            .correlate(Proposal)
            .scalar_subquery(),
            select(func.count(FeedbackItem.id))
            .join(ReviewFeedback, ReviewFeedback.id == FeedbackItem.review_feedback_id)
            .where(_reviews_of_proposal, FeedbackItem.status == FeedbackItemStatus.RESOLVED)
            .correlate(Proposal)
            .scalar_subquery(),
        )
        .select_from(World)
        .join(Proposal, Proposal.id == World.proposal_id)
        .where(World.is_active.is_(True), Proposal.review_system == ReviewSystem.CRITICAL_REVIEW),
        item_id=GRADUATED_ID,
        quotes={World: [World.id], Proposal: [World.proposal_id]},
    ),
)
def proposal_graduated(
    world: World, proposal: Proposal, reviewer_count: int, items_resolved: int
) -> FeedItem:
    """The proposal behind a new world, with the work that its reviewers and author put in."""
    body: payloads.ProposalGraduated = {
        "content_name": proposal.name,
        "content_type": "proposal",
        "world_id": str(world.id),
        "reviewer_count": reviewer_count,
        "feedback_items_resolved": items_resolved,
    }
    return feed_item(
        GRADUATED_ID(world.id),
        world.created_at,
        body,
        world_id=world.id,
        agent_id=proposal.agent_id,
    )
