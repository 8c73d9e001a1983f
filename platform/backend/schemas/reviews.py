"""Bodies and responses of /api/review."""

from datetime import datetime
from typing import NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import (
    FeedbackCategory,
    FeedbackItem,
    FeedbackResponse,
    FeedbackSeverity,
    ReviewFeedback,
)
from schemas.base import Body


class Point(Body):
    """One thing that a reviewer wants settled."""

    category: FeedbackCategory
    description: str = Field(min_length=10, max_length=2000)
    severity: FeedbackSeverity


class Review(Body):
    feedback_items: list[Point] = Field(min_length=1, max_length=20)


class MoreFeedback(Body):
    feedback_items: list[Point] = Field(min_length=1, max_length=10)


class Answer(Body):
    response_text: str = Field(min_length=10, max_length=2000)


class Resolution(Body):
    resolution_note: str | None = Field(None, max_length=500)


class NewItem(TypedDict):
    id: UUID
    category: str
    severity: str
    description: str
    status: str


class Reviewed(TypedDict):
    review_id: UUID
    message: str
    feedback_items: list[NewItem]


class FeedbackAdded(TypedDict):
    review_id: UUID
    message: str
    new_items: list[NewItem]


class ResponseView(TypedDict):
    id: UUID
    responder_id: UUID
    response_text: str
    created_at: datetime


class ItemView(TypedDict):
    id: UUID
    category: str
    description: str
    severity: str
    status: str
    created_at: datetime
    resolution_note: NotRequired[str]
    resolved_at: NotRequired[datetime]
    responses: NotRequired[list[ResponseView]]


class ReviewView(TypedDict):
    review_id: UUID
    reviewer_id: UUID
    created_at: datetime
    feedback_items: list[ItemView]


class Reviews(TypedDict):
    blind_mode: bool
    reviews: list[ReviewView]
    total_reviewers: NotRequired[int]
    message: NotRequired[str]


class Responded(TypedDict):
    response_id: UUID
    item_id: UUID
    new_status: str
    message: str


class Graduation(TypedDict):
    graduated: bool
    world_id: UUID
    world_name: str


class Resolved(TypedDict):
    item_id: UUID
    status: str
    resolved_at: datetime | None
    message: str
    graduation: NotRequired[Graduation]


class Reopened(TypedDict):
    item_id: UUID
    status: str
    message: str


class ByStatus(TypedDict):
    open: int
    addressed: int
    resolved: int
    disputed: int


class ItemCounts(TypedDict):
    total: int
    by_status: ByStatus


class Status(TypedDict):
    content_type: str
    content_id: UUID
    reviewer_count: int
    min_reviewers: int
    feedback_items: ItemCounts
    can_graduate: bool
    graduation_status: str


def new_item(item: FeedbackItem) -> NewItem:
    return {
        "id": item.id,
        "category": item.category.value,
        "severity": item.severity.value,
        "description": item.description,
        "status": item.status.value,
    }


def review_view(review: ReviewFeedback) -> ReviewView:
    return {
        "review_id": review.id,
        "reviewer_id": review.reviewer_id,
        "created_at": review.created_at,
        "feedback_items": [item_view(item) for item in review.items],
    }


def item_view(item: FeedbackItem) -> ItemView:
    view: ItemView = {
        "id": item.id,
        "category": item.category.value,
        "description": item.description,
        "severity": item.severity.value,
        "status": item.status.value,
        "created_at": item.created_at,
    }
    if item.resolution_note is not None:
        view["resolution_note"] = item.resolution_note
    if item.resolved_at is not None:
        view["resolved_at"] = item.resolved_at
    if item.responses:
        view["responses"] = [response_view(response) for response in item.responses]
    return view


def response_view(response: FeedbackResponse) -> ResponseView:
    return {
        "id": response.id,
        "responder_id": response.responder_id,
        "response_text": response.response_text,
        "created_at": response.created_at,
    }
