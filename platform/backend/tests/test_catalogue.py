"""The catalogue is complete, and what it derives from history is what the writes left behind."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

import feed.catalogue  # noqa: F401  # fills the catalogue
from db.models import FeedbackItem, Proposal, ReviewSystem
from feed.item_type import CATALOGUE, EventType
from tests.support.agents import graduate_by_review, register
from tests.support.feed import feed as read_feed
from tests.support.feed import types
from tests.support.history import derived, stored
from tests.support.random_walk import RandomWalk
from tests.support.tables import add_aspect, add_story

LATER = dict.fromkeys(
    (
        EventType.ASPECT_PROPOSED,
        EventType.ASPECT_APPROVED,
        EventType.DWELLER_CREATED,
        EventType.DWELLER_ACTION,
        EventType.ACTIVITY_GROUP,
        EventType.CONVERSATION,
        EventType.STORY_CREATED,
        EventType.STORY_REVISED,
        EventType.STORY_REVIEWED,
    ),
    "its area comes with a later issue",
)
"""Types without an entry, each with its reason. Entries leave this list and never join it."""


def test_every_type_has_an_entry_or_a_reason() -> None:
    assert set(EventType) - CATALOGUE.keys() == LATER.keys()


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)
def test_every_entry_is_documented(entry: Any) -> None:
    assert entry.doc.strip().endswith(".")


async def test_live_equals_history(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    await rich_history(client, db)
    assert set(types(await read_feed(client))) == CATALOGUE.keys()
    assert await stored(db) == await derived(db)


async def rich_history(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    """Every way in which an item can appear, move, change or go."""
    alice, bob, carol, dora = await register(client, "Alice", "Bob", "Carol", "Dora")

    # Graduated by reviews, with a point added, one answered, and one taken back afterwards.
    _, world = await graduate_by_review(alice, bob, carol)
    courts = await alice.publish(name="Tidal Courts")
    review = await bob.review(courts, "critical", "minor", "minor")
    await carol.review(courts)
    await alice.revise(courts, name="Courts of the Tide")
    await alice.respond(review.items[0])
    await bob.resolve(*review.items)
    await resolved_at(db, review.items, minutes=[0, 30, 61])
    await bob.add_feedback(courts, "important")
    await bob.reopen(review.items[1])
    await alice.revise(courts)
    await dora.test_approve(courts)
    await bob.reopen(review.items[2])

    # Judged by votes: one way, the other way, and through the strengthen gate.
    for verdict in ("approve", "reject"):
        voted = await dora.publish(name=f"To {verdict}")
        for voter in (alice, bob):
            await voter.vote(voted, verdict)
    gated = await dora.publish(name="To strengthen", premise="\N{WATER WAVE}" * 250)
    await alice.vote(gated, "strengthen")
    await bob.vote(gated)
    await dora.revise(gated, premise="\N{WATER WAVE}" * 150)
    await carol.vote(gated)

    # From an older database: without a name, under the legacy system, without a submission time.
    legacy = await carol.publish()
    await db.execute(
        update(Proposal)
        .where(Proposal.id == UUID(legacy))
        .values(name=None, submitted_at=None, review_system=ReviewSystem.LEGACY)
    )
    await db.commit()
    await carol.revise(legacy)
    await dora.review(legacy)
    await alice.test_approve(legacy)

    # Drafts: one untouched, one revised, one still under review.
    await bob.propose()
    await bob.revise(await bob.propose())
    await bob.publish()

    # Reviews of what is no proposal.
    aspect = await add_aspect(db, world, alice.id)
    later = datetime.now(UTC) + timedelta(days=1)
    story = await add_story(db, world, alice.id, last_revised_at=later)
    for kind, content in ("aspect", aspect), ("story", story):
        about = await dora.review(content, "minor", "minor", kind=kind)
        await dora.resolve(about.items[0])


async def resolved_at(db: AsyncSession, items: Iterable[str], minutes: Iterable[int]) -> None:
    """Moves resolutions into the past: minutes after one point in time."""
    begin = datetime.now(UTC) - timedelta(days=1)
    for item, minute in zip(items, minutes, strict=True):
        resolved = begin + timedelta(minutes=minute)
        await db.execute(
            update(FeedbackItem).where(FeedbackItem.id == UUID(item)).values(resolved_at=resolved)
        )
    await db.commit()


@pytest.mark.parametrize("seed", range(5))
async def test_live_equals_history_whatever_happens(
    client: httpx2.AsyncClient, db: AsyncSession, seed: int
) -> None:
    """Requests at random, sensible or not: some are refused, none fails, and the feed is right."""
    walk = RandomWalk(random.Random(seed), await register(client, "Alice", "Bob", "Carol"))
    await walk.begin()
    responses = [await walk.step() for _ in range(100)]
    statuses = Counter(response.status_code for response in responses)
    assert max(statuses) < 500, statuses
    assert statuses[200] >= 20, statuses
    assert await stored(db) == await derived(db)
