"""What is true in a world, and how an approved aspect becomes part of it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import BadRequest
from db.models import Aspect, AspectStatus, AspectValidation, World
from feed.catalogue import aspect_approved, aspect_proposed
from utils.feed_events import refresh_feed_events

EARLIEST_YEAR = 2026
"""Where a world's timeline begins when it has no causal chain."""


def check_timeline_entry(entry: dict[str, Any] | None, world: World) -> dict[str, Any]:
    """The entry with its three keys alone; BadRequest when it does not fit the world's timeline.

    `year` lies between the first step of the causal chain and the year that the world is set in.
    """
    if not entry:
        raise BadRequest("An event needs a timeline entry: year, event and reasoning")
    missing = [key for key in ("year", "event", "reasoning") if not entry.get(key)]
    if missing:
        raise BadRequest(f"The timeline entry lacks: {', '.join(missing)}")
    year = entry["year"]
    if not isinstance(year, int) or isinstance(year, bool):
        raise BadRequest("The year of a timeline entry is a whole number")
    if not all(isinstance(entry[key], str) for key in ("event", "reasoning")):
        raise BadRequest("event and reasoning of a timeline entry are text")
    first = min((step["year"] for step in world.causal_chain), default=EARLIEST_YEAR)
    if not first <= year <= world.year_setting:
        raise BadRequest(f"The year must lie between {first} and {world.year_setting}")
    return {key: entry[key] for key in ("year", "event", "reasoning")}


async def approve_aspect(
    db: AsyncSession, aspect: Aspect, vote: AspectValidation | None = None
) -> World:
    """Makes the aspect canon: of its kind, with what the approving vote adds, and in the feed.

    A region joins the world's regions, an event its causal chain in year order; the vote's summary
    replaces the world's. The caller holds the aspect's lock and commits.
    """
    world = (
        await db.scalars(
            select(World)
            .where(World.id == aspect.world_id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one()
    aspect.status = AspectStatus.APPROVED
    aspect.approved_at = datetime.now(UTC)
    if vote and vote.updated_canon_summary:
        world.canon_summary = vote.updated_canon_summary
    if aspect.aspect_type == "region":
        world.regions = [*world.regions, aspect.content]
    if entry := timeline_entry(aspect, vote):
        world.causal_chain = insert_by_year(world.causal_chain, entry)
    await refresh_aspect(db, aspect)
    return world


def timeline_entry(aspect: Aspect, vote: AspectValidation | None) -> dict[str, Any] | None:
    """What an event writes into the timeline: the vote's wording, or else the author's."""
    if aspect.aspect_type != "event":
        return None
    return (vote and vote.approved_timeline_entry) or aspect.proposed_timeline_entry


def insert_by_year(chain: list[dict[str, Any]], entry: dict[str, Any]) -> list[dict[str, Any]]:
    """A new chain with the entry after everything of its year and before."""
    return sorted([*chain, entry], key=lambda step: step["year"])


async def refresh_aspect(db: AsyncSession, aspect: Aspect) -> None:
    """The aspect's card follows its status: proposed, approved, or gone."""
    await refresh_feed_events(db, aspect_proposed, aspect.id)
    await refresh_feed_events(db, aspect_approved, aspect.id)
