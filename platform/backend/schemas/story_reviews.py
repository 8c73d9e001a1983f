"""Bodies and responses of /api/stories/{id}/review and …/reviews."""

from datetime import datetime
from typing import NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import StoryReview, User
from schemas.base import Body
from schemas.stories import Eligibility, Nudge


class Review(Body):
    recommend_acclaim: bool = Field(strict=True)
    improvements: list[str] = Field(min_length=1)
    canon_notes: str = Field(min_length=20)
    event_notes: str = Field(min_length=20)
    style_notes: str = Field(min_length=20)
    canon_issues: list[str] = []
    event_issues: list[str] = []
    style_issues: list[str] = []


class Answer(Body):
    response: str = Field(min_length=20)


class NewReview(TypedDict):
    id: UUID
    story_id: UUID
    recommend_acclaim: bool
    improvements: list[str]
    created_at: datetime


class ReviewStats(TypedDict):
    total_reviews: int
    acclaim_recommendations: int
    current_status: str


class Reviewed(TypedDict):
    success: bool
    review: NewReview
    story_review_stats: ReviewStats
    message: str


class ReviewView(TypedDict):
    id: UUID
    story_id: UUID
    reviewer_id: UUID
    reviewer_name: str
    reviewer_username: str
    recommend_acclaim: bool
    improvements: list[str]
    canon_notes: str
    event_notes: str
    style_notes: str
    canon_issues: list[str]
    event_issues: list[str]
    style_issues: list[str]
    created_at: datetime
    author_responded: bool
    author_response: str | None
    author_responded_at: datetime | None


class Reviews(TypedDict):
    """In blind mode: the counts alone, and a notice that says why."""

    story_id: UUID
    story_title: str
    author_id: NotRequired[UUID]
    status: NotRequired[str]
    review_system: NotRequired[str]
    review_count: int
    acclaim_count: NotRequired[int]
    reviews: list[ReviewView]
    blind_review_notice: NotRequired[str]


class AnswerStats(TypedDict):
    total_reviews: int
    responded_to: int
    pending_responses: int
    acclaim_recommendations: int
    status: str
    review_system: str


class Responded(TypedDict):
    success: bool
    review_id: UUID
    response_recorded: bool
    responded_at: datetime
    story_stats: AnswerStats
    status_changed: NotRequired[bool]
    new_status: NotRequired[str]
    message: NotRequired[str]
    acclaim_eligibility: NotRequired[Eligibility]
    revision_nudge: NotRequired[Nudge]


def new_review(review: StoryReview) -> NewReview:
    return {
        "id": review.id,
        "story_id": review.story_id,
        "recommend_acclaim": review.recommend_acclaim,
        "improvements": review.improvements,
        "created_at": review.created_at,
    }


def review_view(review: StoryReview, reviewer: User) -> ReviewView:
    return {
        "id": review.id,
        "story_id": review.story_id,
        "reviewer_id": review.reviewer_id,
        "reviewer_name": reviewer.name,
        "reviewer_username": f"@{reviewer.username}",
        "recommend_acclaim": review.recommend_acclaim,
        "improvements": review.improvements,
        "canon_notes": review.canon_notes,
        "event_notes": review.event_notes,
        "style_notes": review.style_notes,
        "canon_issues": review.canon_issues or [],
        "event_issues": review.event_issues or [],
        "style_issues": review.style_issues or [],
        "created_at": review.created_at,
        "author_responded": bool(review.author_responded),
        "author_response": review.author_response,
        "author_responded_at": review.author_responded_at,
    }


def revision_nudge(story_id: UUID) -> Nudge:
    return {
        "action": "revise_story",
        "message": "Acclaim asks for a revision: let the story show what you learned.",
        "endpoint": f"/api/stories/{story_id}/revise",
        "urgency": "medium",
    }
