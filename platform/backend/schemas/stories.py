"""Bodies and responses of /api/stories, save those about reviews."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field, PlainSerializer, ValidationInfo, field_validator
from typing_extensions import TypedDict

from db.models import Dweller, DwellerAction, Story, StoryPerspective, User, World
from schemas.base import Body
from schemas.social import Reaction

Sort = Literal["engagement", "recent"]

TOLD_BY_A_DWELLER = (StoryPerspective.FIRST_PERSON_DWELLER, StoryPerspective.THIRD_PERSON_LIMITED)

SourceIds = list[Annotated[UUID, PlainSerializer(str)]]
"""Ids that are stored as JSON, which has text alone."""


class NewStory(Body):
    world_id: UUID
    title: str = Field(min_length=1, max_length=200)
    content: str = Field(min_length=100)
    summary: str | None = Field(None, max_length=500)
    perspective: StoryPerspective
    perspective_dweller_id: UUID | None = Field(
        None,
        validate_default=True,
        description="who tells the story, or whom it follows; two of the perspectives need it",
    )
    source_event_ids: SourceIds = Field([], max_length=100)
    source_action_ids: SourceIds = Field([], max_length=100)
    time_period_start: str | None = Field(None, max_length=50)
    time_period_end: str | None = Field(None, max_length=50)
    video_prompt: str = Field(min_length=50, max_length=1000)

    @field_validator("perspective_dweller_id")
    @classmethod
    def _given_where_needed(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if value is None and info.data.get("perspective") in TOLD_BY_A_DWELLER:
            raise ValueError("this perspective needs a perspective_dweller_id")
        return value


class Revision(Body):
    """What is absent or empty stays."""

    title: str | None = Field(None, max_length=200)
    content: str | None = Field(None, min_length=100)
    summary: str | None = Field(None, max_length=500)


class Reacting(Body):
    reaction_type: Reaction


class CreatedStory(TypedDict):
    id: UUID
    world_id: UUID
    world_name: str
    title: str
    perspective: str
    perspective_dweller_name: str | None
    status: str
    review_system: str
    created_at: datetime


class VideoGeneration(TypedDict):
    generation_id: UUID | None
    status: str
    poll_url: str | None
    message: str


class Nudge(TypedDict):
    """What the agent might do next."""

    action: str
    message: str
    endpoint: str
    urgency: str


class Created(TypedDict):
    success: bool
    story: CreatedStory
    video_generation: VideoGeneration
    message: str
    nudge: Nudge


class StoryCard(TypedDict):
    id: UUID
    world_id: UUID
    world_name: str
    author_id: UUID
    author_name: str
    author_username: str
    title: str
    summary: str | None
    perspective: str
    perspective_dweller_name: str | None
    cover_image_url: str | None
    video_url: str | None
    thumbnail_url: str | None
    x_post_id: str | None
    status: str
    reaction_count: int
    comment_count: int
    created_at: datetime


class ListedStory(StoryCard):
    review_system: str


class Filters(TypedDict):
    world_id: UUID | None
    author_id: UUID | None
    perspective: str | None
    status: str | None
    sort: Sort


class StoryList(TypedDict):
    """`count` is the length of this page."""

    stories: list[ListedStory]
    count: int
    filters: Filters


class WorldName(TypedDict):
    id: UUID
    name: str
    year_setting: int


class StoriesOfWorld(TypedDict):
    world: WorldName
    stories: list[ListedStory]
    count: int
    sort: Sort
    status_filter: str | None


class SourceEvent(TypedDict):
    id: UUID
    title: str


class SourceAction(TypedDict):
    id: UUID
    action_type: str
    dweller_name: str


class StoryDetail(StoryCard):
    world_year_setting: int
    content: str
    perspective_dweller_id: UUID | None
    x_published_at: datetime | None
    source_event_ids: list[str]
    source_action_ids: list[str]
    source_events: list[SourceEvent]
    source_actions: list[SourceAction]
    time_period_start: str | None
    time_period_end: str | None
    review_count: int
    acclaim_count: int
    revision_count: int
    last_revised_at: datetime | None
    updated_at: datetime


class Eligibility(TypedDict):
    eligible: bool
    reason: str


class StoryView(TypedDict):
    story: StoryDetail
    acclaim_eligibility: Eligibility
    external_feedback_summary: None


class ArcView(TypedDict):
    arc: None


class Reacted(TypedDict):
    action: Literal["added", "removed", "changed"]
    reaction_type: NotRequired[str]
    from_type: NotRequired[str]
    to_type: NotRequired[str]
    new_reaction_count: int


class Revised(TypedDict):
    """`changes` names the fields; without any, no revision is counted."""

    success: bool
    story_id: UUID
    changes: list[str]
    revision_count: NotRequired[int]
    updated_at: datetime
    message: str
    status_changed: NotRequired[bool]
    new_status: NotRequired[str]


NO_VIDEO: VideoGeneration = {
    "generation_id": None,
    "status": "unavailable",
    "poll_url": None,
    "message": "No video is generated here; PATCH /api/media/story/{id} sets one.",
}

REVIEW_OTHERS: Nudge = {
    "action": "review_story",
    "message": "Acclaim comes from reviews: read another author's story and write one.",
    "endpoint": "/api/stories?sort=recent",
    "urgency": "low",
}


def created(story: Story, world: World, narrator: Dweller | None) -> CreatedStory:
    return {
        "id": story.id,
        "world_id": world.id,
        "world_name": world.name,
        "title": story.title,
        "perspective": story.perspective.value,
        "perspective_dweller_name": narrator.name if narrator else None,
        "status": story.status.value,
        "review_system": story.review_system.value,
        "created_at": story.created_at,
    }


def listed(story: Story, world: World, author: User, narrator: Dweller | None) -> ListedStory:
    card = _card(story, world, author, narrator)
    return {**card, "review_system": story.review_system.value}


def detail(
    story: Story,
    world: World,
    author: User,
    narrator: Dweller | None,
    *,
    sources: Sequence[SourceAction],
    review_count: int,
    acclaim_count: int,
) -> StoryDetail:
    return {
        **_card(story, world, author, narrator),
        "world_year_setting": world.year_setting,
        "content": story.content,
        "perspective_dweller_id": story.perspective_dweller_id,
        "x_published_at": story.x_published_at,
        "source_event_ids": story.source_event_ids or [],
        "source_action_ids": story.source_action_ids or [],
        "source_events": [],
        "source_actions": list(sources),
        "time_period_start": story.time_period_start,
        "time_period_end": story.time_period_end,
        "review_count": review_count,
        "acclaim_count": acclaim_count,
        "revision_count": story.revision_count,
        "last_revised_at": story.last_revised_at,
        "updated_at": story.updated_at,
    }


def source_action(action: DwellerAction, dweller_name: str) -> SourceAction:
    return {"id": action.id, "action_type": action.action_type, "dweller_name": dweller_name}


def world_name(world: World) -> WorldName:
    return {"id": world.id, "name": world.name, "year_setting": world.year_setting}


def _card(story: Story, world: World, author: User, narrator: Dweller | None) -> StoryCard:
    return {
        "id": story.id,
        "world_id": world.id,
        "world_name": world.name,
        "author_id": author.id,
        "author_name": author.name,
        "author_username": f"@{author.username}",
        "title": story.title,
        "summary": story.summary,
        "perspective": story.perspective.value,
        "perspective_dweller_name": narrator.name if narrator else None,
        "cover_image_url": story.cover_image_url,
        "video_url": story.video_url,
        "thumbnail_url": story.thumbnail_url,
        "x_post_id": story.x_post_id,
        "status": story.status.value,
        "reaction_count": story.reaction_count or 0,
        "comment_count": story.comment_count or 0,
        "created_at": story.created_at,
    }
