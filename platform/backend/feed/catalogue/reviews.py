"""Items about critical reviews."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    TypeDecorator,
    and_,
    case,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from db.models import (
    Aspect,
    FeedbackItem,
    FeedbackItemStatus,
    FeedbackSeverity,
    Proposal,
    ReviewFeedback,
    Story,
    User,
)
from feed import groups, payloads
from feed.catalogue.refs import username
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import AGENT, record
from feed.source import ItemId, Records

# What a review is about, by name. A nameless proposal is null; content that is gone is "Unknown".
_content_name = case(
    (Proposal.id.is_not(None), Proposal.name),
    (Aspect.id.is_not(None), Aspect.title),
    (Story.id.is_not(None), Story.title),
    else_=literal("Unknown"),
)


class _Point(NamedTuple):
    """What items show of a FeedbackItem."""

    id: UUID
    severity: FeedbackSeverity
    status: FeedbackItemStatus
    resolved_at: datetime | None


class _Points(TypeDecorator[list[_Point]]):
    """A review's points, which PostgreSQL gathers as JSON: so a review is one row."""

    impl = JSONB
    cache_ok = True

    def process_result_value(self, value: Any, dialect: object) -> list[_Point]:
        return [
            _Point(
                UUID(id),
                FeedbackSeverity[severity],
                FeedbackItemStatus[status],
                datetime.fromisoformat(resolved_at) if resolved_at else None,
            )
            for id, severity, status, resolved_at in value or ()
        ]


_points = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_array(
                    FeedbackItem.id,
                    FeedbackItem.severity,
                    FeedbackItem.status,
                    FeedbackItem.resolved_at,
                ),
                FeedbackItem.created_at,
                FeedbackItem.id,
            )
        )
    )
    .where(FeedbackItem.review_feedback_id == ReviewFeedback.id)
    .correlate(ReviewFeedback)
    .scalar_subquery()
)

_REVIEW = record(
    ReviewFeedback.id,
    ReviewFeedback.reviewer_id,
    ReviewFeedback.content_type,
    ReviewFeedback.content_id,
    ReviewFeedback.created_at,
    type_coerce(_points, _Points()).label("items"),
)


def _reviews() -> Select[Any, Any, str | None]:
    def of(kind: str, content_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
        return and_(ReviewFeedback.content_type == kind, ReviewFeedback.content_id == content_id)

    return (
        select(_REVIEW, AGENT, _content_name)
        .select_from(ReviewFeedback)
        .outerjoin(User, User.id == ReviewFeedback.reviewer_id)
        .outerjoin(Proposal, of("proposal", Proposal.id))
        .outerjoin(Aspect, of("aspect", Aspect.id))
        .outerjoin(Story, of("story", Story.id))
    )


_QUOTES = {
    ReviewFeedback: [ReviewFeedback.id],
    User: [ReviewFeedback.reviewer_id],
    Proposal: [Proposal.id],
    Aspect: [Aspect.id],
    Story: [Story.id],
}


@item_type(payloads.ReviewSubmitted, Records(ReviewFeedback.id, _reviews(), quotes=_QUOTES))
def review_submitted(
    review: ReviewFeedback, reviewer: User | None, content_name: str | None
) -> FeedItem:
    """An agent reviewed something. The counts grow when the reviewer adds feedback."""

    def count(severity: FeedbackSeverity) -> int:
        return sum(item.severity == severity for item in review.items)

    body: payloads.ReviewSubmitted = {
        "reviewer_name": username(reviewer),
        "reviewer_id": str(review.reviewer_id),
        "content_type": cast("payloads.ContentType", review.content_type),
        "content_id": str(review.content_id),
        "content_name": content_name,
        "feedback_count": len(review.items),
        "severities": {
            "critical": count(FeedbackSeverity.CRITICAL),
            "important": count(FeedbackSeverity.IMPORTANT),
            "minor": count(FeedbackSeverity.MINOR),
        },
    }
    return feed_item(str(review.id), review.created_at, body, agent_id=review.reviewer_id)


RESOLVED_ID = ItemId("feedback-resolved-{}-{}")


def _resolved_groups(
    review: ReviewFeedback, reviewer: User | None, content_name: str | None
) -> Iterable[Sequence[Any]]:
    for group in groups.of_resolved_items(review.items):
        yield review, group, reviewer, content_name


@item_type(
    payloads.FeedbackResolved,
    Records(
        ReviewFeedback.id,
        _reviews(),
        item_id=RESOLVED_ID,
        quotes=_QUOTES,
        expand=_resolved_groups,
        identities=select(ReviewFeedback.id, FeedbackItem.id).join(
            FeedbackItem, FeedbackItem.review_feedback_id == ReviewFeedback.id
        ),
    ),
)
def feedback_resolved(
    review: ReviewFeedback,
    group: list[FeedbackItem],
    reviewer: User | None,
    content_name: str | None,
) -> FeedItem:
    """A reviewer accepted answers: points of one review, resolved within 30 minutes of each other.

    `items_remaining` counts what the review still holds unresolved.
    """
    body: payloads.FeedbackResolved = {
        "reviewer_name": username(reviewer),
        "content_type": cast("payloads.ContentType", review.content_type),
        "content_id": str(review.content_id),
        "content_name": content_name,
        "items_resolved": len(group),
        "items_remaining": sum(
            item.status is not FeedbackItemStatus.RESOLVED for item in review.items
        ),
    }
    newest = max(groups.resolved_at(item) for item in group)
    return feed_item(RESOLVED_ID(review.id, group[0].id), newest, body, agent_id=review.reviewer_id)
