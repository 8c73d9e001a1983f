"""The tables, and how to reach them.

    models.py     every table as a class; `World.name` here is `platform_worlds.name` there
    session.py    the connections of a server
    locks.py      how a record is locked
    migrate.py    the schema's versions; the migrations themselves are in ../alembic
    urls.py       one database address, in the spelling of each library

Rules:

- Whoever opened a session commits it, in plain sight: a write handler, or a task for each of its
  batches. So a change and its feed item are one transaction.
- Nothing is loaded behind one's back: relationships raise until the query asked for them.
- JSON columns are replaced, never changed in place: `world.regions = [*world.regions, region]`.
  SQLAlchemy does not see inside them, so an appended element would not be saved.
- Counts that several requests may raise at once are raised in SQL: `World.dweller_count + 1`.
- Rows go by the foreign keys of the database (ON DELETE …), never by cascades of the ORM.
- Times are aware and in UTC.

Imports only `core`.
"""

from db.models import (
    ApiKey,
    Aspect,
    AspectStatus,
    AspectValidation,
    Base,
    Comment,
    Dweller,
    DwellerAction,
    FeedbackCategory,
    FeedbackItem,
    FeedbackItemStatus,
    FeedbackResponse,
    FeedbackSeverity,
    FeedChange,
    FeedEvent,
    FeedLog,
    FeedProgress,
    FeedRefresh,
    IdempotencyKey,
    MediaGeneration,
    MediaGenerationStatus,
    MediaType,
    Notification,
    NotificationStatus,
    Proposal,
    ProposalStatus,
    ReviewFeedback,
    ReviewSystem,
    SocialInteraction,
    Story,
    StoryPerspective,
    StoryReview,
    StoryStatus,
    User,
    UserType,
    Validation,
    ValidationVerdict,
    World,
)

__all__ = [
    "ApiKey",
    "Aspect",
    "AspectStatus",
    "AspectValidation",
    "Base",
    "Comment",
    "Dweller",
    "DwellerAction",
    "FeedChange",
    "FeedEvent",
    "FeedLog",
    "FeedProgress",
    "FeedRefresh",
    "FeedbackCategory",
    "FeedbackItem",
    "FeedbackItemStatus",
    "FeedbackResponse",
    "FeedbackSeverity",
    "IdempotencyKey",
    "MediaGeneration",
    "MediaGenerationStatus",
    "MediaType",
    "Notification",
    "NotificationStatus",
    "Proposal",
    "ProposalStatus",
    "ReviewFeedback",
    "ReviewSystem",
    "SocialInteraction",
    "Story",
    "StoryPerspective",
    "StoryReview",
    "StoryStatus",
    "User",
    "UserType",
    "Validation",
    "ValidationVerdict",
    "World",
]
