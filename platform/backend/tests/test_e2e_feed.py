"""Every write path over HTTP, and what the feed says afterwards, to the last value.

`feed()` reads all pages as JSON and as SSE and checks every item against the contract's schema, so
each look at the feed is a contract test as well.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedbackItem, Proposal, ReviewSystem, World
from tests.support import aspects, bodies, dwellers
from tests.support.agents import Agent, graduate_by_review, register
from tests.support.answers import dated, moment
from tests.support.feed import feed, of_type, the_only, types
from tests.support.tables import nothing_written

# One code point, but two UTF-16 units and four bytes of UTF-8.
ASTRAL = "\N{WATER WAVE}"

PREMISE = bodies.draft()["premise"]
CRITIQUE = bodies.vote()["critique"]
PICTURE = "https://pictures.example/a.png"


async def time_of(db: AsyncSession, column: Any, record: str) -> datetime:
    """The value of a time column, as the source table has it."""
    time: datetime = (
        await db.execute(select(column).where(column.class_.id == UUID(record)))
    ).scalar_one()
    return time


# ── agents ───────────────────────────────────────────────────────────────────────────────────────


async def test_an_empty_feed_is_a_page(client: httpx2.AsyncClient) -> None:
    assert await feed(client) == []


async def test_registration(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    assert await feed(client) == [
        {
            "type": "agent_registered",
            "id": alice.id,
            **dated(alice.created_at),
            "agent": {"id": alice.id, "username": "@alice", "name": "Alice"},
        }
    ]


# ── proposals ────────────────────────────────────────────────────────────────────────────────────


async def test_a_draft_is_private(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    await alice.propose()
    assert types(await feed(client)) == ["agent_registered"]


async def test_submission(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    [alice] = await register(client, "Alice")
    proposal = await alice.propose()
    await alice.submit(proposal)
    submitted_at = await time_of(db, Proposal.submitted_at, proposal)
    assert submitted_at > await time_of(db, Proposal.created_at, proposal)
    assert the_only(await feed(client), "proposal_submitted") == {
        "type": "proposal_submitted",
        "id": proposal,
        **dated(submitted_at),
        "proposal": {
            "id": proposal,
            "name": "River Courts",
            "premise": PREMISE,
            "year_setting": 2140,
            "status": "validating",
            "validation_count": 0,
        },
        "agent": alice.ref,
    }


async def test_revision(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    """Drafts included: a revision is news even before the proposal is."""
    [alice] = await register(client, "Alice")
    proposal = await alice.propose()
    await alice.revise(proposal, name="Courts Afloat")
    [newest, _] = await feed(client)
    assert newest == {
        "type": "proposal_revised",
        "id": f"proposal-revised-{proposal}",
        **dated(await time_of(db, Proposal.last_revised_at, proposal)),
        "author_name": "alice",
        "content_type": "proposal",
        "content_id": proposal,
        "content_name": "Courts Afloat",
        "revision_count": 1,
    }


async def test_the_next_revision_moves_the_item_up(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    proposal = await alice.propose()
    await alice.revise(proposal)
    await alice.submit(proposal)
    [_, before, _] = await feed(client)
    await alice.revise(proposal)
    [after, submitted, _] = await feed(client)
    assert submitted["type"] == "proposal_submitted"
    assert after == {
        **before,
        "created_at": after["created_at"],
        "sort_date": after["sort_date"],
        "revision_count": 2,
    }
    assert moment(after["created_at"]) > moment(submitted["created_at"])


async def test_a_revision_shows_wherever_the_proposal_does(client: httpx2.AsyncClient) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    await carol.vote(proposal, "strengthen")
    review = await bob.review(proposal, "minor", "minor")
    await alice.revise(proposal)
    await bob.resolve(review.items[0])
    before = {item["type"]: item for item in await feed(client)}

    await alice.revise(proposal, name="Courts Afloat", premise="It may sue.", year_setting=2150)

    after = {item["type"]: item for item in await feed(client)}
    card = before["proposal_submitted"]["proposal"] | {
        "name": "Courts Afloat",
        "premise": "It may sue.",
        "year_setting": 2150,
    }
    reference = {"id": proposal, "name": "Courts Afloat", "premise": "It may sue."}
    assert after["proposal_submitted"] == before["proposal_submitted"] | {"proposal": card}
    assert after["proposal_validated"] == before["proposal_validated"] | {"proposal": reference}
    for kind in ("review_submitted", "feedback_resolved"):
        assert after[kind] == before[kind] | {"content_name": "Courts Afloat"}
    assert after["proposal_revised"]["content_name"] == "Courts Afloat"


# ── votes ────────────────────────────────────────────────────────────────────────────────────────


async def test_vote(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    submitted = the_only(await feed(client), "proposal_submitted")
    vote = (await bob.vote(proposal, "strengthen"))["validation"]
    [newest, card, *_] = await feed(client)
    assert newest == {
        "type": "proposal_validated",
        "id": vote["id"],
        **dated(vote["created_at"]),
        "validation": {"verdict": "strengthen", "critique": CRITIQUE},
        "proposal": {"id": proposal, "name": "River Courts", "premise": PREMISE},
        "agent": bob.ref,
        "proposer": alice.ref,
    }
    assert card == submitted | {"proposal": submitted["proposal"] | {"validation_count": 1}}


async def test_two_rejections(client: httpx2.AsyncClient) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    await bob.vote(proposal, "reject")
    await carol.vote(proposal, "reject")
    items = await feed(client)
    card = the_only(items, "proposal_submitted")["proposal"]
    assert (card["status"], card["validation_count"]) == ("rejected", 2)
    votes = of_type(items, "proposal_validated")
    assert [(v["validation"]["verdict"], v["agent"]) for v in votes] == [
        ("reject", carol.ref),
        ("reject", bob.ref),
    ]
    assert not of_type(items, "world_created", "proposal_graduated")


# ── graduation ───────────────────────────────────────────────────────────────────────────────────


async def assert_graduated(
    client: httpx2.AsyncClient,
    db: AsyncSession,
    proposal: str,
    world: str,
    *,
    proposer: Agent,
    reviewers: int,
    resolved: int,
    votes: int,
) -> None:
    """Demands both items of the new world, and that the proposal's card and record follow."""
    time = dated(await time_of(db, World.created_at, world))
    items = await feed(client)
    assert the_only(items, "world_created") == {
        "type": "world_created",
        "id": world,
        **time,
        "world": {
            "id": world,
            "name": "River Courts",
            "premise": PREMISE,
            "year_setting": 2140,
            "cover_image_url": None,
            "dweller_count": 0,
            "follower_count": 0,
        },
        "agent": proposer.ref,
    }
    assert the_only(items, "proposal_graduated") == {
        "type": "proposal_graduated",
        "id": f"graduated-{world}",
        **time,
        "content_name": "River Courts",
        "content_type": "proposal",
        "world_id": world,
        "reviewer_count": reviewers,
        "feedback_items_resolved": resolved,
    }
    card = the_only(items, "proposal_submitted")["proposal"]
    assert (card["status"], card["validation_count"]) == ("approved", votes)
    record = (await proposer.get(f"/proposals/{proposal}")).json()["proposal"]
    assert (record["status"], record["resulting_world_id"]) == ("approved", world)


async def test_graduation_by_reviews(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    by_bob = await bob.review(proposal, "critical", "minor")
    by_carol = await carol.review(proposal, "important")
    await alice.revise(proposal)
    await alice.respond(by_carol.items[0])
    await bob.resolve(*by_bob.items)
    assert not of_type(await feed(client), "world_created", "proposal_graduated")
    world = (await carol.resolve(*by_carol.items))["graduation"]["world_id"]
    await assert_graduated(
        client, db, proposal, world, proposer=alice, reviewers=2, resolved=3, votes=0
    )


async def test_graduation_by_votes(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    await bob.vote(proposal)
    world = (await carol.vote(proposal))["world_created"]["id"]
    await assert_graduated(
        client, db, proposal, world, proposer=alice, reviewers=0, resolved=0, votes=2
    )


async def test_test_approve_credits_the_proposer(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    """Whoever calls it: the world is the proposer's. Reviews so far are counted as they are."""
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    review = await bob.review(proposal, "critical", "minor")
    await alice.revise(proposal)
    await bob.resolve(review.items[0])
    world = (await carol.test_approve(proposal))["world_created"]["id"]
    await assert_graduated(
        client, db, proposal, world, proposer=alice, reviewers=1, resolved=1, votes=0
    )


async def test_work_on_reviews_goes_on_after_graduation(client: httpx2.AsyncClient) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    review = await bob.review(proposal)
    await carol.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*review.items)
    await alice.test_approve(proposal)
    settled = await feed(client)

    await bob.reopen(review.items[0])
    items = await feed(client)
    assert the_only(items, "proposal_graduated")["feedback_items_resolved"] == 0
    assert the_only(items, "proposal_submitted")["proposal"]["status"] == "approved"
    assert not of_type(items, "feedback_resolved")

    await bob.resolve(review.items[0])
    again = await feed(client)
    assert of_type(again, "proposal_graduated", "world_created") == of_type(
        settled, "proposal_graduated", "world_created"
    )


async def test_a_world_without_a_name(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    """Older databases hold nameless proposals: their items say null, not "Unknown"."""
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.propose()
    await db.execute(update(Proposal).values(name=None))
    await db.commit()
    await alice.submit(proposal)
    await bob.vote(proposal)
    review = await bob.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*review.items)
    await carol.test_approve(proposal)
    items = {item["type"]: item for item in await feed(client)}
    assert items["proposal_submitted"]["proposal"]["name"] is None
    assert items["proposal_validated"]["proposal"]["name"] is None
    named = ("review_submitted", "feedback_resolved", "proposal_revised", "proposal_graduated")
    assert [items[kind]["content_name"] for kind in named] == [None] * 4
    assert items["world_created"]["world"]["name"] == "World of 2140"


async def test_a_legacy_proposal_graduates_without_fuss(
    client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    """The contract has `proposal_graduated` for critically reviewed proposals only."""
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    await db.execute(update(Proposal).values(review_system=ReviewSystem.LEGACY))
    await db.commit()
    await bob.vote(proposal)
    await carol.vote(proposal)
    assert len(of_type(await feed(client), "world_created")) == 1
    assert not of_type(await feed(client), "proposal_graduated")


# ── reviews ──────────────────────────────────────────────────────────────────────────────────────


async def test_review(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    review = await bob.review(proposal, "critical", "minor", "minor")
    [shown] = (await bob.get(f"/review/proposal/{proposal}/feedback")).json()["reviews"]
    [newest, *_] = await feed(client)
    assert newest == {
        "type": "review_submitted",
        "id": review.id,
        **dated(shown["created_at"]),
        "reviewer_name": "bob",
        "reviewer_id": bob.id,
        "content_type": "proposal",
        "content_id": proposal,
        "content_name": "River Courts",
        "feedback_count": 3,
        "severities": {"critical": 1, "important": 0, "minor": 2},
    }


async def test_added_feedback_is_counted_in_place(client: httpx2.AsyncClient) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    await bob.review(proposal, "critical")
    await carol.review(proposal, "critical")
    [others, before, *older] = await feed(client)
    await bob.add_feedback(proposal, "important", "minor")
    assert await feed(client) == [
        others,
        before | {"feedback_count": 3, "severities": {"critical": 1, "important": 1, "minor": 1}},
        *older,
    ]


async def test_what_is_reviewed_has_its_name(client: httpx2.AsyncClient) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    _, world = await graduate_by_review(alice, bob, carol)
    older = len(await feed(client))
    aspect = await aspects.publish(alice, world)
    story = await alice.tell(world, title="High Water")
    by_kind = {
        kind: await bob.review(content, kind=kind)
        for kind, content in (("aspect", aspect), ("story", story))
    }
    await alice.rewrite(story, title="Low Water")
    for review in by_kind.values():
        await bob.resolve(*review.items)
    items = of_type((await feed(client))[:-older], "feedback_resolved", "review_submitted")
    assert [(i["type"], i["content_type"], i["content_id"], i["content_name"]) for i in items] == [
        ("feedback_resolved", "story", story, "Low Water"),
        ("feedback_resolved", "aspect", aspect, "The Barge Bench"),
        ("review_submitted", "story", story, "Low Water"),
        ("review_submitted", "aspect", aspect, "The Barge Bench"),
    ]


# ── resolved feedback ────────────────────────────────────────────────────────────────────────────


HOUR = datetime(2026, 1, 2, 3, tzinfo=UTC)
MICROSECOND = 1 / 60_000_000  # in minutes


class Settling:
    """Bob's review of Alice's proposal, ready to be resolved; `items` are its points."""

    def __init__(self, client: httpx2.AsyncClient, db: AsyncSession) -> None:
        self.client, self.db = client, db

    async def begin(self, points: int) -> "Settling":
        self.alice, self.bob = await register(self.client, "Alice", "Bob")
        self.proposal = await self.alice.publish()
        review = await self.bob.review(self.proposal, *["important"] * points)
        self.review, self.items = review.id, review.items
        await self.alice.revise(self.proposal)
        return self

    async def resolved_at(self, *minutes: float) -> None:
        """Moves the resolutions of the first points to these minutes after the hour."""
        for item, minute in zip(self.items, minutes, strict=False):
            await self.db.execute(
                update(FeedbackItem)
                .where(FeedbackItem.id == UUID(item))
                .values(resolved_at=HOUR + timedelta(minutes=minute))
            )
        await self.db.commit()
        # Any write that concerns the review settles its items anew.
        await self.alice.revise(self.proposal)

    async def groups(self) -> list[tuple[str, str, int, int]]:
        """Id, time, resolved and remaining points of every item, newest first."""
        return [
            (item["id"], item["sort_date"], item["items_resolved"], item["items_remaining"])
            for item in of_type(await feed(self.client), "feedback_resolved")
        ]

    def group(
        self, first: int, minute: float, resolved: int, remaining: int
    ) -> tuple[str, str, int, int]:
        time = (HOUR + timedelta(minutes=minute)).isoformat()
        return self.id(first), time, resolved, remaining

    def id(self, first: int) -> str:
        return f"feedback-resolved-{self.review}-{self.items[first]}"


@pytest.fixture
def settling(client: httpx2.AsyncClient, db: AsyncSession) -> Settling:
    return Settling(client, db)


async def test_resolution(settling: Settling) -> None:
    story = await settling.begin(points=2)
    answer = await story.bob.resolve(story.items[1])
    [newest, *_] = await feed(story.client)
    assert newest == {
        "type": "feedback_resolved",
        "id": story.id(1),
        **dated(answer["resolved_at"]),
        "reviewer_name": "bob",
        "content_type": "proposal",
        "content_id": story.proposal,
        "content_name": "River Courts",
        "items_resolved": 1,
        "items_remaining": 1,
    }


async def test_resolutions_soon_after_each_other_are_one_item(settling: Settling) -> None:
    """It is named after its first point and moves up with every further one."""
    story = await settling.begin(points=3)
    await story.bob.resolve(story.items[2])
    last = await story.bob.resolve(story.items[0])
    time = dated(last["resolved_at"])["sort_date"]
    assert await story.groups() == [(story.id(2), time, 2, 1)]


async def test_thirty_minutes_are_still_soon(settling: Settling) -> None:
    story = await settling.begin(points=2)
    await story.bob.resolve(*story.items)
    await story.resolved_at(0, 30)
    assert await story.groups() == [story.group(0, 30, 2, 0)]
    await story.resolved_at(0, 30 + MICROSECOND)
    assert await story.groups() == [
        story.group(1, 30 + MICROSECOND, 1, 0),
        story.group(0, 0, 1, 0),
    ]


async def test_the_window_slides(settling: Settling) -> None:
    story = await settling.begin(points=4)
    await story.bob.resolve(*story.items)
    await story.resolved_at(0, 25, 50, 81)
    assert await story.groups() == [story.group(3, 81, 1, 0), story.group(0, 50, 3, 0)]


async def test_a_resolution_joins_what_it_is_close_to(settling: Settling) -> None:
    """Live, without any other write: one half an hour ago is near, one an hour ago is not."""
    story = await settling.begin(points=3)
    await story.bob.resolve(story.items[0], story.items[1])
    now = (datetime.now(UTC) - HOUR) / timedelta(minutes=1)
    await story.resolved_at(now - 60, now - 29)
    assert await story.groups() == [story.group(1, now - 29, 1, 1), story.group(0, now - 60, 1, 1)]
    answer = await story.bob.resolve(story.items[2])
    time = dated(answer["resolved_at"])["sort_date"]
    assert await story.groups() == [(story.id(1), time, 2, 0), story.group(0, now - 60, 1, 0)]


async def test_reopening_splits_a_group(settling: Settling) -> None:
    story = await settling.begin(points=3)
    await story.bob.resolve(*story.items)
    await story.resolved_at(0, 25, 50)
    assert await story.groups() == [story.group(0, 50, 3, 0)]
    await story.bob.reopen(story.items[1])
    assert await story.groups() == [story.group(2, 50, 1, 1), story.group(0, 0, 1, 1)]


async def test_reopening_the_first_point_renames_its_group(settling: Settling) -> None:
    story = await settling.begin(points=2)
    await story.bob.resolve(*story.items)
    await story.resolved_at(0, 10)
    await story.bob.reopen(story.items[0])
    assert await story.groups() == [story.group(1, 10, 1, 1)]


async def test_reopening_the_last_point_removes_the_item(settling: Settling) -> None:
    story = await settling.begin(points=1)
    before = await feed(story.client)
    await story.bob.resolve(*story.items)
    await story.bob.reopen(*story.items)
    assert await feed(story.client) == before
    await story.bob.resolve(*story.items)
    assert len(await story.groups()) == 1


async def test_what_remains_counts_everything_unresolved(settling: Settling) -> None:
    """Open and answered points alike, and those that are raised later."""
    story = await settling.begin(points=3)
    await story.bob.resolve(story.items[0])
    await story.alice.respond(story.items[1])
    await story.resolved_at(0)
    assert await story.groups() == [story.group(0, 0, 1, 2)]
    await story.bob.add_feedback(story.proposal, "minor", "minor")
    assert await story.groups() == [story.group(0, 0, 1, 4)]


async def test_reviewers_do_not_share_groups(client: httpx2.AsyncClient) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    await graduate_by_review(alice, bob, carol)
    groups = of_type(await feed(client), "feedback_resolved")
    assert [(group["reviewer_name"], group["items_resolved"]) for group in groups] == [
        ("carol", 1),
        ("bob", 1),
    ]


# ── what is cut, and where items are found ───────────────────────────────────────────────────────


def of_length(length: int) -> str:
    return ASTRAL * length


@pytest.mark.parametrize(
    ("premise", "card", "reference"),
    [
        (of_length(100), of_length(100), of_length(100)),
        (of_length(101), of_length(101), of_length(100) + "..."),
        (of_length(200), of_length(200), of_length(100) + "..."),
        (of_length(201), of_length(200) + "...", of_length(100) + "..."),
    ],
    ids=["100", "101", "200", "201"],
)
async def test_premises_are_cut_at_code_points(
    client: httpx2.AsyncClient, premise: str, card: str, reference: str
) -> None:
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish(premise=premise)
    await bob.vote(proposal)
    await carol.test_approve(proposal)
    items = await feed(client)
    assert the_only(items, "proposal_submitted")["proposal"]["premise"] == card
    assert the_only(items, "proposal_validated")["proposal"]["premise"] == reference
    assert the_only(items, "world_created")["world"]["premise"] == premise


@pytest.mark.parametrize(
    ("critique", "shown"),
    [(of_length(150), of_length(150)), (of_length(151), of_length(150) + "...")],
    ids=["150", "151"],
)
async def test_critiques_are_cut_at_code_points(
    client: httpx2.AsyncClient, critique: str, shown: str
) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    await bob.vote(await alice.publish(), critique=critique)
    item = the_only(await feed(client), "proposal_validated")
    assert item["validation"]["critique"] == shown


async def test_filters(client: httpx2.AsyncClient) -> None:
    """An item is found under who did it, and under the world that it made."""
    alice, bob, carol, dora = await register(client, "Alice", "Bob", "Carol", "Dora")
    _, world = await graduate_by_review(alice, bob, carol)
    await bob.vote(await dora.publish(), "reject")

    async def found(**filters: Any) -> list[str]:
        return types(await feed(client, **filters))

    made = ["proposal_graduated", "world_created"]
    submitted = ["proposal_submitted", "agent_registered"]
    reviewed = ["feedback_resolved", "review_submitted", "agent_registered"]
    assert sorted(await found(world_id=world)) == made
    by_alice = await found(agent_id=alice.id)
    assert sorted(by_alice[:2]) == made
    assert by_alice[2:] == ["proposal_revised", *submitted]
    assert await found(agent_id=bob.id) == ["proposal_validated", *reviewed]
    assert await found(agent_id=carol.id) == reviewed
    assert await found(agent_id=dora.id) == submitted
    several = ["review_submitted", "proposal_validated", "world_created"]
    assert await found(agent_id=bob.id, type=several) == ["proposal_validated", "review_submitted"]


# ── one transaction ──────────────────────────────────────────────────────────────────────────────


class Stage:
    """Something of every area, from which every write is one step away."""

    alice: Agent
    bob: Agent
    carol: Agent
    dora: Agent
    draft: str
    proposal: str
    bobs: list[str]
    carols: list[str]
    world: str
    aspect_draft: str
    aspect: str
    dweller: str
    own_dweller: str
    token: str
    story: str
    judgement: str

    async def set(self, client: httpx2.AsyncClient) -> "Stage":
        names = "Alice", "Bob", "Carol", "Dora"
        self.alice, self.bob, self.carol, self.dora = await register(client, *names)
        self.draft = await self.alice.propose()
        self.proposal = await self.alice.publish()
        self.bobs = (await self.bob.review(self.proposal)).items
        self.carols = (await self.carol.review(self.proposal)).items
        await self.alice.revise(self.proposal)
        await self.bob.resolve(*self.bobs)
        await self._set_world()
        return self

    async def _set_world(self) -> None:
        self.world = await dwellers.found_world(self.alice)
        self.aspect_draft = await aspects.draft(self.alice, self.world)
        self.aspect = await aspects.publish(self.alice, self.world)
        self.dweller = (await dwellers.create(self.alice, self.world))["id"]
        self.own_dweller = await dwellers.settle(self.alice, self.world, name="Ferry")
        self.token = await dwellers.token(self.alice, self.own_dweller)
        self.story = await self.alice.tell(self.world)
        await self.alice.rewrite(self.story)
        await self.alice.answer(self.story, await self.bob.judge(self.story))
        # Answered, it brings acclaim, which the item of the revision shows.
        self.judgement = await self.carol.judge(self.story)


Write = Callable[[Stage], Awaitable[httpx2.Response]]

WRITES: dict[str, Write] = {
    "register": lambda s: s.alice.post("/auth/agent", {"name": "Eve", "username": "eve"}),
    "submit": lambda s: s.alice.post(f"/proposals/{s.draft}/submit"),
    "revise": lambda s: s.alice.post(f"/proposals/{s.proposal}/revise", {"name": "Courts Afloat"}),
    "vote": lambda s: s.bob.post(f"/proposals/{s.proposal}/validate", bodies.vote()),
    "test-approve": lambda s: s.bob.post(f"/proposals/{s.proposal}/test-approve"),
    "add feedback": lambda s: s.bob.post(
        f"/review/proposal/{s.proposal}/add-feedback", bodies.points("minor")
    ),
    "resolve, graduating": lambda s: s.carol.post(
        f"/review/feedback-item/{s.carols[0]}/resolve", {}
    ),
    "reopen": lambda s: s.bob.post(f"/review/feedback-item/{s.bobs[0]}/reopen"),
    "submit an aspect": lambda s: s.alice.post(f"/aspects/{s.aspect_draft}/submit"),
    "revise an aspect": lambda s: s.alice.post(f"/aspects/{s.aspect}/revise", {"title": "Afloat"}),
    "vote on an aspect": lambda s: s.bob.post(
        f"/aspects/{s.aspect}/validate", bodies.aspect_vote()
    ),
    "reject an aspect": lambda s: s.bob.post(
        f"/aspects/{s.aspect}/validate", bodies.aspect_vote("reject")
    ),
    "test-approve an aspect": lambda s: s.bob.post(
        f"/aspects/{s.aspect}/test-approve", {"updated_canon_summary": bodies.CANON}
    ),
    "create a dweller": lambda s: s.alice.post(
        f"/dwellers/worlds/{s.world}/dwellers", bodies.dweller(name="Weir")
    ),
    "claim": lambda s: s.bob.post(f"/dwellers/{s.dweller}/claim"),
    "release": lambda s: s.alice.post(f"/dwellers/{s.own_dweller}/release"),
    "act": lambda s: s.alice.post(f"/dwellers/{s.own_dweller}/act", bodies.act(s.token)),
    "tell a story": lambda s: s.bob.post("/stories", bodies.story(s.world)),
    "react to a story": lambda s: s.bob.post(
        f"/stories/{s.story}/react", {"reaction_type": "fire"}
    ),
    "review a story": lambda s: s.dora.post(f"/stories/{s.story}/review", bodies.story_review()),
    "answer, with acclaim": lambda s: s.alice.post(
        f"/stories/{s.story}/reviews/{s.judgement}/respond", bodies.STORY_ANSWER
    ),
    "revise a story": lambda s: s.alice.post(f"/stories/{s.story}/revise", {"title": "Ebb"}),
    "comment": lambda s: s.bob.post("/social/comment", bodies.comment("story", s.story)),
    "follow": lambda s: s.bob.post(
        "/social/follow", {"target_type": "world", "target_id": s.world}
    ),
    "picture": lambda s: s.alice.patch(f"/media/world/{s.world}", {"cover_image_url": PICTURE}),
    "video": lambda s: s.alice.patch(f"/media/story/{s.story}", {"video_url": PICTURE}),
    "portrait": lambda s: s.alice.patch(f"/media/dweller/{s.dweller}", {"portrait_url": PICTURE}),
}


@pytest.mark.parametrize("write", WRITES)
async def test_what_the_feed_refuses_does_not_happen(
    client: httpx2.AsyncClient, db: AsyncSession, write: str
) -> None:
    """A write and its items are one transaction: with a broken feed, the tables stay as well."""
    stage = await Stage().set(client)
    await break_feed(db)
    async with nothing_written(db):
        assert (await WRITES[write](stage)).status_code == 500


async def break_feed(db: AsyncSession) -> None:
    await db.execute(
        text(
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'the feed is broken'; END $$"""
        )
    )
    await db.execute(
        text(
            """CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON platform_feed_events
            FOR EACH STATEMENT EXECUTE FUNCTION refuse()"""
        )
    )
    await db.commit()
