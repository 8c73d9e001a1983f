"""The catalogue is complete, and what it derives from history is what the writes left behind."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

import feed.catalogue  # noqa: F401  # fills the catalogue
from db.models import FeedbackItem, Proposal, ReviewSystem
from feed.item_type import CATALOGUE, EventType
from feed.row import ROW_IDS, row_id
from tests.support import aspects, bodies
from tests.support.agents import Agent, graduate_by_review, register
from tests.support.answers import ok
from tests.support.dwellers import add_region, inhabit
from tests.support.feed import feed as read_feed
from tests.support.feed import types
from tests.support.history import derived, stored
from tests.support.random_walk import RandomWalk
from tests.support.truth import is_true, rebuilds_the_same


def test_every_type_has_an_entry() -> None:
    assert set(EventType) == CATALOGUE.keys()


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)
def test_every_entry_is_documented(entry: Any) -> None:
    assert entry.doc.strip().endswith(".")


def test_a_row_id_is_what_the_standard_library_makes_of_the_identity() -> None:
    for item_id in ("a", "9f0c/é", ""):
        assert row_id("story_created", item_id) == uuid5(ROW_IDS, f"story_created/{item_id}")


async def test_live_equals_history(
    client: httpx2.AsyncClient, app: FastAPI, db: AsyncSession
) -> None:
    await rich_history(client, db)
    assert set(types(await read_feed(client))) == CATALOGUE.keys()
    assert await stored(db) == await derived(db)
    await is_true(app.state.database)
    await rebuilds_the_same(app.state.database)


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

    await canonize(world, alice, bob, carol, dora)
    await add_region(alice, world)
    await inhabit(world, alice, bob)
    await tell_and_judge(world, alice, bob, carol)
    await count_and_picture(world, alice, bob)


async def canonize(world: str, alice: Agent, bob: Agent, carol: Agent, dora: Agent) -> None:
    """Aspects: one untouched, one revised as a draft, one under review, others decided."""
    await aspects.draft(alice, world)
    await aspects.revise(alice, await aspects.draft(alice, world))
    reviewed = await aspects.publish(alice, world)
    about = await dora.review(reviewed, "minor", "minor", kind="aspect")
    await dora.resolve(about.items[0])
    await aspects.revise(alice, reviewed, title="Under Review")

    settled = await aspects.publish(alice, world)
    await aspects.approve_by_review(settled, bob, carol)
    voted = await aspects.publish(bob, world, bodies.event())
    await aspects.vote(carol, voted, approved_timeline_entry=bodies.entry(year=2072))
    await aspects.vote(bob, await aspects.publish(carol, world), "reject")
    gated = await aspects.publish(carol, world)
    await aspects.vote(alice, gated, "strengthen")
    await aspects.vote(bob, gated)
    await aspects.revise(carol, gated)
    await aspects.approve_at_once(carol, gated)


async def tell_and_judge(world: str, alice: Agent, bob: Agent, carol: Agent) -> None:
    """Stories: one untouched, one that is acclaimed and renamed, one reviewed point by point."""
    await bob.tell(world)
    acclaimed = await alice.tell(world)
    for judge in bob, carol:
        await alice.answer(acclaimed, await judge.judge(acclaimed))
    await alice.rewrite(acclaimed)
    await alice.rewrite(acclaimed, title="Higher Water", summary="It rose.")

    pointed = await carol.tell(world)
    about = await bob.review(pointed, "minor", "minor", kind="story")
    await bob.judge(pointed, acclaim=False)
    await carol.rewrite(pointed, title="Low Water Again")
    await bob.resolve(*about.items)
    await bob.reopen(about.items[0])
    await carol.rewrite(pointed, title="Lower Water")


async def count_and_picture(world: str, alice: Agent, bob: Agent) -> None:
    """What moves counts, and the addresses of pictures."""
    story = await alice.tell(world, title="Counted")
    await bob.react(story)
    await bob.react(story, "mind")
    for kind, target in ("world", world), ("story", story):
        to = {"target_type": kind, "target_id": target}
        ok(await bob.post("/social/react", {**to, "reaction_type": "heart"}))
        ok(await bob.post("/social/comment", bodies.comment(kind, target, reaction="fire")))
    for follower in alice, bob:
        ok(await follower.post("/social/follow", {"target_type": "world", "target_id": world}))
    ok(await alice.post("/social/unfollow", {"target_type": "world", "target_id": world}))

    burble = await the_first_dweller(world, alice)
    for kind, owned, key in (
        ("world", world, "cover_image_url"),
        ("story", story, "video_url"),
        ("dweller", burble, "portrait_url"),
    ):
        ok(await alice.patch(f"/media/{kind}/{owned}", {key: "https://pictures.example/a.png"}))


async def the_first_dweller(world: str, agent: Agent) -> str:
    listed = ok(await agent.get(f"/dwellers/worlds/{world}/dwellers"))["dwellers"]
    dweller: str = listed[-1]["id"]
    return dweller


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
