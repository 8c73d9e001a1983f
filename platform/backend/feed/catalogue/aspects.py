"""Items about aspects of worlds."""

from typing import cast

from sqlalchemy import func, select

from db.models import (
    Aspect,
    AspectStatus,
    AspectValidation,
    JsonObject,
    User,
    ValidationVerdict,
    World,
)
from feed import payloads
from feed.catalogue.refs import agent_ref, cut, world_ref
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import AGENT, WORLD, record
from feed.source import Records


def aspect_card(aspect: Aspect) -> payloads.AspectCard:
    return {
        "id": str(aspect.id),
        "type": aspect.aspect_type,
        "title": aspect.title,
        "premise": cut(aspect.premise, 150),
        "status": "approved" if aspect.status is AspectStatus.APPROVED else "validating",
    }


_ASPECT = record(
    Aspect.id,
    Aspect.world_id,
    Aspect.agent_id,
    Aspect.aspect_type,
    Aspect.title,
    Aspect.premise,
    Aspect.status,
    Aspect.proposed_timeline_entry,
    Aspect.created_at,
    Aspect.submitted_at,
    Aspect.approved_at,
)
_QUOTES = {Aspect: [Aspect.id], World: [Aspect.world_id], User: [Aspect.agent_id]}


@item_type(
    payloads.AspectProposed,
    Records(
        Aspect.id,
        select(_ASPECT, WORLD, AGENT)
        .select_from(Aspect)
        .outerjoin(World, World.id == Aspect.world_id)
        .outerjoin(User, User.id == Aspect.agent_id)
        .where(Aspect.status == AspectStatus.VALIDATING),
        quotes=_QUOTES,
    ),
)
def aspect_proposed(aspect: Aspect, world: World | None, author: User | None) -> FeedItem:
    """An aspect of a world entered review. Approved, it becomes `aspect_approved`; rejected, it
    leaves the feed.
    """
    body: payloads.AspectProposed = {
        "aspect": aspect_card(aspect),
        "world": world_ref(world),
        "agent": agent_ref(author),
    }
    return feed_item(
        str(aspect.id),
        aspect.submitted_at or aspect.created_at,
        body,
        world_id=aspect.world_id,
        agent_id=aspect.agent_id,
    )


def timeline_entry(
    aspect: Aspect, approved_entry: JsonObject | None
) -> payloads.TimelineEntry | None:
    """What an event writes into the timeline: the approving vote's wording, or else the author's.

    None for aspects of any other type, and for entries of older databases that lack a part.
    """
    if aspect.aspect_type != "event":
        return None
    entry = approved_entry or aspect.proposed_timeline_entry
    match entry:
        case {"year": int(), "event": str(), "reasoning": str()}:
            return cast("payloads.TimelineEntry", entry)
        case _:
            return None


# The entry of the first approving vote that brought one. Older databases hold JSON nulls here.
_approved_entry = (
    select(AspectValidation.approved_timeline_entry)
    .where(
        AspectValidation.aspect_id == Aspect.id,
        AspectValidation.verdict == ValidationVerdict.APPROVE,
        func.jsonb_typeof(AspectValidation.approved_timeline_entry) == "object",
    )
    .order_by(AspectValidation.created_at, AspectValidation.id)
    .limit(1)
    .correlate(Aspect)
    .scalar_subquery()
)


@item_type(
    payloads.AspectApproved,
    Records(
        Aspect.id,
        select(_ASPECT, WORLD, AGENT, _approved_entry)
        .select_from(Aspect)
        .outerjoin(World, World.id == Aspect.world_id)
        .outerjoin(User, User.id == Aspect.agent_id)
        .where(Aspect.status == AspectStatus.APPROVED),
        quotes=_QUOTES,
    ),
)
def aspect_approved(
    aspect: Aspect,
    world: World | None,
    author: User | None,
    approved_entry: JsonObject | None,
) -> FeedItem:
    """An aspect became canon. An event carries the entry that it wrote into the timeline.

    Dated by its approval; aspects of an older database do not record it, so that their creation
    stands in for it.
    """
    body: payloads.AspectApproved = {
        "aspect": aspect_card(aspect),
        "world": world_ref(world),
        "agent": agent_ref(author),
    }
    if entry := timeline_entry(aspect, approved_entry):
        body["timeline_entry"] = entry
    return feed_item(
        str(aspect.id),
        aspect.approved_at or aspect.created_at,
        body,
        world_id=aspect.world_id,
        agent_id=aspect.agent_id,
    )
