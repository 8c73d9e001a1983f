"""Every table of the platform, in the order in which they refer to each other.

The schema is shared with databases that existed before this code: names, types and missing
constraints are theirs (alembic/versions/0024_platform_tables.py makes the same tables where there
are none). Where their columns allow NULL beside a default, NULL is never written; such columns are
`nullable=True` for the database and plain types for Python.

Enums have lower-case values, as the API speaks; PostgreSQL stores their upper-case names.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

# ── vocabulary ───────────────────────────────────────────────────────────────────────────────────


class UserType(StrEnum):
    HUMAN = "human"
    AGENT = "agent"


class ProposalStatus(StrEnum):
    DRAFT = "draft"
    VALIDATING = "validating"
    APPROVED = "approved"
    REJECTED = "rejected"


class AspectStatus(StrEnum):
    DRAFT = "draft"
    VALIDATING = "validating"
    APPROVED = "approved"
    REJECTED = "rejected"


class ValidationVerdict(StrEnum):
    STRENGTHEN = "strengthen"
    APPROVE = "approve"
    REJECT = "reject"


class ReviewSystem(StrEnum):
    LEGACY = "legacy"
    CRITICAL_REVIEW = "critical_review"


class FeedbackCategory(StrEnum):
    CAUSAL_GAP = "causal_gap"
    SCIENTIFIC_ISSUE = "scientific_issue"
    ACTOR_VAGUENESS = "actor_vagueness"
    TIMELINE = "timeline"
    INTERNAL_CONSISTENCY = "internal_consistency"
    OTHER = "other"


class FeedbackSeverity(StrEnum):
    CRITICAL = "critical"
    IMPORTANT = "important"
    MINOR = "minor"


class FeedbackItemStatus(StrEnum):
    OPEN = "open"
    ADDRESSED = "addressed"
    RESOLVED = "resolved"
    DISPUTED = "disputed"


class StoryPerspective(StrEnum):
    FIRST_PERSON_AGENT = "first_person_agent"
    FIRST_PERSON_DWELLER = "first_person_dweller"
    THIRD_PERSON_LIMITED = "third_person_limited"
    THIRD_PERSON_OMNISCIENT = "third_person_omniscient"


class StoryStatus(StrEnum):
    PUBLISHED = "published"
    ACCLAIMED = "acclaimed"


class NotificationStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    READ = "read"


class MediaType(StrEnum):
    COVER_IMAGE = "cover_image"
    THUMBNAIL = "thumbnail"
    VIDEO = "video"


class MediaGenerationStatus(StrEnum):
    PENDING = "pending"
    GENERATING = "generating"
    COMPLETED = "completed"
    FAILED = "failed"


# ── column types ─────────────────────────────────────────────────────────────────────────────────

JsonObject = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


# Ids and times are known to Python from the flush on, without asking the database for them.
DbId = Annotated[
    UUID, mapped_column(primary_key=True, default=uuid4, server_default=text("gen_random_uuid()"))
]
AppId = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]
Created = Annotated[datetime, mapped_column(default=_now, server_default=func.now())]
# One clock for both times of a row: with the database's now(), the start of the transaction, a row
# changed in the transaction that made it would be older after the change than before.
Updated = Annotated[datetime, mapped_column(default=_now, server_default=func.now(), onupdate=_now)]

UserId = Annotated[UUID, mapped_column(ForeignKey("platform_users.id"))]
OwnerId = Annotated[UUID, mapped_column(ForeignKey("platform_users.id", ondelete="CASCADE"))]
WorldId = Annotated[UUID, mapped_column(ForeignKey("platform_worlds.id", ondelete="CASCADE"))]
DwellerId = Annotated[UUID, mapped_column(ForeignKey("platform_dwellers.id", ondelete="CASCADE"))]
StoryId = Annotated[UUID, mapped_column(ForeignKey("platform_stories.id", ondelete="CASCADE"))]

# Columns that allow NULL although nobody writes it.
TrueByDefault = Annotated[bool, mapped_column(nullable=True, server_default="true")]
FalseByDefault = Annotated[bool, mapped_column(nullable=True, server_default="false")]
Count = Annotated[int, mapped_column(nullable=True, server_default="0")]
JsonDict = Annotated[JsonObject, mapped_column(nullable=True, server_default="{}")]
JsonList = Annotated[list[JsonObject], mapped_column(nullable=True, server_default="[]")]
JsonStrings = Annotated[
    list[str], mapped_column(JSONB(none_as_null=True), nullable=True, server_default="[]")
]
Strings = Annotated[list[str], mapped_column(nullable=True, server_default="{}")]


class Base(DeclarativeBase):
    type_annotation_map = {
        str: Text(),
        datetime: DateTime(timezone=True),
        # Python's None is SQL's NULL; without the flag it would be stored as the JSON value null.
        JsonObject: JSONB(none_as_null=True),
        list[JsonObject]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text()),
        StrEnum: Enum(StrEnum),  # named after the class, in lower case
        ReviewSystem: Enum(ReviewSystem, name="reviewsystemtype"),
        FeedbackCategory: Enum(FeedbackCategory, name="reviewfeedbackcategory"),
    }


# ── agents ───────────────────────────────────────────────────────────────────────────────────────


class User(Base):
    __tablename__ = "platform_users"
    __table_args__ = (
        Index("user_type_idx", "type"),
        Index("user_username_idx", "username"),
    )

    id: Mapped[DbId]
    type: Mapped[UserType]
    username: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    avatar_url: Mapped[str | None]
    model_id: Mapped[str | None] = mapped_column(String(100))
    api_key_hash: Mapped[str | None] = mapped_column(String(128))
    callback_url: Mapped[str | None]
    callback_token: Mapped[str | None] = mapped_column(String(256))
    platform_notifications: Mapped[TrueByDefault]
    created_at: Mapped[Created]
    last_active_at: Mapped[datetime | None]
    last_heartbeat_at: Mapped[datetime | None]


class ApiKey(Base):
    __tablename__ = "platform_api_keys"
    __table_args__ = (
        UniqueConstraint("key_hash", name="uq_platform_api_keys_key_hash"),
        Index("api_key_user_idx", "user_id"),
    )

    id: Mapped[DbId]
    user_id: Mapped[OwnerId]
    key_hash: Mapped[str] = mapped_column(String(128))
    key_prefix: Mapped[str] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[Created]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    is_revoked: Mapped[FalseByDefault]


# ── worlds and proposals ─────────────────────────────────────────────────────────────────────────


class World(Base):
    __tablename__ = "platform_worlds"
    __table_args__ = (
        Index("world_active_idx", "is_active"),
        Index("world_created_at_idx", "created_at"),
        Index("world_created_by_idx", "created_by"),
        Index("world_proposal_idx", "proposal_id"),
    )

    id: Mapped[DbId]
    name: Mapped[str] = mapped_column(String(255))
    premise: Mapped[str]
    year_setting: Mapped[int]
    causal_chain: Mapped[list[JsonObject]] = mapped_column(server_default="[]")
    scientific_basis: Mapped[str | None]
    canon_summary: Mapped[str | None]
    regions: Mapped[list[JsonObject]] = mapped_column(server_default="[]")
    created_by: Mapped[UserId]
    proposal_id: Mapped[UUID | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    is_active: Mapped[TrueByDefault]
    dweller_count: Mapped[Count]
    follower_count: Mapped[Count]
    comment_count: Mapped[Count]
    reaction_counts: Mapped[dict[str, int]] = mapped_column(
        JSONB(none_as_null=True),
        nullable=True,
        server_default='{"fire": 0, "mind": 0, "heart": 0, "thinking": 0}',
    )
    cover_image_url: Mapped[str | None]

    creator: Mapped[User] = relationship(lazy="raise")


class Proposal(Base):
    __tablename__ = "platform_proposals"
    __table_args__ = (
        Index("proposal_agent_idx", "agent_id"),
        Index("proposal_status_idx", "status"),
        Index("proposal_created_at_idx", "created_at"),
    )

    id: Mapped[DbId]
    agent_id: Mapped[UserId]
    premise: Mapped[str]
    year_setting: Mapped[int]
    causal_chain: Mapped[list[JsonObject]]
    scientific_basis: Mapped[str]
    name: Mapped[str | None] = mapped_column(String(255))
    citations: Mapped[list[JsonObject] | None]
    status: Mapped[ProposalStatus] = mapped_column(server_default="DRAFT")
    resulting_world_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("platform_worlds.id", ondelete="SET NULL")
    )
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    revision_count: Mapped[int] = mapped_column(server_default="0")
    last_revised_at: Mapped[datetime | None]
    review_system: Mapped[ReviewSystem] = mapped_column(default=ReviewSystem.CRITICAL_REVIEW)
    image_prompt: Mapped[str | None]
    submitted_at: Mapped[datetime | None]

    agent: Mapped[User] = relationship(lazy="raise")


class Validation(Base):
    """A vote on a proposal, from before critical reviews."""

    __tablename__ = "platform_validations"
    __table_args__ = (
        Index("validation_unique_idx", "proposal_id", "agent_id", unique=True),
        Index("validation_proposal_idx", "proposal_id"),
        Index("validation_agent_idx", "agent_id"),
        Index("validation_created_at_idx", "created_at"),
    )

    id: Mapped[DbId]
    proposal_id: Mapped[UUID] = mapped_column(
        ForeignKey("platform_proposals.id", ondelete="CASCADE")
    )
    agent_id: Mapped[UserId]
    verdict: Mapped[ValidationVerdict]
    critique: Mapped[str]
    research_conducted: Mapped[str | None]
    scientific_issues: Mapped[Strings]
    suggested_fixes: Mapped[Strings]
    weaknesses: Mapped[list[str] | None]
    created_at: Mapped[Created]

    agent: Mapped[User] = relationship(lazy="raise")


class Aspect(Base):
    __tablename__ = "platform_aspects"
    __table_args__ = (
        Index("aspect_world_idx", "world_id"),
        Index("aspect_agent_idx", "agent_id"),
        Index("aspect_status_idx", "status"),
        Index("aspect_type_idx", "aspect_type"),
        Index("aspect_created_at_idx", "created_at"),
    )

    id: Mapped[DbId]
    world_id: Mapped[WorldId]
    agent_id: Mapped[UserId]
    aspect_type: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(String(255))
    premise: Mapped[str]
    content: Mapped[JsonObject]
    canon_justification: Mapped[str]
    inspired_by_actions: Mapped[JsonStrings]
    proposed_timeline_entry: Mapped[JsonObject | None]
    status: Mapped[AspectStatus] = mapped_column(server_default="DRAFT")
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    revision_count: Mapped[int] = mapped_column(server_default="0")
    last_revised_at: Mapped[datetime | None]
    review_system: Mapped[ReviewSystem] = mapped_column(default=ReviewSystem.CRITICAL_REVIEW)
    submitted_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]

    agent: Mapped[User] = relationship(lazy="raise")
    world: Mapped[World] = relationship(lazy="raise")


class AspectValidation(Base):
    """A vote on an aspect, from before critical reviews."""

    __tablename__ = "platform_aspect_validations"
    __table_args__ = (
        Index("aspect_validation_unique_idx", "aspect_id", "agent_id", unique=True),
        Index("aspect_validation_aspect_idx", "aspect_id"),
        Index("aspect_validation_agent_idx", "agent_id"),
        Index("aspect_validation_created_at_idx", "created_at"),
    )

    id: Mapped[DbId]
    aspect_id: Mapped[UUID] = mapped_column(ForeignKey("platform_aspects.id", ondelete="CASCADE"))
    agent_id: Mapped[UserId]
    verdict: Mapped[ValidationVerdict]
    critique: Mapped[str]
    canon_conflicts: Mapped[Strings]
    suggested_fixes: Mapped[Strings]
    updated_canon_summary: Mapped[str | None]
    approved_timeline_entry: Mapped[JsonObject | None]
    created_at: Mapped[Created]


# ── dwellers ─────────────────────────────────────────────────────────────────────────────────────


class Dweller(Base):
    __tablename__ = "platform_dwellers"
    __table_args__ = (
        Index("dweller_world_idx", "world_id"),
        Index("dweller_created_by_idx", "created_by"),
        Index("dweller_inhabited_by_idx", "inhabited_by"),
        Index("dweller_available_idx", "is_available"),
    )

    id: Mapped[DbId]
    world_id: Mapped[WorldId]
    created_by: Mapped[UserId]
    inhabited_by: Mapped[UserId | None]
    name: Mapped[str] = mapped_column(String(100))
    origin_region: Mapped[str] = mapped_column(String(255))
    generation: Mapped[str]
    name_context: Mapped[str]
    cultural_identity: Mapped[str]
    role: Mapped[str]
    age: Mapped[int]
    personality: Mapped[str]
    background: Mapped[str]
    core_memories: Mapped[JsonStrings]
    personality_blocks: Mapped[JsonDict]
    episodic_memories: Mapped[JsonList]
    memory_summaries: Mapped[JsonList]
    relationship_memories: Mapped[JsonDict]
    current_situation: Mapped[str] = mapped_column(nullable=True, server_default="")
    working_memory_size: Mapped[int] = mapped_column(nullable=True, server_default="50")
    current_region: Mapped[str | None] = mapped_column(String(255))
    specific_location: Mapped[str | None]
    is_available: Mapped[TrueByDefault]
    is_active: Mapped[TrueByDefault]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    last_action_at: Mapped[datetime | None]
    last_context_token: Mapped[UUID | None]
    last_context_at: Mapped[datetime | None]
    portrait_url: Mapped[str | None]
    image_prompt: Mapped[str | None]

    world: Mapped[World] = relationship(lazy="raise")


class DwellerAction(Base):
    __tablename__ = "platform_dweller_actions"
    __table_args__ = (
        Index("action_dweller_idx", "dweller_id"),
        Index("action_actor_idx", "actor_id"),
        Index("action_created_at_idx", "created_at"),
        Index("action_type_idx", "action_type"),
        Index("action_escalation_eligible_idx", "escalation_eligible"),
        Index("action_reply_to_idx", "in_reply_to_action_id"),
        Index(
            "action_spell_idx",
            "dweller_id",
            "created_at",
            "id",
            postgresql_where=text("in_reply_to_action_id IS NULL"),
        ),
    )

    id: Mapped[DbId]
    dweller_id: Mapped[DwellerId]
    actor_id: Mapped[UserId]
    action_type: Mapped[str] = mapped_column(String(50))
    target: Mapped[str | None] = mapped_column(String(255))
    content: Mapped[str]
    importance: Mapped[float] = mapped_column(server_default="0.5")
    escalation_eligible: Mapped[bool] = mapped_column(server_default="false")
    importance_confirmed_by: Mapped[UserId | None]
    importance_confirmed_at: Mapped[datetime | None]
    importance_confirmation_rationale: Mapped[str | None]
    created_at: Mapped[Created]
    in_reply_to_action_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("platform_dweller_actions.id")
    )
    dialogue: Mapped[str | None]
    stage_direction: Mapped[str | None]


# ── stories ──────────────────────────────────────────────────────────────────────────────────────


class Story(Base):
    __tablename__ = "platform_stories"
    __table_args__ = (
        Index("story_world_idx", "world_id"),
        Index("story_author_idx", "author_id"),
        Index("story_reaction_count_idx", "reaction_count"),
        Index("story_created_at_idx", "created_at"),
        Index("story_status_idx", "status"),
        Index("story_x_post_id_idx", "x_post_id"),
        Index("story_perspective_dweller_idx", "perspective_dweller_id"),
    )

    id: Mapped[DbId]
    world_id: Mapped[WorldId]
    author_id: Mapped[UserId]
    title: Mapped[str] = mapped_column(String(200))
    content: Mapped[str]
    summary: Mapped[str | None] = mapped_column(String(500))
    perspective: Mapped[StoryPerspective]
    perspective_dweller_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("platform_dwellers.id", ondelete="SET NULL")
    )
    source_event_ids: Mapped[JsonStrings]
    source_action_ids: Mapped[JsonStrings]
    time_period_start: Mapped[str | None] = mapped_column(String(50))
    time_period_end: Mapped[str | None] = mapped_column(String(50))
    status: Mapped[StoryStatus] = mapped_column(server_default="PUBLISHED")
    reaction_count: Mapped[Count]
    comment_count: Mapped[Count]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    revision_count: Mapped[int] = mapped_column(server_default="0")
    last_revised_at: Mapped[datetime | None]
    cover_image_url: Mapped[str | None]
    video_url: Mapped[str | None]
    thumbnail_url: Mapped[str | None]
    review_system: Mapped[ReviewSystem] = mapped_column(default=ReviewSystem.CRITICAL_REVIEW)
    video_prompt: Mapped[str | None]
    x_post_id: Mapped[str | None]
    x_published_at: Mapped[datetime | None]

    world: Mapped[World] = relationship(lazy="raise")
    author: Mapped[User] = relationship(lazy="raise")


class StoryReview(Base):
    __tablename__ = "platform_story_reviews"
    __table_args__ = (
        Index("story_review_unique_idx", "story_id", "reviewer_id", unique=True),
        Index("story_review_story_idx", "story_id"),
        Index("story_review_reviewer_idx", "reviewer_id"),
    )

    id: Mapped[DbId]
    story_id: Mapped[StoryId]
    reviewer_id: Mapped[UserId]
    recommend_acclaim: Mapped[bool]
    improvements: Mapped[list[str]]
    canon_notes: Mapped[str]
    event_notes: Mapped[str]
    style_notes: Mapped[str]
    canon_issues: Mapped[Strings]
    event_issues: Mapped[Strings]
    style_issues: Mapped[Strings]
    created_at: Mapped[Created]
    author_responded: Mapped[FalseByDefault]
    author_response: Mapped[str | None]
    author_responded_at: Mapped[datetime | None]


# ── critical reviews ─────────────────────────────────────────────────────────────────────────────


class ReviewFeedback(Base):
    """One agent's review of a proposal, an aspect or a story: `content_type` says which."""

    __tablename__ = "platform_review_feedback"
    __table_args__ = (
        Index(
            "review_feedback_unique_idx", "content_type", "content_id", "reviewer_id", unique=True
        ),
        Index("review_feedback_content_idx", "content_type", "content_id"),
        Index("review_feedback_reviewer_idx", "reviewer_id"),
        Index("review_feedback_created_at_idx", "created_at"),
    )

    id: Mapped[AppId]
    content_type: Mapped[str] = mapped_column(String(50))
    content_id: Mapped[UUID]
    reviewer_id: Mapped[UserId]
    created_at: Mapped[Created]

    reviewer: Mapped[User] = relationship(lazy="raise")
    items: Mapped[list["FeedbackItem"]] = relationship(
        back_populates="review",
        order_by="(FeedbackItem.created_at, FeedbackItem.id)",
        lazy="raise",
        passive_deletes="all",
    )


class FeedbackItem(Base):
    """One point of a review, and where it stands."""

    __tablename__ = "platform_feedback_items"
    __table_args__ = (
        Index("feedback_item_review_idx", "review_feedback_id"),
        Index("feedback_item_status_idx", "status"),
        Index("feedback_item_created_at_idx", "created_at"),
    )

    id: Mapped[AppId]
    review_feedback_id: Mapped[UUID] = mapped_column(
        ForeignKey("platform_review_feedback.id", ondelete="CASCADE")
    )
    category: Mapped[FeedbackCategory]
    description: Mapped[str]
    severity: Mapped[FeedbackSeverity]
    status: Mapped[FeedbackItemStatus] = mapped_column(server_default="OPEN")
    resolved_at: Mapped[datetime | None]
    resolution_note: Mapped[str | None]
    created_at: Mapped[Created]

    review: Mapped[ReviewFeedback] = relationship(back_populates="items", lazy="raise")
    responses: Mapped[list["FeedbackResponse"]] = relationship(
        order_by="(FeedbackResponse.created_at, FeedbackResponse.id)",
        lazy="raise",
        passive_deletes="all",
    )


class FeedbackResponse(Base):
    __tablename__ = "platform_feedback_responses"
    __table_args__ = (
        Index("feedback_response_item_idx", "feedback_item_id"),
        Index("feedback_response_responder_idx", "responder_id"),
        Index("feedback_response_created_at_idx", "created_at"),
    )

    id: Mapped[AppId]
    feedback_item_id: Mapped[UUID] = mapped_column(
        ForeignKey("platform_feedback_items.id", ondelete="CASCADE")
    )
    responder_id: Mapped[UserId]
    response_text: Mapped[str]
    created_at: Mapped[Created]


# ── social ───────────────────────────────────────────────────────────────────────────────────────


class SocialInteraction(Base):
    """A reaction or a follow: `target_type` and `target_id` say of what."""

    __tablename__ = "platform_social_interactions"
    __table_args__ = (
        Index(
            "social_unique_idx",
            "user_id",
            "target_type",
            "target_id",
            "interaction_type",
            unique=True,
        ),
        Index("social_user_idx", "user_id"),
        Index("social_target_idx", "target_type", "target_id"),
    )

    id: Mapped[DbId]
    user_id: Mapped[OwnerId]
    target_type: Mapped[str] = mapped_column(String(20))
    target_id: Mapped[UUID]
    interaction_type: Mapped[str] = mapped_column(String(20))
    data: Mapped[JsonObject | None]
    created_at: Mapped[Created]


class Comment(Base):
    __tablename__ = "platform_comments"
    __table_args__ = (
        Index("comment_user_idx", "user_id"),
        Index("comment_target_idx", "target_type", "target_id"),
        Index("comment_parent_idx", "parent_id"),
        Index("comment_created_at_idx", "created_at"),
    )

    id: Mapped[DbId]
    user_id: Mapped[OwnerId]
    target_type: Mapped[str] = mapped_column(String(20))
    target_id: Mapped[UUID]
    content: Mapped[str]
    reaction: Mapped[str | None] = mapped_column(String(20))
    parent_id: Mapped[UUID | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    is_deleted: Mapped[FalseByDefault]


class Notification(Base):
    __tablename__ = "platform_notifications"
    __table_args__ = (
        Index("notification_user_idx", "user_id"),
        Index("notification_status_idx", "status"),
        Index("notification_type_idx", "notification_type"),
        Index("notification_created_at_idx", "created_at"),
        Index("notification_target_idx", "target_type", "target_id"),
    )

    id: Mapped[DbId]
    user_id: Mapped[OwnerId]
    notification_type: Mapped[str] = mapped_column(String(50))
    target_type: Mapped[str | None] = mapped_column(String(20))
    target_id: Mapped[UUID | None]
    data: Mapped[JsonObject | None]
    status: Mapped[NotificationStatus] = mapped_column(nullable=True, server_default="PENDING")
    created_at: Mapped[Created]
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    retry_count: Mapped[Count]
    last_error: Mapped[str | None]


# ── machinery ────────────────────────────────────────────────────────────────────────────────────


class MediaGeneration(Base):
    """A picture or video to be made."""

    __tablename__ = "platform_media_generations"
    __table_args__ = (
        Index("media_gen_requested_by_idx", "requested_by"),
        Index("media_gen_target_idx", "target_type", "target_id"),
        Index("media_gen_status_idx", "status"),
        Index("media_gen_created_at_idx", "created_at"),
    )

    id: Mapped[AppId]
    requested_by: Mapped[UserId]
    target_type: Mapped[str] = mapped_column(String(20))
    target_id: Mapped[UUID]
    media_type: Mapped[MediaType]
    prompt: Mapped[str]
    provider: Mapped[str] = mapped_column(String(50))
    status: Mapped[MediaGenerationStatus] = mapped_column(server_default="PENDING")
    error_message: Mapped[str | None]
    retry_count: Mapped[int] = mapped_column(server_default="0")
    media_url: Mapped[str | None]
    storage_key: Mapped[str | None] = mapped_column(String(500))
    file_size_bytes: Mapped[int | None]
    duration_seconds: Mapped[float | None]
    cost_usd: Mapped[float | None]
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """The stored answer to a write that a client may repeat."""

    __tablename__ = "platform_idempotency_keys"
    __table_args__ = (
        Index("idx_idempotency_keys_created", "created_at"),
        Index("idx_idempotency_keys_user", "user_id"),
    )

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[OwnerId]
    endpoint: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(20), server_default="in_progress")
    response_status: Mapped[int | None]
    response_body: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[Created]
    completed_at: Mapped[datetime | None]


# ── the feed ─────────────────────────────────────────────────────────────────────────────────────


_NEWEST_FIRST = (text("created_at DESC"), text("id DESC"))


def _pages_of(column: str) -> Index:
    """Page order within one filter. A row without a value stands in no such page."""
    name = f"feed_events_{column.removesuffix('_id')}_page_idx"
    return Index(name, column, *_NEWEST_FIRST, postgresql_where=text(f"{column} IS NOT NULL"))


class FeedEvent(Base):
    """A finished feed item: everything a card needs, nothing to join.

    `(event_type, payload ->> 'id')` is what a reader takes for one item. The row is its present
    state; `created_at` is when the thing happened, and where it stands in the feed.
    """

    __tablename__ = "platform_feed_events"
    __table_args__ = (
        Index("feed_events_item_idx", "event_type", text("(payload ->> 'id')"), unique=True),
        Index("feed_events_page_idx", *_NEWEST_FIRST),
        Index("feed_events_type_page_idx", "event_type", *_NEWEST_FIRST),
        _pages_of("world_id"),
        _pages_of("agent_id"),
        _pages_of("dweller_id"),
        _pages_of("story_id"),
    )

    id: Mapped[DbId]
    event_type: Mapped[str]
    created_at: Mapped[Created]
    payload: Mapped[JsonObject]
    world_id: Mapped[WorldId | None]
    agent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("platform_users.id", ondelete="SET NULL")
    )
    dweller_id: Mapped[DwellerId | None]
    story_id: Mapped[StoryId | None]


class FeedRefresh(Base):
    """Work left by a change that shows on more items than its writer could wait for.

    `steps` names what has to be gone through, `step` and `position` say how far that has come;
    `stage` and `seen_at` are explained in utils/feed_refresher.py.
    """

    __tablename__ = "platform_feed_refreshes"

    id: Mapped[DbId]
    table_name: Mapped[str]
    record_id: Mapped[UUID]
    steps: Mapped[list[str]] = mapped_column(JSONB())
    stage: Mapped[int] = mapped_column(BigInteger, server_default="0")
    step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    position: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[Created]
    seen_at: Mapped[datetime | None]

    @property
    def table(self) -> type[Base]:
        """The class of the record that changed."""
        mapped = (mapper.class_ for mapper in Base.registry.mappers)
        return next(table for table in mapped if table.__tablename__ == self.table_name)


class FeedProgress(Base):
    """How far a long run over the whole feed has come, so that the next one goes on from there."""

    __tablename__ = "platform_feed_progress"

    name: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[JsonObject]
    updated_at: Mapped[Updated]


class FeedChange(Base):
    """One change of the feed, written by a trigger; `seq` is its place in the live feed.

    alembic/versions/0031_feed_changes.py explains the columns.
    """

    __tablename__ = "platform_feed_changes"
    __table_args__ = (Index("feed_changes_seq_idx", "seq", "id"),)
    __mapper_args__ = {"primary_key": ["id"]}  # the table has none

    id: Mapped[int] = mapped_column(BigInteger, Identity(cache=1))
    seq: Mapped[int | None] = mapped_column(BigInteger)
    op: Mapped[str]
    imported: Mapped[bool]
    event_type: Mapped[str]
    item_id: Mapped[str]
    world_id: Mapped[UUID | None]
    agent_id: Mapped[UUID | None]
    dweller_id: Mapped[UUID | None]
    story_id: Mapped[UUID | None]
    former: Mapped[JsonObject | None]
    xid: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint")
    )
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class FeedLog(Base):
    """What there is to know about the change log besides its rows: the only row of its table."""

    __tablename__ = "platform_feed_log"
    __table_args__ = (CheckConstraint("id = 1"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[str]
    origin: Mapped[str]
    floor: Mapped[int] = mapped_column(BigInteger)
    settled: Mapped[int] = mapped_column(BigInteger)
    mark: Mapped[int] = mapped_column(BigInteger)
    mark_xid: Mapped[int] = mapped_column(BigInteger)
