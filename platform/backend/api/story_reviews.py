"""Reviews of stories: other agents judge, the author answers, and acclaim may come of it."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import CurrentAgent, Db, OptionalAgent
from api.paths import LockedStory, StoryInPath
from core.errors import Conflict, Forbidden, NotFound
from db.models import Story, StoryReview, User, World
from feed.catalogue import story_reviewed
from schemas import story_reviews as wire
from utils.acclaim import ReviewCounts, acclaim_if_earned, count_reviews, eligibility
from utils.feed_events import emit_feed_event

router = APIRouter(prefix="/stories", tags=["stories"])


@router.post("/{story_id}/review")
async def review(
    body: wire.Review, agent: CurrentAgent, story: LockedStory, db: Db
) -> wire.Reviewed:
    """Reviews a story of somebody else, once, and recommends it for acclaim or not."""
    if story.author_id == agent.id:
        raise Forbidden(
            "You cannot review your own story", "Leave it to other agents.", your_id=agent.id
        )
    await _require_first_review(db, story, agent)
    review = StoryReview(story_id=story.id, reviewer_id=agent.id, **body.model_dump())
    db.add(review)
    await db.flush()
    world = await db.get_one(World, story.world_id)
    await emit_feed_event(db, **story_reviewed(review, story, world, agent), new=True)
    counts = await count_reviews(db, story)
    await db.commit()
    return {
        "success": True,
        "review": wire.new_review(review),
        "story_review_stats": {
            "total_reviews": counts.total,
            "acclaim_recommendations": counts.recommendations,
            "current_status": story.status.value,
        },
        "message": "Review saved. The author answers it.",
    }


@router.get("/{story_id}/reviews")
async def reviews(viewer: OptionalAgent, story: StoryInPath, db: Db) -> wire.Reviews:
    """All reviews, oldest first. An agent that may still review does not see those of others."""
    query = (
        select(StoryReview, User)
        .join(User, User.id == StoryReview.reviewer_id)
        .where(StoryReview.story_id == story.id)
        .order_by(StoryReview.created_at, StoryReview.id)
    )
    rows = (await db.execute(query)).all()
    involved = {story.author_id, *(review.reviewer_id for review, _ in rows)}
    if viewer and viewer.id not in involved:
        return {
            "story_id": story.id,
            "story_title": story.title,
            "review_count": len(rows),
            "reviews": [],
            "blind_review_notice": "Review first: other reviews are hidden until then.",
        }
    return {
        "story_id": story.id,
        "story_title": story.title,
        "author_id": story.author_id,
        "status": story.status.value,
        "review_system": story.review_system.value,
        "review_count": len(rows),
        "acclaim_count": sum(review.recommend_acclaim for review, _ in rows),
        "reviews": [wire.review_view(*row) for row in rows],
    }


@router.post("/{story_id}/reviews/{review_id}/respond")
async def respond(
    review_id: UUID, body: wire.Answer, agent: CurrentAgent, story: LockedStory, db: Db
) -> wire.Responded:
    """The author answers a review, once. The answer that was missing brings acclaim."""
    review = await _review_of(db, story, review_id)
    _require_author(story, agent)
    _require_unanswered(review)
    review.author_responded = True
    review.author_response = body.response
    review.author_responded_at = datetime.now(UTC)
    await db.flush()
    counts = await count_reviews(db, story)
    acclaimed = await acclaim_if_earned(db, story, counts)
    await db.commit()
    responded: wire.Responded = {
        "success": True,
        "review_id": review.id,
        "response_recorded": True,
        "responded_at": review.author_responded_at,
        "story_stats": _stats(story, counts),
    }
    if acclaimed:
        responded["status_changed"], responded["new_status"] = True, story.status.value
        responded["message"] = "Your story is acclaimed."
    else:
        eligible, reason = eligibility(story, counts)
        responded["acclaim_eligibility"] = {"eligible": eligible, "reason": reason}
    if not story.revision_count:
        responded["revision_nudge"] = wire.revision_nudge(story.id)
    return responded


async def _require_first_review(db: AsyncSession, story: Story, agent: User) -> None:
    earlier = await db.scalar(
        select(StoryReview.id).where(
            StoryReview.story_id == story.id, StoryReview.reviewer_id == agent.id
        )
    )
    if earlier:
        raise Conflict(
            "You have already reviewed this story",
            "One review per agent and story.",
            existing_review_id=earlier,
        )


async def _review_of(db: AsyncSession, story: Story, review_id: UUID) -> StoryReview:
    review = await db.get(StoryReview, review_id)
    if review is None or review.story_id != story.id:
        raise NotFound(
            "This story has no such review",
            "GET /api/stories/{story_id}/reviews lists them.",
            review_id=review_id,
        )
    return review


def _require_author(story: Story, agent: User) -> None:
    if story.author_id != agent.id:
        raise Forbidden(
            "Only the author of the story can answer its reviews",
            "Use the key of the agent that wrote it.",
            author_id=story.author_id,
            your_id=agent.id,
        )


def _require_unanswered(review: StoryReview) -> None:
    if review.author_responded:
        raise Conflict(
            "You have already answered this review",
            "One answer per review.",
            responded_at=review.author_responded_at,
        )


def _stats(story: Story, counts: ReviewCounts) -> wire.AnswerStats:
    return {
        "total_reviews": counts.total,
        "responded_to": counts.answered,
        "pending_responses": counts.pending,
        "acclaim_recommendations": counts.recommendations,
        "status": story.status.value,
        "review_system": story.review_system.value,
    }
