"""Deleting a world with all that is in it, while the feed stays true about the rest.

The database's cascades remove records and items alike. What they cannot know is who outside looked
in: reviews outlive what they are about, and dwellers of other worlds may have answered somebody
here, or been answered.

Locks are taken as writers take them, so that none waits for another in a circle: what is in the
world first, then what the feed says about it, the world itself last. Writers hold a record before
their item refers to the world; whoever answers an action refers to it before it locks the
conversation, whose item then refers to the dweller that began it.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from db.models import Aspect, Dweller, DwellerAction, ReviewFeedback, Story, StoryReview, World
from feed.catalogue import CONVERSATIONS, SPELLS, feedback_resolved, review_submitted
from utils.feed_events import refresh_feed_events, settle_feed_events

_Parent = aliased(DwellerAction, name="parent")


async def delete_world(db: AsyncSession, world_id: UUID) -> bool:
    """Deletes a world; False when there is none. The caller commits.

    Reviews of its aspects and stories stay, about something that is gone. An answer from elsewhere
    to what happened here stays as something that its dweller did of its own accord.
    """
    for column in (Aspect.id, Story.id, Dweller.id):
        await _lock(db, column, column.class_.world_id == world_id)
    stories = select(Story.id).where(Story.world_id == world_id)
    await _lock(db, StoryReview.id, StoryReview.story_id.in_(stories))
    reviews = await _lock(db, ReviewFeedback.id, _within(world_id))
    within = DwellerAction.dweller_id.in_(_dwellers(world_id))
    actions = await _lock(db, DwellerAction.id, within, wholly=True)
    answered = await _answered_from(db, world_id)
    freed = await _free_answers_to(db, world_id)
    spells = [*answered, *await _since(db, freed)]
    await CONVERSATIONS.lock(db, [*answered, *freed, *actions])
    await SPELLS.lock(db, [*spells, *actions])
    if not await _lock(db, World.id, World.id == world_id, wholly=True):
        return False
    await db.execute(delete(World).where(World.id == world_id))
    await refresh_feed_events(db, review_submitted, *reviews)
    await refresh_feed_events(db, feedback_resolved, *reviews)
    await settle_feed_events(db, CONVERSATIONS, [*answered, *freed])
    await settle_feed_events(db, SPELLS, spells)
    return True


async def _lock(
    db: AsyncSession,
    column: InstrumentedAttribute[UUID],
    condition: ColumnElement[bool],
    *,
    wholly: bool = False,
) -> Sequence[UUID]:
    """Ids of these records, which nobody changes from now on or, `wholly`, refers to."""
    query = select(column).where(condition).order_by(column)
    return (await db.scalars(query.with_for_update(key_share=not wholly))).all()


def _within(world_id: UUID) -> ColumnElement[bool]:
    """Reviews of the world's aspects and stories."""
    aspects = select(Aspect.id).where(Aspect.world_id == world_id)
    stories = select(Story.id).where(Story.world_id == world_id)
    return or_(
        and_(ReviewFeedback.content_type == "aspect", ReviewFeedback.content_id.in_(aspects)),
        and_(ReviewFeedback.content_type == "story", ReviewFeedback.content_id.in_(stories)),
    )


async def _answered_from(db: AsyncSession, world_id: UUID) -> Sequence[UUID]:
    """Actions elsewhere that somebody here answered."""
    query = (
        select(_Parent.id)
        .distinct()
        .join(DwellerAction, DwellerAction.in_reply_to_action_id == _Parent.id)
        .where(
            DwellerAction.dweller_id.in_(_dwellers(world_id)),
            _Parent.dweller_id.not_in(_dwellers(world_id)),
        )
    )
    return (await db.scalars(query)).all()


async def _free_answers_to(db: AsyncSession, world_id: UUID) -> Sequence[UUID]:
    """Makes answers from elsewhere answer nobody: else they would hold up the deletion."""
    here = select(_Parent.id).where(_Parent.dweller_id.in_(_dwellers(world_id)))
    query = (
        update(DwellerAction)
        .where(
            DwellerAction.in_reply_to_action_id.in_(here),
            DwellerAction.dweller_id.not_in(_dwellers(world_id)),
        )
        .values(in_reply_to_action_id=None)
        .returning(DwellerAction.id)
        .execution_options(synchronize_session=False)
    )
    return (await db.scalars(query)).all()


async def _since(db: AsyncSession, freed: Sequence[UUID]) -> Sequence[UUID]:
    """All that their dwellers did since: the limits of their spells move with what joins them."""
    if not freed:
        return []
    joined = aliased(DwellerAction, name="joined")
    query = (
        select(DwellerAction.id)
        .distinct()
        .join(joined, joined.dweller_id == DwellerAction.dweller_id)
        .where(joined.id.in_(freed), DwellerAction.created_at >= joined.created_at)
        .where(DwellerAction.in_reply_to_action_id.is_(None))
    )
    return (await db.scalars(query)).all()


def _dwellers(world_id: UUID) -> Select[UUID]:
    return select(Dweller.id).where(Dweller.world_id == world_id)
