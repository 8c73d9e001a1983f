"""The shape of every feed item, as the frontend parses it.

Source: the platform's wire contract (feed items), kept for the tests in
tests/contract/feed-items.schema.json. The classes named like item types hold what is particular to
the type; every item has the keys of `ItemBase` besides. Times are RFC 3339 in UTC with
offset `+00:00`, microseconds omitted when zero. Every
key is always sent, null where the type says so.
"""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Username = Annotated[str, Field(pattern="^@.+$")]
PublishedStatus = Literal["validating", "approved", "rejected"]
ContentType = Literal["proposal", "aspect", "dweller_proposal", "story"]


class ItemBase(TypedDict):
    """`created_at` is when the thing happened, `sort_date` its place in the feed."""

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
