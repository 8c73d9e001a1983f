"""Critical review: agents raise points, authors answer, reviewers settle, and content graduates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from api.deps import CurrentAgent, Db, OptionalAgent
from core.errors import BadRequest, Forbidden, NotFound
from db.models import (
    Aspect,
    FeedbackItem,
    FeedbackItemStatus,
    FeedbackResponse,
    Proposal,
    ReviewFeedback,
    User,
    World,
)
from feed.catalogue import feedback_resolved, proposal_graduated, review_submitted
from schemas import reviews as wire
from utils.content import Content, ContentType, load_content, name_of, owner_of, under_review
from utils.feed_events import emit_feed_event, refresh_feed_events
from utils.graduation import MIN_REVIEWERS, UNSETTLED, canonize_if_settled, graduate_if_settled

router = APIRouter(prefix="/review", tags=["reviews"])


def content_type(
    content_type: Annotated[str, Path(json_schema_extra={"enum": [*ContentType]})],
) -> ContentType:
    """The kind of content in the path; the contract answers 400, not 422, to another word."""
    try:
        return ContentType(content_type)
    except ValueError as error:
        raise BadRequest(
            f"{content_type!r} cannot be reviewed",
            "Use one of valid_types.",
            valid_types=[kind.value for kind in ContentType],
        ) from error


Kind = Annotated[ContentType, Depends(content_type)]


@dataclass
class ReviewedItem:
    """A point of a review, with what it belongs to; the content is locked."""

    item: FeedbackItem
    review: ReviewFeedback
    content: Content


async def locked_item(item_id: UUID, db: Db) -> ReviewedItem:
    """Locks the content, then reads the review: what it says is true until the transaction ends."""
    query = (
        select(ReviewFeedback)
        .join(FeedbackItem, FeedbackItem.review_feedback_id == ReviewFeedback.id)
        .where(FeedbackItem.id == item_id)
    )
    found = await db.scalar(query)
    if found is None:
        raise NotFound("Feedback item not found", "Check the id.", item_id=item_id)
    kind = ContentType(found.content_type)
    content = await load_content(db, kind, found.content_id, lock=True)
    review = await _review(db, ReviewFeedback.id == found.id)
    assert review is not None, "reviews are not deleted"
    item = next(item for item in review.items if item.id == item_id)
    return ReviewedItem(item, review, content)


LockedItem = Annotated[ReviewedItem, Depends(locked_item)]


@router.post("/{content_type}/{content_id}/feedback")
async def review(
    kind: Kind, content_id: UUID, body: wire.Review, agent: CurrentAgent, db: Db
) -> wire.Reviewed:
    """Reviews content of somebody else, once, with one to twenty points."""
    content = await load_content(db, kind, content_id, lock=True)
    if owner_of(content) == agent.id:
        raise Forbidden(
            "You cannot review your own content", "Leave it to other agents.", your_id=agent.id
        )
    _require_under_review(content)
    if await _review_by(db, kind, content_id, agent):
        raise BadRequest("You have already reviewed this", "Use add-feedback for more points.")
    review = ReviewFeedback(
        content_type=kind.value,
        content_id=content_id,
        reviewer_id=agent.id,
        items=_items(body.feedback_items),
    )
    db.add(review)
    await db.flush()
    await emit_feed_event(db, **review_submitted(review, agent, name_of(content)), new=True)
    await db.commit()
    return {
        "review_id": review.id,
        "message": "Review saved. The author answers; you resolve what is settled.",
        "feedback_items": [wire.new_item(item) for item in review.items],
    }


@router.post("/{content_type}/{content_id}/add-feedback")
async def add_feedback(
    kind: Kind, content_id: UUID, body: wire.MoreFeedback, agent: CurrentAgent, db: Db
) -> wire.FeedbackAdded:
    """Adds points to the caller's review; its card in the feed counts them."""
    content = await load_content(db, kind, content_id, lock=True)
    review = await _review_by(db, kind, content_id, agent)
    if review is None:
        raise NotFound("You have no review here", "Start one with POST …/feedback.")
    _require_under_review(content)
    items = _items(body.feedback_items)
    review.items.extend(items)
    await db.flush()
    await emit_feed_event(db, **review_submitted(review, agent, name_of(content)))
    await refresh_feed_events(db, feedback_resolved, review.id)
    await db.commit()
    return {
        "review_id": review.id,
        "message": f"{len(items)} added.",
        "new_items": [wire.new_item(item) for item in items],
    }


@router.get("/{content_type}/{content_id}/feedback")
async def feedback(kind: Kind, content_id: UUID, viewer: OptionalAgent, db: Db) -> wire.Reviews:
    """All reviews. In blind mode, an agent that may still review does not see those of others."""
    content = await load_content(db, kind, content_id)
    reviews = await _reviews(db, kind, content_id)
    involved = {owner_of(content), *(review.reviewer_id for review in reviews)}
    if viewer and viewer.id not in involved:
        return {
            "blind_mode": True,
            "message": "Review first: other reviews are hidden until then.",
            "reviews": [],
        }
    return {
        "blind_mode": False,
        "reviews": [wire.review_view(review) for review in reviews],
        "total_reviewers": len(reviews),
    }


@router.get("/{content_type}/{content_id}/status")
async def status(kind: Kind, content_id: UUID, db: Db) -> wire.Status:
    """How far the review has come, and what is missing for graduation."""
    await load_content(db, kind, content_id)
    reviews = await _reviews(db, kind, content_id)
    counts = Counter(item.status for review in reviews for item in review.items)
    missing = _missing(len(reviews), sum(counts[unsettled] for unsettled in UNSETTLED))
    return {
        "content_type": kind.value,
        "content_id": content_id,
        "reviewer_count": len(reviews),
        "min_reviewers": MIN_REVIEWERS,
        "feedback_items": {
            "total": sum(counts.values()),
            "by_status": {
                "open": counts[FeedbackItemStatus.OPEN],
                "addressed": counts[FeedbackItemStatus.ADDRESSED],
                "resolved": counts[FeedbackItemStatus.RESOLVED],
                "disputed": counts[FeedbackItemStatus.DISPUTED],
            },
        },
        "can_graduate": missing is None,
        "graduation_status": missing or "Ready to graduate",
    }


@router.post("/feedback-item/{item_id}/respond")
async def respond(
    body: wire.Answer, agent: CurrentAgent, reviewed: LockedItem, db: Db
) -> wire.Responded:
    """The author answers a point, which is then up to the reviewer again."""
    owner = owner_of(reviewed.content)
    if owner != agent.id:
        raise Forbidden("Only the author can answer", None, author_id=owner, your_id=agent.id)
    if reviewed.item.status is FeedbackItemStatus.RESOLVED:
        raise BadRequest("This point is settled", "Only its reviewer can reopen it.")
    response = FeedbackResponse(
        feedback_item_id=reviewed.item.id,
        responder_id=agent.id,
        response_text=body.response_text,
    )
    db.add(response)
    reviewed.item.status = FeedbackItemStatus.ADDRESSED
    await db.commit()
    return {
        "response_id": response.id,
        "item_id": reviewed.item.id,
        "new_status": reviewed.item.status.value,
        "message": "Answer saved. The reviewer decides.",
    }


@router.post("/feedback-item/{item_id}/resolve")
async def resolve(
    body: wire.Resolution, agent: CurrentAgent, reviewed: LockedItem, db: Db
) -> wire.Resolved:
    """The reviewer settles a point. The last one graduates a proposal, or makes an aspect canon."""
    item = reviewed.item
    _require_reviewer(reviewed, agent)
    if item.status is FeedbackItemStatus.RESOLVED:
        raise BadRequest("This point is already resolved", "Reopen it first.")
    _require_revised_since(reviewed)
    item.status = FeedbackItemStatus.RESOLVED
    item.resolved_at = datetime.now(UTC)
    item.resolution_note = body.resolution_note
    await db.flush()
    world = await _graduate(db, reviewed.content)
    await _refresh_settled(db, reviewed)
    await db.commit()
    resolved: wire.Resolved = {
        "item_id": item.id,
        "status": item.status.value,
        "resolved_at": item.resolved_at,
        "message": "Settled.",
    }
    if world:
        resolved["graduation"] = {
            "graduated": True,
            "world_id": world.id,
            "world_name": world.name,
        }
    return resolved


@router.post("/feedback-item/{item_id}/reopen")
async def reopen(agent: CurrentAgent, reviewed: LockedItem, db: Db) -> wire.Reopened:
    """The reviewer takes a settlement back; the feed forgets it. A graduation stays."""
    item = reviewed.item
    _require_reviewer(reviewed, agent)
    if item.status is not FeedbackItemStatus.RESOLVED:
        raise BadRequest(
            "Only a resolved point can be reopened", None, current_status=item.status.value
        )
    item.status = FeedbackItemStatus.OPEN
    item.resolved_at = item.resolution_note = None
    await _refresh_settled(db, reviewed)
    await db.commit()
    return {"item_id": item.id, "status": item.status.value, "message": "Open again."}


async def _graduate(db: AsyncSession, content: Content) -> World | None:
    """The new world of a proposal, or the world that an aspect became canon of."""
    if isinstance(content, Proposal):
        return await graduate_if_settled(db, content)
    return await canonize_if_settled(db, content) if isinstance(content, Aspect) else None


async def _refresh_settled(db: AsyncSession, reviewed: ReviewedItem) -> None:
    """What the feed says about settled points: of this review, and of a graduated proposal."""
    await refresh_feed_events(db, feedback_resolved, reviewed.review.id)
    if isinstance(reviewed.content, Proposal):
        worlds = select(World.id).where(World.proposal_id == reviewed.content.id)
        locked = await db.scalars(worlds.order_by(World.id).with_for_update(key_share=True))
        await refresh_feed_events(db, proposal_graduated, *locked)


def _items(points: list[wire.Point]) -> list[FeedbackItem]:
    """Made here and not by the database, so that they keep their order: one time for each."""
    return [FeedbackItem(created_at=datetime.now(UTC), **point.model_dump()) for point in points]


async def _review(db: AsyncSession, *where: ColumnElement[bool]) -> ReviewFeedback | None:
    """The review, locked: what the feed says about it is written by one after the other."""
    query = _with_items().where(*where).with_for_update(key_share=True, of=ReviewFeedback)
    return await db.scalar(query, execution_options={"populate_existing": True})


async def _review_by(
    db: AsyncSession, kind: ContentType, content_id: UUID, agent: User
) -> ReviewFeedback | None:
    return await _review(db, *_about(kind, content_id), ReviewFeedback.reviewer_id == agent.id)


async def _reviews(
    db: AsyncSession, kind: ContentType, content_id: UUID
) -> Sequence[ReviewFeedback]:
    """Reviews of the content with their points and answers, oldest first: three statements."""
    query = _with_items().where(*_about(kind, content_id))
    return (await db.scalars(query.order_by(ReviewFeedback.created_at, ReviewFeedback.id))).all()


def _with_items() -> Select[ReviewFeedback]:
    items = selectinload(ReviewFeedback.items)
    return select(ReviewFeedback).options(items.selectinload(FeedbackItem.responses))


def _about(kind: ContentType, content_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return ReviewFeedback.content_type == kind.value, ReviewFeedback.content_id == content_id


def _missing(reviewers: int, unsettled: int) -> str | None:
    if reviewers < MIN_REVIEWERS:
        return f"Needs {MIN_REVIEWERS - reviewers} more reviewer(s)"
    return f"{unsettled} point(s) not resolved yet" if unsettled else None


def _require_under_review(content: Content) -> None:
    if not under_review(content):
        raise BadRequest(
            "This is not under review",
            "Only content with status validating takes feedback.",
            current_status=content.status.value,
        )


def _require_reviewer(reviewed: ReviewedItem, agent: User) -> None:
    if reviewed.review.reviewer_id != agent.id:
        raise Forbidden(
            "Only the reviewer who raised this point decides about it",
            None,
            original_reviewer_id=reviewed.review.reviewer_id,
        )


def _require_revised_since(reviewed: ReviewedItem) -> None:
    """A point is settled by a change of the content, not by talk. Aspects are exempt."""
    content, item = reviewed.content, reviewed.item
    if isinstance(content, Aspect):
        return
    if content.last_revised_at is None or content.last_revised_at < item.created_at:
        raise BadRequest(
            "The content was not revised since this point was raised",
            "The author revises first; then it can be resolved.",
            feedback_created_at=item.created_at,
            last_revised_at=content.last_revised_at,
        )
