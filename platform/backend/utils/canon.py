"""What is true in a world, and how an approved aspect becomes part of it."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import BadRequest
from db.locks import FOR_NO_KEY_UPDATE
from db.models import Aspect, AspectStatus, AspectValidation, JsonObject, World
from feed.catalogue import aspect_approved, aspect_proposed
from feed.catalogue.aspects import timeline_entry
from utils.feed_events import refresh_feed_events

EARLIEST_YEAR = 2026
"""Where a world's timeline begins when it has no causal chain."""

ENTRY_KEYS = ("year", "event", "reasoning")


def check_timeline_entry(entry: JsonObject | None, world: World) -> JsonObject:
    """The entry with its three keys alone; BadRequest when it does not fit the world's timeline.

    `year` lies between the first step of the causal chain and the year that the world is set in.
    """
    if not entry:
        raise BadRequest("An event needs a timeline entry: year, event and reasoning")
    if missing := [key for key in ENTRY_KEYS if not entry.get(key)]:
        raise BadRequest(f"The timeline entry lacks: {', '.join(missing)}")
    year = entry["year"]
    if not isinstance(year, int) or isinstance(year, bool):
        raise BadRequest("The year of a timeline entry is a whole number")
    if not all(isinstance(entry[key], str) for key in ("event", "reasoning")):
        raise BadRequest("event and reasoning of a timeline entry are text")
    first = min((step["year"] for step in world.causal_chain), default=EARLIEST_YEAR)
    if not first <= year <= world.year_setting:
        raise BadRequest(f"The year must lie between {first} and {world.year_setting}")
    return {key: entry[key] for key in ENTRY_KEYS}


async def approve_aspect(
    db: AsyncSession, aspect: Aspect, vote: AspectValidation | None = None
) -> World:
    """Makes the aspect canon: of its kind, with what the approving vote adds, and in the feed.

    A region joins the world's regions, an event its causal chain in year order; the vote's summary
    replaces the world's. The caller holds the aspect's lock and commits.
    """
    world = await _locked_world(db, aspect)
    aspect.status = AspectStatus.APPROVED
    aspect.approved_at = datetime.now(UTC)
    if vote and vote.updated_canon_summary:
        world.canon_summary = vote.updated_canon_summary
    if aspect.aspect_type == "region":
        world.regions = [*world.regions, aspect.content]
    approved_entry = vote.approved_timeline_entry if vote else None
    if entry := timeline_entry(aspect, approved_entry):
        world.causal_chain = _insert_by_year(world.causal_chain, {**entry})
    await refresh_aspect(db, aspect)
    return world


async def refresh_aspect(db: AsyncSession, aspect: Aspect) -> None:
    """The aspect's card follows its status: proposed, approved, or gone."""
    await refresh_feed_events(db, aspect_proposed, aspect.id)
    await refresh_feed_events(db, aspect_approved, aspect.id)


async def _locked_world(db: AsyncSession, aspect: Aspect) -> World:
    """The world as it is now: its canon is changed by one approval after the other."""
    return await db.get_one(
        World, aspect.world_id, with_for_update=FOR_NO_KEY_UPDATE, populate_existing=True
    )


def _insert_by_year(chain: list[JsonObject], entry: JsonObject) -> list[JsonObject]:
    """A new chain, in order of years; the entry comes last in its own."""
    return sorted([*chain, entry], key=lambda step: step["year"])
