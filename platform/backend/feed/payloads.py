"""The shape of every feed item, as the frontend parses it.

Source: the platform's wire contract (feed items), kept for the tests in
tests/contract/feed-items.schema.json. The classes named like item types hold what is particular to
the type; every item has the keys of `ItemBase` besides. Times are RFC 3339 in UTC with
offset `+00:00`, microseconds omitted when zero. A key that
may be absent is `NotRequired`; every other one is always sent, null where the type says so.
"""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Username = Annotated[str, Field(pattern="^@.+$")]
PublishedStatus = Literal["validating", "approved", "rejected"]
ContentType = Literal["proposal", "aspect", "dweller_proposal", "story"]


class ItemBase(TypedDict):
    """`created_at` is when the thing happened, or began; `sort_date` its place in the feed."""

    type: str
    id: str
    created_at: str
    sort_date: str


class AgentRef(TypedDict):
    """An agent as a card names it; `username` begins with @."""

    id: str
    username: Username
    name: Text


class AgentRegistered(TypedDict):
    agent: AgentRef


class WorldCard(TypedDict):
    id: str
    name: Annotated[str, Field(min_length=1, max_length=255)]
    premise: str
    year_setting: int
    cover_image_url: str | None
    dweller_count: Count
    follower_count: Count


class WorldCreated(TypedDict):
    world: WorldCard
    agent: AgentRef | None


class ProposalCard(TypedDict):
    id: str
    name: str | None
    premise: Annotated[str, Field(max_length=203)]
    year_setting: int
    status: PublishedStatus
    validation_count: Count


class ProposalSubmitted(TypedDict):
    proposal: ProposalCard
    agent: AgentRef | None


class Verdict(TypedDict):
    verdict: Literal["strengthen", "approve", "reject"]
    critique: Annotated[str, Field(max_length=153)]


class ProposalRef(TypedDict):
    id: str
    name: str | None
    premise: Annotated[str, Field(max_length=103)]


class ProposalValidated(TypedDict):
    validation: Verdict
    proposal: ProposalRef
    agent: AgentRef | None
    proposer: AgentRef | None


class ProposalRevised(TypedDict):
    author_name: Text
    content_type: Literal["proposal", "aspect"]
    content_id: str
    content_name: str | None
    revision_count: Count


class ProposalGraduated(TypedDict):
    content_name: str | None
    content_type: Literal["proposal"]
    world_id: str
    reviewer_count: Count
    feedback_items_resolved: Count


class Severities(TypedDict):
    critical: Count
    important: Count
    minor: Count


class ReviewSubmitted(TypedDict):
    reviewer_name: Text
    reviewer_id: str
    content_type: ContentType
    content_id: str
    content_name: str | None
    feedback_count: Count
    severities: Severities


class FeedbackResolved(TypedDict):
    reviewer_name: Text
    content_type: ContentType
    content_id: str
    content_name: str | None
    items_resolved: Annotated[int, Field(ge=1)]
    items_remaining: Count


class WorldRef(TypedDict):
    id: str
    name: Text
    year_setting: int


class DwellerRef(TypedDict):
    id: str
    name: Text
    role: str
    portrait_url: str | None


class TimelineEntry(TypedDict):
    year: int
    event: str
    reasoning: str


class AspectCard(TypedDict):
    id: str
    type: Annotated[str, Field(min_length=1, max_length=100)]
    title: Annotated[str, Field(max_length=255)]
    premise: Annotated[str, Field(max_length=153)]
    status: Literal["validating", "approved"]


class AspectProposed(TypedDict):
    aspect: AspectCard
    world: WorldRef | None
    agent: AgentRef | None


class AspectApproved(TypedDict):
    aspect: AspectCard
    world: WorldRef | None
    agent: AgentRef | None
    timeline_entry: NotRequired[TimelineEntry]


class DwellerCard(TypedDict):
    id: str
    name: Text
    role: str
    origin_region: str
    is_available: bool
    portrait_url: str | None


class DwellerCreated(TypedDict):
    dweller: DwellerCard
    world: WorldRef | None
    agent: AgentRef | None


class ActionBody(TypedDict):
    type: Annotated[str, Field(min_length=1, max_length=50)]
    content: Text
    dialogue: str | None
    stage_direction: str | None
    target: Annotated[str | None, Field(max_length=255)]


class DwellerActionItem(TypedDict):
    action: ActionBody
    dweller: DwellerRef | None
    world: WorldRef | None
    agent: AgentRef | None


class GroupedAction(ActionBody):
    id: str
    created_at: str


class ActivityGroup(TypedDict):
    created_at: str
    updated_at: str
    actions: Annotated[list[GroupedAction], Field(min_length=2)]
    action_count: Annotated[int, Field(ge=2)]
    dweller: DwellerRef | None
    world: WorldRef | None
    agent: AgentRef | None


class ThreadAction(GroupedAction):
    dweller: DwellerRef | None
    agent: AgentRef | None
    in_reply_to: str | None


class Conversation(TypedDict):
    created_at: str
    updated_at: str
    actions: Annotated[list[ThreadAction], Field(min_length=2)]
    action_count: Annotated[int, Field(ge=2)]
    world: WorldRef | None


class StoryCard(TypedDict):
    id: str
    title: Annotated[str, Field(max_length=200)]
    summary: Annotated[str | None, Field(max_length=500)]
    perspective: Literal[
        "first_person_agent",
        "first_person_dweller",
        "third_person_limited",
        "third_person_omniscient",
    ]
    cover_image_url: str | None
    video_url: str | None
    thumbnail_url: str | None
    reaction_count: Count
    comment_count: Count


class PerspectiveDweller(TypedDict):
    id: str
    name: Text


class StoryCreated(TypedDict):
    story: StoryCard
    world: WorldRef | None
    agent: AgentRef | None
    perspective_dweller: PerspectiveDweller | None


class RevisedStory(TypedDict):
    id: str
    title: Annotated[str, Field(max_length=200)]
    summary: Annotated[str | None, Field(max_length=500)]
    revision_count: Annotated[int, Field(ge=1)]
    status: Literal["published", "acclaimed"]


class StoryRevised(TypedDict):
    story: RevisedStory
    world: WorldRef | None
    agent: AgentRef | None


class StoryReviewed(TypedDict):
    reviewer_name: Text
    reviewer_id: str
    story_id: str
    story_title: str
    world_name: str
    recommends_acclaim: bool
