"""A rival: the page put together from the platform's own tables, one query for each source.

    uvicorn bench.reading.assembly:app

What the feed's table replaces, in a kind form: 15 queries and no more, each joined with what its
items show, where the original loaded much of that one by one. Per source it reads `limit` rows, of
actions and resolved feedback five times as many, as the contract says of the original; then it
groups, sorts and cuts. No cache. DATABASE_URL names the database.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any

from fastapi import FastAPI, Query, Response
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from bench.reading.rival_db import Db
from db.models import (
    Aspect,
    AspectStatus,
    Dweller,
    DwellerAction,
    FeedbackItem,
    FeedbackItemStatus,
    Proposal,
    ProposalStatus,
    ReviewFeedback,
    ReviewSystem,
    Story,
    StoryReview,
    User,
    UserType,
    Validation,
    World,
)
from feed.catalogue import CATALOGUE

app = FastAPI()

Item = dict[str, Any]
Rows = Sequence[Any]


@app.get("/api/feed")
async def feed(
    db: Db,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    cursor: datetime | None = None,
) -> Response:
    before = cursor or datetime.now(UTC)
    items: list[Item] = []
    for statement, moment, build, multiple in SOURCES:
        rows = statement.where(moment < before).order_by(moment.desc()).limit(limit * multiple)
        items += build((await db.execute(rows)).all())
    items.sort(key=itemgetter("sort_date"), reverse=True)
    page = items[:limit]
    full = len(page) == limit
    body = {"items": page, "next_cursor": page[-1]["sort_date"] if full else None}
    return Response(json.dumps(body), media_type="application/json")


# ── items ────────────────────────────────────────────────────────────────────────────────────────


def _each(name: str, *constants: Any) -> Callable[[Rows], list[Item]]:
    """One item per row, by the builder of that name."""
    build = CATALOGUE[name]
    return lambda rows: [_item(build(*constants, *row)) for row in rows]


def _item(event: Any) -> Item:
    moment = event["created_at"].isoformat()
    return {**event["payload"], "type": event["event_type"], "sort_date": moment}


def _actions(rows: Rows) -> list[Item]:
    """Conversations by what was answered; other actions by the dweller."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        action = row[0]
        groups[action.in_reply_to_action_id or action.dweller_id].append(row)
    return [_group(group) for group in groups.values()]


def _group(group: list[Any]) -> Item:
    newest, dweller, world, actor = group[0]
    return {
        "type": "activity_group" if len(group) > 1 else "dweller_action",
        "id": str(newest.id),
        "sort_date": newest.created_at.isoformat(),
        "dweller": {"id": str(dweller.id), "name": dweller.name, "role": dweller.role},
        "world": {"id": str(world.id), "name": world.name, "year_setting": world.year_setting},
        "agent": {"id": str(actor.id), "username": actor.username, "name": actor.name},
        "actions": [
            {
                "id": str(action.id),
                "type": action.action_type,
                "content": action.content,
                "dialogue": action.dialogue,
                "target": action.target,
                "created_at": action.created_at.isoformat(),
            }
            for action, *_ in group
        ],
    }


def _reviews(rows: Rows) -> list[Item]:
    return [
        {
            "type": "review_submitted",
            "id": str(review.id),
            "sort_date": review.created_at.isoformat(),
            "content_type": review.content_type,
            "content_id": str(review.content_id),
            "reviewer_name": reviewer.username,
            "feedback_count": count,
        }
        for review, reviewer, count in rows
    ]


def _resolved(rows: Rows) -> list[Item]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row[1].id].append(row)
    return [
        {
            "type": "feedback_resolved",
            "id": f"feedback-resolved-{review_id}-{group[-1][0].id}",
            "sort_date": group[0][0].resolved_at.isoformat(),
            "content_type": group[0][1].content_type,
            "reviewer_name": group[0][2].username,
            "items_resolved": len(group),
        }
        for review_id, group in groups.items()
    ]


# ── the 15 queries ───────────────────────────────────────────────────────────────────────────────

_VOTES = select(func.count()).where(Validation.proposal_id == Proposal.id).scalar_subquery()
_POINTS = (
    select(func.count())
    .where(FeedbackItem.review_feedback_id == ReviewFeedback.id)
    .scalar_subquery()
)
_REVIEWERS = (
    select(func.count())
    .where(ReviewFeedback.content_type == "proposal", ReviewFeedback.content_id == Proposal.id)
    .scalar_subquery()
)
_SETTLED = (
    select(func.count())
    .select_from(FeedbackItem)
    .join(ReviewFeedback, FeedbackItem.review_feedback_id == ReviewFeedback.id)
    .where(
        ReviewFeedback.content_id == Proposal.id,
        FeedbackItem.status == FeedbackItemStatus.RESOLVED,
    )
    .scalar_subquery()
)
_Proposer = aliased(User)


def _of_aspects(status: AspectStatus, *more: Any) -> Any:
    return (
        select(Aspect, World, User, *more)
        .join(World, Aspect.world_id == World.id)
        .join(User, Aspect.agent_id == User.id)
        .where(Aspect.status == status)
    )


_PUBLISHED = Proposal.status != ProposalStatus.DRAFT

SOURCES: list[tuple[Any, Any, Callable[[Rows], list[Item]], int]] = [
    (
        select(World, User).join(User, World.created_by == User.id).where(World.is_active),
        World.created_at,
        _each("world_created"),
        1,
    ),
    (
        select(User).where(User.type == UserType.AGENT),
        User.created_at,
        _each("agent_registered"),
        1,
    ),
    (
        select(Proposal, User, _VOTES).join(User, Proposal.agent_id == User.id).where(_PUBLISHED),
        Proposal.created_at,
        _each("proposal_submitted"),
        1,
    ),
    (
        select(Story, World, User, Dweller)
        .join(World, Story.world_id == World.id)
        .join(User, Story.author_id == User.id)
        .outerjoin(Dweller, Story.perspective_dweller_id == Dweller.id),
        Story.created_at,
        _each("story_created"),
        1,
    ),
    (_of_aspects(AspectStatus.VALIDATING), Aspect.created_at, _each("aspect_proposed"), 1),
    (
        _of_aspects(AspectStatus.APPROVED, Aspect.proposed_timeline_entry),
        Aspect.created_at,
        _each("aspect_approved"),
        1,
    ),
    (
        select(Dweller, World, User)
        .join(World, Dweller.world_id == World.id)
        .join(User, Dweller.created_by == User.id)
        .where(Dweller.is_active),
        Dweller.created_at,
        _each("dweller_created"),
        1,
    ),
    (
        select(Validation, Proposal, User, _Proposer)
        .join(Proposal, Validation.proposal_id == Proposal.id)
        .join(User, Validation.agent_id == User.id)
        .join(_Proposer, Proposal.agent_id == _Proposer.id),
        Validation.created_at,
        _each("proposal_validated"),
        1,
    ),
    (
        select(Story, World, User)
        .join(World, Story.world_id == World.id)
        .join(User, Story.author_id == User.id)
        .where(Story.last_revised_at.is_not(None)),
        Story.last_revised_at,
        _each("story_revised"),
        1,
    ),
    (
        select(DwellerAction, Dweller, World, User)
        .join(Dweller, DwellerAction.dweller_id == Dweller.id)
        .join(World, Dweller.world_id == World.id)
        .join(User, DwellerAction.actor_id == User.id),
        DwellerAction.created_at,
        _actions,
        5,
    ),
    (
        select(ReviewFeedback, User, _POINTS).join(User, ReviewFeedback.reviewer_id == User.id),
        ReviewFeedback.created_at,
        _reviews,
        1,
    ),
    (
        select(StoryReview, Story, World, User)
        .join(Story, StoryReview.story_id == Story.id)
        .join(World, Story.world_id == World.id)
        .join(User, StoryReview.reviewer_id == User.id),
        StoryReview.created_at,
        _each("story_reviewed"),
        1,
    ),
    (
        select(FeedbackItem, ReviewFeedback, User)
        .join(ReviewFeedback, FeedbackItem.review_feedback_id == ReviewFeedback.id)
        .join(User, ReviewFeedback.reviewer_id == User.id)
        .where(FeedbackItem.status == FeedbackItemStatus.RESOLVED),
        FeedbackItem.resolved_at,
        _resolved,
        5,
    ),
    (
        select(Proposal, User)
        .join(User, Proposal.agent_id == User.id)
        .where(Proposal.last_revised_at.is_not(None)),
        Proposal.last_revised_at,
        _each("proposal_revised", "proposal"),
        1,
    ),
    (
        select(World, Proposal, _REVIEWERS, _SETTLED)
        .join(Proposal, World.proposal_id == Proposal.id)
        .where(World.is_active, Proposal.review_system == ReviewSystem.CRITICAL_REVIEW),
        World.created_at,
        _each("proposal_graduated"),
        1,
    ),
]
"""Statement, the time that orders it, how its rows become items, and how many pages of rows."""
