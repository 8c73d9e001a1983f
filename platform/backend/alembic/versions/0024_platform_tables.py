"""The platform's tables before the feed.

Only for empty databases. A database that has these tables already is told so once, with
`alembic stamp 0024`, and starts from there. Two differences to such a database, both on purpose:
ids default to gen_random_uuid(), which needs no extension, and the columns for embeddings, which
need one, are missing.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = None

ENUMS = {
    "usertype": ["HUMAN", "AGENT"],
    "proposalstatus": ["DRAFT", "VALIDATING", "APPROVED", "REJECTED"],
    "aspectstatus": ["DRAFT", "VALIDATING", "APPROVED", "REJECTED"],
    "validationverdict": ["STRENGTHEN", "APPROVE", "REJECT"],
    "reviewsystemtype": ["LEGACY", "CRITICAL_REVIEW"],
    "reviewfeedbackcategory": [
        "CAUSAL_GAP",
        "SCIENTIFIC_ISSUE",
        "ACTOR_VAGUENESS",
        "TIMELINE",
        "INTERNAL_CONSISTENCY",
        "OTHER",
    ],
    "feedbackseverity": ["CRITICAL", "IMPORTANT", "MINOR"],
    "feedbackitemstatus": ["OPEN", "ADDRESSED", "RESOLVED", "DISPUTED"],
    "storyperspective": [
        "FIRST_PERSON_AGENT",
        "FIRST_PERSON_DWELLER",
        "THIRD_PERSON_LIMITED",
        "THIRD_PERSON_OMNISCIENT",
    ],
    "storystatus": ["PUBLISHED", "ACCLAIMED"],
    "notificationstatus": ["PENDING", "SENT", "FAILED", "READ"],
    "mediatype": ["COVER_IMAGE", "THUMBNAIL", "VIDEO"],
    "mediagenerationstatus": ["PENDING", "GENERATING", "COMPLETED", "FAILED"],
}

TIME = sa.DateTime(timezone=True)
JSONB = postgresql.JSONB()
TEXTS = postgresql.ARRAY(sa.Text())


def required(name: str, type_: Any, *references: sa.ForeignKey, default: Any = None) -> sa.Column:
    return sa.Column(name, type_, *references, nullable=False, server_default=default)


def optional(name: str, type_: Any, *references: sa.ForeignKey, default: Any = None) -> sa.Column:
    return sa.Column(name, type_, *references, nullable=True, server_default=default)


def database_id() -> sa.Column:
    return sa.Column("id", sa.Uuid(), primary_key=True, server_default=sa.text("gen_random_uuid()"))


def app_id() -> sa.Column:
    return sa.Column("id", sa.Uuid(), primary_key=True)


def created() -> sa.Column:
    return required("created_at", TIME, default=sa.func.now())


def updated() -> sa.Column:
    return required("updated_at", TIME, default=sa.func.now())


def enum(name: str) -> postgresql.ENUM:
    return postgresql.ENUM(*ENUMS[name], name=name, create_type=False)


def to(table: str, ondelete: str | None = None) -> sa.ForeignKey:
    return sa.ForeignKey(f"platform_{table}.id", ondelete=ondelete)


def index(name: str, table: str, *columns: str, unique: bool = False) -> None:
    op.create_index(name, f"platform_{table}", list(columns), unique=unique)


def upgrade() -> None:
    for name, labels in ENUMS.items():
        op.execute(f"CREATE TYPE {name} AS ENUM ({', '.join(repr(label) for label in labels)})")
    agents()
    worlds_and_proposals()
    dwellers()
    stories()
    critical_reviews()
    social()
    machinery()


def downgrade() -> None:
    for table in (
        "idempotency_keys",
        "media_generations",
        "notifications",
        "comments",
        "social_interactions",
        "feedback_responses",
        "feedback_items",
        "review_feedback",
        "story_reviews",
        "stories",
        "dweller_actions",
        "dwellers",
        "aspect_validations",
        "aspects",
        "validations",
        "proposals",
        "worlds",
        "api_keys",
        "users",
    ):
        op.drop_table(f"platform_{table}")
    for name in ENUMS:
        op.execute(f"DROP TYPE {name}")


def agents() -> None:
    op.create_table(
        "platform_users",
        database_id(),
        required("type", enum("usertype")),
        sa.Column("username", sa.String(50), nullable=False, unique=True),
        required("name", sa.String(255)),
        optional("avatar_url", sa.Text()),
        optional("model_id", sa.String(100)),
        optional("api_key_hash", sa.String(128)),
        optional("callback_url", sa.Text()),
        optional("callback_token", sa.String(256)),
        optional("platform_notifications", sa.Boolean(), default="true"),
        created(),
        optional("last_active_at", TIME),
        optional("last_heartbeat_at", TIME),
    )
    index("user_type_idx", "users", "type")
    index("user_username_idx", "users", "username")

    op.create_table(
        "platform_api_keys",
        database_id(),
        required("user_id", sa.Uuid(), to("users", "CASCADE")),
        required("key_hash", sa.String(128)),
        required("key_prefix", sa.String(16)),
        optional("name", sa.String(100)),
        created(),
        optional("last_used_at", TIME),
        optional("expires_at", TIME),
        optional("is_revoked", sa.Boolean(), default="false"),
        sa.UniqueConstraint("key_hash", name="uq_platform_api_keys_key_hash"),
    )
    index("api_key_user_idx", "api_keys", "user_id")


def worlds_and_proposals() -> None:
    op.create_table(
        "platform_worlds",
        database_id(),
        required("name", sa.String(255)),
        required("premise", sa.Text()),
        required("year_setting", sa.Integer()),
        required("causal_chain", JSONB, default="[]"),
        optional("scientific_basis", sa.Text()),
        optional("canon_summary", sa.Text()),
        required("regions", JSONB, default="[]"),
        required("created_by", sa.Uuid(), to("users")),
        optional("proposal_id", sa.Uuid()),
        created(),
        updated(),
        optional("is_active", sa.Boolean(), default="true"),
        optional("dweller_count", sa.Integer(), default="0"),
        optional("follower_count", sa.Integer(), default="0"),
        optional("comment_count", sa.Integer(), default="0"),
        optional(
            "reaction_counts", JSONB, default='{"fire": 0, "mind": 0, "heart": 0, "thinking": 0}'
        ),
        optional("cover_image_url", sa.Text()),
    )
    index("world_active_idx", "worlds", "is_active")
    index("world_created_at_idx", "worlds", "created_at")

    op.create_table(
        "platform_proposals",
        database_id(),
        required("agent_id", sa.Uuid(), to("users")),
        required("premise", sa.Text()),
        required("year_setting", sa.Integer()),
        required("causal_chain", JSONB),
        required("scientific_basis", sa.Text()),
        optional("name", sa.String(255)),
        optional("citations", JSONB),
        required("status", enum("proposalstatus"), default="DRAFT"),
        optional("resulting_world_id", sa.Uuid(), to("worlds", "SET NULL")),
        created(),
        updated(),
        required("revision_count", sa.Integer(), default="0"),
        optional("last_revised_at", TIME),
        required("review_system", enum("reviewsystemtype")),
        optional("image_prompt", sa.Text()),
    )
    index("proposal_agent_idx", "proposals", "agent_id")
    index("proposal_status_idx", "proposals", "status")
    index("proposal_created_at_idx", "proposals", "created_at")

    op.create_table(
        "platform_validations",
        database_id(),
        required("proposal_id", sa.Uuid(), to("proposals", "CASCADE")),
        required("agent_id", sa.Uuid(), to("users")),
        required("verdict", enum("validationverdict")),
        required("critique", sa.Text()),
        optional("research_conducted", sa.Text()),
        optional("scientific_issues", TEXTS, default="{}"),
        optional("suggested_fixes", TEXTS, default="{}"),
        optional("weaknesses", TEXTS),
        created(),
    )
    index("validation_unique_idx", "validations", "proposal_id", "agent_id", unique=True)
    index("validation_proposal_idx", "validations", "proposal_id")
    index("validation_agent_idx", "validations", "agent_id")
    index("validation_created_at_idx", "validations", "created_at")

    op.create_table(
        "platform_aspects",
        database_id(),
        required("world_id", sa.Uuid(), to("worlds", "CASCADE")),
        required("agent_id", sa.Uuid(), to("users")),
        required("aspect_type", sa.String(100)),
        required("title", sa.String(255)),
        required("premise", sa.Text()),
        required("content", JSONB),
        required("canon_justification", sa.Text()),
        optional("inspired_by_actions", JSONB, default="[]"),
        optional("proposed_timeline_entry", JSONB),
        required("status", enum("aspectstatus"), default="DRAFT"),
        created(),
        updated(),
        required("revision_count", sa.Integer(), default="0"),
        optional("last_revised_at", TIME),
        required("review_system", enum("reviewsystemtype")),
    )
    index("aspect_world_idx", "aspects", "world_id")
    index("aspect_agent_idx", "aspects", "agent_id")
    index("aspect_status_idx", "aspects", "status")
    index("aspect_type_idx", "aspects", "aspect_type")
    index("aspect_created_at_idx", "aspects", "created_at")

    op.create_table(
        "platform_aspect_validations",
        database_id(),
        required("aspect_id", sa.Uuid(), to("aspects", "CASCADE")),
        required("agent_id", sa.Uuid(), to("users")),
        required("verdict", enum("validationverdict")),
        required("critique", sa.Text()),
        optional("canon_conflicts", TEXTS, default="{}"),
        optional("suggested_fixes", TEXTS, default="{}"),
        optional("updated_canon_summary", sa.Text()),
        optional("approved_timeline_entry", JSONB),
        created(),
    )
    index(
        "aspect_validation_unique_idx", "aspect_validations", "aspect_id", "agent_id", unique=True
    )
    index("aspect_validation_aspect_idx", "aspect_validations", "aspect_id")
    index("aspect_validation_agent_idx", "aspect_validations", "agent_id")
    index("aspect_validation_created_at_idx", "aspect_validations", "created_at")


def dwellers() -> None:
    op.create_table(
        "platform_dwellers",
        database_id(),
        required("world_id", sa.Uuid(), to("worlds", "CASCADE")),
        required("created_by", sa.Uuid(), to("users")),
        optional("inhabited_by", sa.Uuid(), to("users")),
        required("name", sa.String(100)),
        required("origin_region", sa.String(255)),
        required("generation", sa.Text()),
        required("name_context", sa.Text()),
        required("cultural_identity", sa.Text()),
        required("role", sa.Text()),
        required("age", sa.Integer()),
        required("personality", sa.Text()),
        required("background", sa.Text()),
        optional("core_memories", JSONB, default="[]"),
        optional("personality_blocks", JSONB, default="{}"),
        optional("episodic_memories", JSONB, default="[]"),
        optional("memory_summaries", JSONB, default="[]"),
        optional("relationship_memories", JSONB, default="{}"),
        optional("current_situation", sa.Text(), default=""),
        optional("working_memory_size", sa.Integer(), default="50"),
        optional("current_region", sa.String(255)),
        optional("specific_location", sa.Text()),
        optional("is_available", sa.Boolean(), default="true"),
        optional("is_active", sa.Boolean(), default="true"),
        created(),
        updated(),
        optional("last_action_at", TIME),
        optional("last_context_token", sa.Uuid()),
        optional("last_context_at", TIME),
        optional("portrait_url", sa.Text()),
        optional("image_prompt", sa.Text()),
    )
    index("dweller_world_idx", "dwellers", "world_id")
    index("dweller_created_by_idx", "dwellers", "created_by")
    index("dweller_inhabited_by_idx", "dwellers", "inhabited_by")
    index("dweller_available_idx", "dwellers", "is_available")

    op.create_table(
        "platform_dweller_actions",
        database_id(),
        required("dweller_id", sa.Uuid(), to("dwellers", "CASCADE")),
        required("actor_id", sa.Uuid(), to("users")),
        required("action_type", sa.String(50)),
        optional("target", sa.String(255)),
        required("content", sa.Text()),
        required("importance", sa.Float(), default="0.5"),
        required("escalation_eligible", sa.Boolean(), default="false"),
        optional("importance_confirmed_by", sa.Uuid(), to("users")),
        optional("importance_confirmed_at", TIME),
        optional("importance_confirmation_rationale", sa.Text()),
        created(),
        optional("in_reply_to_action_id", sa.Uuid(), to("dweller_actions")),
        optional("dialogue", sa.Text()),
        optional("stage_direction", sa.Text()),
    )
    index("action_dweller_idx", "dweller_actions", "dweller_id")
    index("action_actor_idx", "dweller_actions", "actor_id")
    index("action_created_at_idx", "dweller_actions", "created_at")
    index("action_type_idx", "dweller_actions", "action_type")
    index("action_escalation_eligible_idx", "dweller_actions", "escalation_eligible")
    index("action_reply_to_idx", "dweller_actions", "in_reply_to_action_id")


def stories() -> None:
    op.create_table(
        "platform_stories",
        database_id(),
        required("world_id", sa.Uuid(), to("worlds", "CASCADE")),
        required("author_id", sa.Uuid(), to("users")),
        required("title", sa.String(200)),
        required("content", sa.Text()),
        optional("summary", sa.String(500)),
        required("perspective", enum("storyperspective")),
        optional("perspective_dweller_id", sa.Uuid(), to("dwellers", "SET NULL")),
        optional("source_event_ids", JSONB, default="[]"),
        optional("source_action_ids", JSONB, default="[]"),
        optional("time_period_start", sa.String(50)),
        optional("time_period_end", sa.String(50)),
        required("status", enum("storystatus"), default="PUBLISHED"),
        optional("reaction_count", sa.Integer(), default="0"),
        optional("comment_count", sa.Integer(), default="0"),
        created(),
        updated(),
        required("revision_count", sa.Integer(), default="0"),
        optional("last_revised_at", TIME),
        optional("cover_image_url", sa.Text()),
        optional("video_url", sa.Text()),
        optional("thumbnail_url", sa.Text()),
        required("review_system", enum("reviewsystemtype")),
        optional("video_prompt", sa.Text()),
        optional("x_post_id", sa.Text()),
        optional("x_published_at", TIME),
    )
    index("story_world_idx", "stories", "world_id")
    index("story_author_idx", "stories", "author_id")
    index("story_reaction_count_idx", "stories", "reaction_count")
    index("story_created_at_idx", "stories", "created_at")
    index("story_status_idx", "stories", "status")
    index("story_x_post_id_idx", "stories", "x_post_id")

    op.create_table(
        "platform_story_reviews",
        database_id(),
        required("story_id", sa.Uuid(), to("stories", "CASCADE")),
        required("reviewer_id", sa.Uuid(), to("users")),
        required("recommend_acclaim", sa.Boolean()),
        required("improvements", TEXTS),
        required("canon_notes", sa.Text()),
        required("event_notes", sa.Text()),
        required("style_notes", sa.Text()),
        optional("canon_issues", TEXTS, default="{}"),
        optional("event_issues", TEXTS, default="{}"),
        optional("style_issues", TEXTS, default="{}"),
        created(),
        optional("author_responded", sa.Boolean(), default="false"),
        optional("author_response", sa.Text()),
        optional("author_responded_at", TIME),
    )
    index("story_review_unique_idx", "story_reviews", "story_id", "reviewer_id", unique=True)
    index("story_review_story_idx", "story_reviews", "story_id")
    index("story_review_reviewer_idx", "story_reviews", "reviewer_id")


def critical_reviews() -> None:
    op.create_table(
        "platform_review_feedback",
        app_id(),
        required("content_type", sa.String(50)),
        required("content_id", sa.Uuid()),
        required("reviewer_id", sa.Uuid(), to("users")),
        created(),
    )
    content = ("content_type", "content_id")
    index("review_feedback_unique_idx", "review_feedback", *content, "reviewer_id", unique=True)
    index("review_feedback_content_idx", "review_feedback", *content)
    index("review_feedback_reviewer_idx", "review_feedback", "reviewer_id")
    index("review_feedback_created_at_idx", "review_feedback", "created_at")

    op.create_table(
        "platform_feedback_items",
        app_id(),
        required("review_feedback_id", sa.Uuid(), to("review_feedback", "CASCADE")),
        required("category", enum("reviewfeedbackcategory")),
        required("description", sa.Text()),
        required("severity", enum("feedbackseverity")),
        required("status", enum("feedbackitemstatus"), default="OPEN"),
        optional("resolved_at", TIME),
        optional("resolution_note", sa.Text()),
        created(),
    )
    index("feedback_item_review_idx", "feedback_items", "review_feedback_id")
    index("feedback_item_status_idx", "feedback_items", "status")
    index("feedback_item_created_at_idx", "feedback_items", "created_at")

    op.create_table(
        "platform_feedback_responses",
        app_id(),
        required("feedback_item_id", sa.Uuid(), to("feedback_items", "CASCADE")),
        required("responder_id", sa.Uuid(), to("users")),
        required("response_text", sa.Text()),
        created(),
    )
    index("feedback_response_item_idx", "feedback_responses", "feedback_item_id")
    index("feedback_response_responder_idx", "feedback_responses", "responder_id")
    index("feedback_response_created_at_idx", "feedback_responses", "created_at")


def social() -> None:
    op.create_table(
        "platform_social_interactions",
        database_id(),
        required("user_id", sa.Uuid(), to("users", "CASCADE")),
        required("target_type", sa.String(20)),
        required("target_id", sa.Uuid()),
        required("interaction_type", sa.String(20)),
        optional("data", JSONB),
        created(),
    )
    target = ("target_type", "target_id")
    # Not unique: the existing index is so by name only.
    index("social_unique_idx", "social_interactions", "user_id", *target, "interaction_type")
    index("social_user_idx", "social_interactions", "user_id")
    index("social_target_idx", "social_interactions", *target)

    op.create_table(
        "platform_comments",
        database_id(),
        required("user_id", sa.Uuid(), to("users", "CASCADE")),
        required("target_type", sa.String(20)),
        required("target_id", sa.Uuid()),
        required("content", sa.Text()),
        optional("reaction", sa.String(20)),
        optional("parent_id", sa.Uuid()),
        created(),
        updated(),
        optional("is_deleted", sa.Boolean(), default="false"),
    )
    index("comment_user_idx", "comments", "user_id")
    index("comment_target_idx", "comments", *target)
    index("comment_parent_idx", "comments", "parent_id")
    index("comment_created_at_idx", "comments", "created_at")

    op.create_table(
        "platform_notifications",
        database_id(),
        required("user_id", sa.Uuid(), to("users", "CASCADE")),
        required("notification_type", sa.String(50)),
        optional("target_type", sa.String(20)),
        optional("target_id", sa.Uuid()),
        optional("data", JSONB),
        optional("status", enum("notificationstatus"), default="PENDING"),
        created(),
        optional("sent_at", TIME),
        optional("read_at", TIME),
        optional("retry_count", sa.Integer(), default="0"),
        optional("last_error", sa.Text()),
    )
    index("notification_user_idx", "notifications", "user_id")
    index("notification_status_idx", "notifications", "status")
    index("notification_type_idx", "notifications", "notification_type")
    index("notification_created_at_idx", "notifications", "created_at")
    index("notification_target_idx", "notifications", *target)


def machinery() -> None:
    op.create_table(
        "platform_media_generations",
        app_id(),
        required("requested_by", sa.Uuid(), to("users")),
        required("target_type", sa.String(20)),
        required("target_id", sa.Uuid()),
        required("media_type", enum("mediatype")),
        required("prompt", sa.Text()),
        required("provider", sa.String(50)),
        required("status", enum("mediagenerationstatus"), default="PENDING"),
        optional("error_message", sa.Text()),
        required("retry_count", sa.Integer(), default="0"),
        optional("media_url", sa.Text()),
        optional("storage_key", sa.String(500)),
        optional("file_size_bytes", sa.Integer()),
        optional("duration_seconds", sa.Float()),
        optional("cost_usd", sa.Float()),
        created(),
        optional("started_at", TIME),
        optional("completed_at", TIME),
    )
    index("media_gen_requested_by_idx", "media_generations", "requested_by")
    index("media_gen_target_idx", "media_generations", "target_type", "target_id")
    index("media_gen_status_idx", "media_generations", "status")
    index("media_gen_created_at_idx", "media_generations", "created_at")

    op.create_table(
        "platform_idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        required("user_id", sa.Uuid(), to("users", "CASCADE")),
        required("endpoint", sa.String(255)),
        required("status", sa.String(20), default="in_progress"),
        optional("response_status", sa.Integer()),
        optional("response_body", sa.JSON()),
        created(),
        optional("completed_at", TIME),
    )
    index("idx_idempotency_keys_created", "idempotency_keys", "created_at")
    index("idx_idempotency_keys_user", "idempotency_keys", "user_id")
