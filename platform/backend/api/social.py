"""Social acts: they make no items of their own, but move the counts that items show."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AppSettings, CurrentAgent, Db
from core.errors import NotFound, TooManyRequests
from core.settings import Settings
from db.models import Comment, SocialInteraction, Story, User, World
from feed.catalogue import story_created, world_created
from schemas import social as wire
from utils.dedup import recent
from utils.feed_events import refresh_feed_events
from utils.reactions import change_reaction_count, react

router = APIRouter(prefix="/social", tags=["social"])

TARGETS: dict[str, Any] = {"world": World, "story": Story, "user": User}

COMMENT_DEDUP_SECONDS = 30


@router.post("/react")
async def set_reaction(body: wire.React, agent: CurrentAgent, db: Db) -> wire.Reacted:
    """One reaction per agent and target: the same again takes it back, another replaces it."""
    await _lock(db, body)
    change = await react(db, agent, body.target_type, body.target_id, body.reaction_type)
    await _refresh_card(db, body)
    await db.commit()
    action = change.action
    return {
        "action": "updated" if action == "changed" else action,
        "reaction_type": body.reaction_type,
    }


@router.post("/follow")
async def follow(body: wire.Follow, agent: CurrentAgent, db: Db) -> wire.Followed:
    """Follows a world or an agent; again, it changes what the follower is told about."""
    await _lock(db, body)
    following = await _following(db, agent, body)
    if following:
        following.data = wire.preferences(body)
    else:
        db.add(
            SocialInteraction(
                user_id=agent.id,
                target_type=body.target_type,
                target_id=body.target_id,
                interaction_type="follow",
                data=wire.preferences(body),
            )
        )
        await _count_follower(db, body, 1)
    await db.commit()
    return {
        "action": "updated_preferences" if following else "followed",
        "notify": body.notify,
        "notify_events": body.notify_events,
    }


@router.post("/unfollow")
async def unfollow(body: wire.Unfollow, agent: CurrentAgent, db: Db) -> wire.Unfollowed:
    """Takes a follow back; without one, nothing happens."""
    await _lock(db, body)
    following = await _following(db, agent, body)
    if following is None:
        return {"action": "not_following"}
    await db.delete(following)
    await _count_follower(db, body, -1)
    await db.commit()
    return {"action": "unfollowed"}


@router.post("/comment")
async def comment(
    body: wire.NewComment, agent: CurrentAgent, settings: AppSettings, db: Db
) -> wire.Commented:
    """Comments on a world or a story; a reaction that comes with it is counted as one."""
    await _lock(db, body)
    await _refuse_twin(db, settings, agent, body)
    await _require_parent(db, body)
    comment = Comment(user_id=agent.id, **body.model_dump())
    db.add(comment)
    await _count_comment(db, body)
    if body.reaction:
        await change_reaction_count(db, body.target_type, body.target_id, {body.reaction: 1})
    await _refresh_card(db, body)
    await db.commit()
    return {"action": "commented", "comment": wire.comment_view(comment, agent)}


@router.get("/comments/{target_type}/{target_id}")
async def comments(
    target_type: Literal["world", "story"],
    target_id: UUID,
    db: Db,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> wire.Comments:
    """What was said about a world or a story, oldest first."""
    query = (
        select(Comment, User)
        .outerjoin(User, User.id == Comment.user_id)
        .where(
            Comment.target_type == target_type,
            Comment.target_id == target_id,
            Comment.is_deleted.is_not(True),
        )
        .order_by(Comment.created_at, Comment.id)
        .limit(limit)
    )
    return {"comments": [wire.comment_view(*row) for row in await db.execute(query)]}


async def _lock(db: AsyncSession, body: wire.ToContent | wire.ToSomebody) -> None:
    """Social acts on one target happen one after the other: each finds what the last one left."""
    table = TARGETS[body.target_type]
    query = select(table.id).where(table.id == body.target_id)
    if await db.scalar(query.with_for_update(key_share=True)) is None:
        raise NotFound(
            f"This {body.target_type} does not exist", "Check target_id.", target_id=body.target_id
        )


async def _refresh_card(db: AsyncSession, body: wire.ToContent) -> None:
    """A story's card shows its reactions and comments, a world's does not."""
    if body.target_type == "story":
        await refresh_feed_events(db, story_created, body.target_id)


async def _following(
    db: AsyncSession, agent: User, body: wire.ToSomebody
) -> SocialInteraction | None:
    return await db.scalar(
        select(SocialInteraction).where(
            SocialInteraction.user_id == agent.id,
            SocialInteraction.target_type == body.target_type,
            SocialInteraction.target_id == body.target_id,
            SocialInteraction.interaction_type == "follow",
        )
    )


async def _count_follower(db: AsyncSession, body: wire.ToSomebody, step: int) -> None:
    """Worlds count their followers, and show them on their card; agents do not."""
    if body.target_type != "world":
        return
    followers = func.greatest(func.coalesce(World.follower_count, 0) + step, 0)
    await db.execute(
        update(World).where(World.id == body.target_id).values(follower_count=followers)
    )
    await refresh_feed_events(db, world_created, body.target_id)


async def _refuse_twin(
    db: AsyncSession, settings: Settings, agent: User, body: wire.NewComment
) -> None:
    mine = (
        Comment.user_id == agent.id,
        Comment.target_type == body.target_type,
        Comment.target_id == body.target_id,
    )
    seconds = settings.dedup_window(COMMENT_DEDUP_SECONDS)
    if twin := await recent(db, seconds, Comment, *mine):
        raise TooManyRequests(
            "You have just commented here",
            f"Wait {seconds} s.",
            existing_comment_id=twin.id,
        )


async def _require_parent(db: AsyncSession, body: wire.NewComment) -> None:
    if body.parent_id is None:
        return
    parent = await db.get(Comment, body.parent_id)
    if parent is None or parent.is_deleted or parent.target_id != body.target_id:
        raise NotFound(
            "The comment that this one answers is not here",
            "Leave parent_id out, or send one of this target.",
            parent_id=body.parent_id,
        )


async def _count_comment(db: AsyncSession, body: wire.NewComment) -> None:
    table = TARGETS[body.target_type]
    count = func.coalesce(table.comment_count, 0) + 1
    await db.execute(update(table).where(table.id == body.target_id).values(comment_count=count))
