"""How an aspect becomes canon, and what that does to its world: api.md sections 4 and 9."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import JSON, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import Aspect, AspectStatus, AspectValidation, ValidationVerdict, World
from feed.catalogue import aspect_approved
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import dated, ok, refused, unprocessable
from tests.support.aspects import (
    approve_at_once,
    approve_by_review,
    canon,
    draft,
    publish,
    revise,
    vote,
)
from tests.support.bodies import Json
from tests.support.dwellers import found_world
from tests.support.feed import feed, of_type, the_only, types
from tests.support.tables import nothing_written

LATER = bodies.entry(year=2075, event="The gauges are sealed")
"""What a judge may make of the entry that the author proposed."""

REGION = bodies.region(name="Salt Delta")


@pytest.fixture
async def alice(client: httpx2.AsyncClient) -> Agent:
    [alice] = await register(client, "Alice")
    return alice


@pytest.fixture
async def bob(client: httpx2.AsyncClient, alice: Agent) -> Agent:
    [bob] = await register(client, "Bob")
    return bob


@pytest.fixture
async def carol(client: httpx2.AsyncClient, bob: Agent) -> Agent:
    [carol] = await register(client, "Carol")
    return carol


@pytest.fixture
async def world(alice: Agent) -> str:
    """Alice's: its timeline runs from 2031 to 2140, its one region is Upper Reach."""
    return await found_world(alice)


async def years(agent: Agent, world: str) -> list[int]:
    return [step["year"] for step in (await canon(agent, world))["causal_chain"]]


# ── what becomes of the world ────────────────────────────────────────────────────────────────────


async def test_canon_of_a_new_world(client: httpx2.AsyncClient, alice: Agent, world: str) -> None:
    await publish(alice, world)
    assert ok(await client.get(f"/api/aspects/worlds/{world}/canon")) == {
        "world_id": world,
        "name": "River Courts",
        "year_setting": 2140,
        "canon_summary": None,
        "premise": bodies.draft()["premise"],
        "causal_chain": bodies.STEPS,
        "scientific_basis": bodies.draft()["scientific_basis"],
        "regions": [bodies.region()],
        "approved_aspects": [],
    }


async def test_an_approved_aspect_is_canon(alice: Agent, bob: Agent, world: str) -> None:
    """With the summary that the vote brought; aspects are listed from the oldest on."""
    first = await publish(alice, world)
    second = await publish(alice, world, bodies.aspect(title="The Oath", content={"by": "water"}))
    before = await canon(alice, world)
    for aspect in second, first:
        await vote(bob, aspect)
    shown = [bodies.aspect(), bodies.aspect(title="The Oath", content={"by": "water"})]
    assert await canon(alice, world) == before | {
        "canon_summary": bodies.CANON,
        "approved_aspects": [
            {
                "id": aspect,
                "type": "institution",
                **{key: body[key] for key in ("title", "premise", "content")},
            }
            for aspect, body in zip((first, second), shown, strict=True)
        ],
    }
    listed = ok(await alice.get(f"/worlds/{world}"))["world"]
    assert listed["canon_summary"] == bodies.CANON


async def test_a_region_joins_the_regions(alice: Agent, bob: Agent, world: str) -> None:
    """Its content as it is: dwellers may come from there."""
    region = await publish(alice, world, bodies.aspect(aspect_type="region", content=REGION))
    await vote(bob, region)
    assert (await canon(alice, world))["regions"] == [bodies.region(), REGION]
    dweller = bodies.dweller(origin_region="salt delta")
    created = ok(await bob.post(f"/dwellers/worlds/{world}/dwellers", dweller))
    assert created["dweller"]["origin_region"] == "Salt Delta"


async def test_an_event_enters_the_timeline(alice: Agent, bob: Agent, world: str) -> None:
    """In the wording of the vote, in year order, and last in its own year."""
    for year in 2098, 2140, 2031, 2052:
        entry = bodies.entry(year=year)
        event = await publish(alice, world, bodies.event())
        answer = await vote(bob, event, approved_timeline_entry=entry | {"signed": "Bob"})
        assert answer["world_updated"]["new_timeline_entry"] == entry
    steps = (await canon(alice, world))["causal_chain"]
    assert [(step["year"], step["event"] == entry["event"]) for step in steps] == [
        (2031, False),
        (2031, True),
        (2052, False),
        (2052, True),
        (2098, False),
        (2098, True),
        (2140, True),
    ]


async def test_only_events_enter_the_timeline(alice: Agent, bob: Agent, world: str) -> None:
    body = bodies.aspect(aspect_type="Event", proposed_timeline_entry=bodies.entry())
    aspect = await publish(alice, world, body)
    answer = await vote(bob, aspect, approved_timeline_entry=bodies.entry())
    assert answer["world_updated"]["timeline_updated"] is False
    assert await years(alice, world) == [2031, 2052, 2098]


async def test_canon_makes_a_world_active(alice: Agent, bob: Agent, world: str) -> None:
    """The list of worlds may be sorted by their last change."""
    await found_world(alice)
    await vote(bob, await publish(alice, world))
    newest = ok(await alice.get("/worlds", sort="active"))["worlds"][0]
    assert newest["id"] == world


# ── by vote ──────────────────────────────────────────────────────────────────────────────────────


async def test_approval_by_vote(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    event = await publish(alice, world, bodies.event())
    await revise(alice, event)
    before = await feed(client)
    answer = await vote(bob, event, approved_timeline_entry=LATER)
    assert answer == {
        "validation": {
            "id": answer["validation"]["id"],
            "verdict": "approve",
            "created_at": answer["validation"]["created_at"],
        },
        "aspect_status": "approved",
        "world_updated": {
            "id": world,
            "canon_summary_updated": True,
            "timeline_updated": True,
            "new_timeline_entry": LATER,
            "message": answer["world_updated"]["message"],
        },
    }
    assert ok(await bob.get(f"/aspects/{event}"))["aspect"]["status"] == "approved"
    stored = await db.get_one(Aspect, UUID(event))
    assert stored.approved_at is not None
    [newest, *older] = await feed(client)
    proposed = the_only(before, "aspect_proposed")
    assert newest == {
        "type": "aspect_approved",
        "id": event,
        **dated(stored.approved_at),
        "aspect": proposed["aspect"] | {"status": "approved"},
        "world": proposed["world"],
        "agent": alice.ref,
        "timeline_entry": LATER,
    }
    assert older == [item for item in before if item["type"] != "aspect_proposed"]


async def test_what_is_no_event_has_no_timeline_entry(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    aspect = await publish(alice, world, bodies.aspect(proposed_timeline_entry=bodies.entry()))
    answer = await vote(bob, aspect, approved_timeline_entry=bodies.entry())
    assert "new_timeline_entry" not in answer["world_updated"]
    assert "timeline_entry" not in the_only(await feed(client), "aspect_approved")


async def test_rejection(client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str) -> None:
    """One is enough: the aspect leaves the feed, and the world stays as it was."""
    unharmed = await canon(alice, world)
    before = await feed(client)
    event = await publish(alice, world, bodies.event())
    summary = {"updated_canon_summary": bodies.CANON, "approved_timeline_entry": bodies.entry()}
    answer = await vote(bob, event, "reject", **summary)
    assert answer.keys() == {"validation", "aspect_status"}
    assert answer["aspect_status"] == "rejected"
    assert await feed(client) == before
    assert await canon(alice, world) == unharmed


async def test_the_strengthen_gate(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, world: str
) -> None:
    """Until the author has revised, an approval does not count, and neither does its entry."""
    [dora] = await register(client, "Dora")
    event = await publish(alice, world, bodies.event())
    await revise(alice, event)
    answer = await vote(bob, event, "strengthen")
    assert answer["aspect_status"] == "validating"
    assert answer["strengthen_gate"].keys() == {"active", "reason", "how_to_fix"}
    assert answer["strengthen_gate"]["active"] is True

    answer = await vote(carol, event, approved_timeline_entry=bodies.entry(event="Carol's strike"))
    assert answer["aspect_status"] == "validating"
    assert answer["strengthen_gate"]["active"] is True
    assert "world_updated" not in answer
    assert ok(await bob.get(f"/aspects/{event}"))["aspect"]["strengthen_gate_active"] is True
    assert not of_type(await feed(client), "aspect_approved")

    assert (await revise(alice, event))["strengthen_gate"] == "cleared"
    assert "strengthen_gate" not in await revise(alice, event)
    assert ok(await bob.get(f"/aspects/{event}"))["aspect"]["strengthen_gate_active"] is False

    answer = await vote(dora, event, approved_timeline_entry=LATER)
    assert answer["aspect_status"] == "approved"
    assert "strengthen_gate" not in answer
    assert the_only(await feed(client), "aspect_approved")["timeline_entry"] == LATER
    chain = (await canon(alice, world))["causal_chain"]
    assert [step for step in chain if step not in bodies.STEPS] == [LATER]


async def test_votes_in_detail(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, world: str
) -> None:
    """Newest first, with the name that the aspect's page looks for."""
    aspect = await publish(alice, world)
    issues = {"canon_conflicts": ["who pays?"], "suggested_fixes": ["a levy"]}
    votes = [
        (bob, "strengthen", await vote(bob, aspect, "strengthen", **issues)),
        (carol, "approve", await vote(carol, aspect)),
    ]
    shown = ok(await client.get(f"/api/aspects/{aspect}"))["validations"]
    assert shown == [
        {
            "id": cast["validation"]["id"],
            "agent_id": voter.id,
            "agent_name": voter.name,
            "canon_conflicts": [],
            "suggested_fixes": [],
            **bodies.aspect_vote(verdict),
            **(issues if voter is bob else {}),
            "created_at": cast["validation"]["created_at"],
        }
        for voter, verdict, cast in reversed(votes)
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": None}, "verdict"),
        ({"critique": "x" * 19}, "critique"),
        ({"canon_conflicts": "one"}, "canon_conflicts"),
        ({"suggested_fixes": [1]}, "suggested_fixes -> 0"),
        ({"approved_timeline_entry": [2071]}, "approved_timeline_entry"),
    ],
)
async def test_a_vote_that_breaks_a_rule(
    alice: Agent, bob: Agent, world: str, db: AsyncSession, changes: Json, field: str
) -> None:
    aspect = await publish(alice, world)
    async with nothing_written(db):
        body = bodies.aspect_vote(**{"verdict": "approve"} | changes)
        response = await bob.post(f"/aspects/{aspect}/validate", body)
    assert unprocessable(response) == [f"body -> {field}"]


@pytest.mark.parametrize("act", ["validate", "test-approve"])
@pytest.mark.parametrize("summary", [None, "x" * 49], ids=["none", "49"])
async def test_an_approval_brings_a_canon_summary(
    alice: Agent, bob: Agent, world: str, db: AsyncSession, act: str, summary: str | None
) -> None:
    aspect = await publish(alice, world)
    body = bodies.aspect_vote(updated_canon_summary=summary)
    async with nothing_written(db):
        refused(await bob.post(f"/aspects/{aspect}/{act}", body), 400)
    ok(await bob.post(f"/aspects/{aspect}/{act}", body | {"updated_canon_summary": "x" * 50}))


@pytest.mark.parametrize("act", ["validate", "test-approve"])
@pytest.mark.parametrize(
    "entry", [None, {}, bodies.entry(year=2141), bodies.entry(year="2071")], ids=str
)
async def test_the_approval_of_an_event_brings_its_entry(
    alice: Agent, bob: Agent, world: str, db: AsyncSession, act: str, entry: Json | None
) -> None:
    event = await publish(alice, world, bodies.event())
    body = bodies.aspect_vote(approved_timeline_entry=entry)
    async with nothing_written(db):
        refused(await bob.post(f"/aspects/{event}/{act}", body), 400)


async def test_one_vote_per_agent(alice: Agent, bob: Agent, world: str, db: AsyncSession) -> None:
    aspect = await publish(alice, world)
    await vote(bob, aspect, "strengthen")
    async with nothing_written(db):
        for act in "validate", "test-approve":
            refused(await bob.post(f"/aspects/{aspect}/{act}", bodies.aspect_vote()), 400)


async def test_nobody_votes_on_their_own(alice: Agent, world: str, db: AsyncSession) -> None:
    """But for test mode, when the request asks for it."""
    aspect = await publish(alice, world)
    path = f"/aspects/{aspect}/validate"
    async with nothing_written(db):
        refused(await alice.post(path, bodies.aspect_vote()), 400)
    ok(await alice.post(path, bodies.aspect_vote(), test_mode="true"))


@pytest.mark.parametrize("act", ["validate", "test-approve"])
async def test_only_what_is_under_review_is_voted_on(
    alice: Agent, bob: Agent, carol: Agent, world: str, db: AsyncSession, act: str
) -> None:
    aspects = {"draft": await draft(alice, world)}
    for status, verdict in ("approved", "approve"), ("rejected", "reject"):
        aspects[status] = await publish(alice, world)
        await vote(bob, aspects[status], verdict)
    async with nothing_written(db):
        for status, aspect in aspects.items():
            response = await carol.post(f"/aspects/{aspect}/{act}", bodies.aspect_vote())
            assert status in refused(response, 400)


async def test_votes_at_the_same_time(client: httpx2.AsyncClient, alice: Agent, world: str) -> None:
    """The first one decides, for whoever comes later the matter is closed."""
    judges = await register(client, *[f"Judge {number}" for number in range(8)])
    event = await publish(alice, world, bodies.event())
    verdicts = ["approve", "reject"] * 4
    answers = await asyncio.gather(
        *[
            judge.post(
                f"/aspects/{event}/validate",
                bodies.aspect_vote(verdict, approved_timeline_entry=bodies.entry()),
            )
            for judge, verdict in zip(judges, verdicts, strict=True)
        ]
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
    view = ok(await alice.get(f"/aspects/{event}"))
    [decision] = view["validations"]
    approved = decision["verdict"] == "approve"
    assert view["aspect"]["status"] == ("approved" if approved else "rejected")
    assert len(await years(alice, world)) == 3 + approved
    assert len(of_type(await feed(client), "aspect_approved", "aspect_proposed")) == approved


async def test_approvals_in_one_world_at_the_same_time(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    """None of them loses what another one adds to the world."""
    events = [await publish(alice, world, bodies.event()) for _ in range(5)]
    regions = [
        await publish(alice, world, bodies.aspect(aspect_type="region", content={"name": name}))
        for name in "abcde"
    ]
    requests = [
        bob.post(
            f"/aspects/{event}/validate",
            bodies.aspect_vote(approved_timeline_entry=bodies.entry(year=2060 + number)),
        )
        for number, event in enumerate(events)
    ]
    requests += [bob.post(f"/aspects/{one}/validate", bodies.aspect_vote()) for one in regions]
    requests += [
        alice.post(f"/dwellers/worlds/{world}/regions", bodies.region(name=name)) for name in "fgh"
    ]
    for answer in await asyncio.gather(*requests):
        ok(answer)
    world_canon = await canon(alice, world)
    assert await years(alice, world) == [2031, 2052, *range(2060, 2065), 2098]
    assert {region["name"] for region in world_canon["regions"]} == {"Upper Reach", *"abcdefgh"}
    assert len(world_canon["regions"]) == 9
    assert len(of_type(await feed(client), "aspect_approved")) == 10


# ── by review ────────────────────────────────────────────────────────────────────────────────────


async def test_approval_by_review(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, world: str, db: AsyncSession
) -> None:
    """Two reviewers with nothing left to settle: the proposed entry enters the timeline."""
    event = await publish(alice, world, bodies.event())
    proposed = the_only(await feed(client), "aspect_proposed")
    by_bob = await bob.review(event, "critical", "minor", kind="aspect")
    by_carol = await carol.review(event, kind="aspect")
    await alice.respond(by_bob.items[0])
    assert "graduation" not in await bob.resolve(*by_bob.items)
    status = ok(await alice.get(f"/review/aspect/{event}/status"))
    assert (status["reviewer_count"], status["can_graduate"]) == (2, False)

    answer = await carol.resolve(*by_carol.items)
    assert answer["graduation"] == {
        "graduated": True,
        "world_id": world,
        "world_name": "River Courts",
    }
    stored = await db.get_one(Aspect, UUID(event))
    assert stored.approved_at is not None
    items = await feed(client)
    assert the_only(items, "aspect_approved") == proposed | {
        **dated(stored.approved_at),
        "type": "aspect_approved",
        "aspect": proposed["aspect"] | {"status": "approved"},
        "timeline_entry": bodies.entry(),
    }
    assert "aspect_proposed" not in types(items)
    assert await years(alice, world) == [2031, 2052, 2071, 2098]
    after = await canon(alice, world)
    assert after["canon_summary"] is None
    assert [aspect["id"] for aspect in after["approved_aspects"]] == [event]


async def test_a_region_approved_by_review(
    alice: Agent, bob: Agent, carol: Agent, world: str
) -> None:
    region = await publish(alice, world, bodies.aspect(aspect_type="region", content=REGION))
    await approve_by_review(region, bob, carol)
    assert (await canon(alice, world))["regions"] == [bodies.region(), REGION]


async def test_one_reviewer_is_not_enough(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    aspect = await publish(alice, world)
    assert "graduation" not in await approve_by_review(aspect, bob)
    assert the_only(await feed(client), "aspect_proposed")["aspect"]["status"] == "validating"


async def test_reopening_does_not_undo_an_approval(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, world: str
) -> None:
    event = await publish(alice, world, bodies.event())
    by_bob, by_carol = [await judge.review(event, kind="aspect") for judge in (bob, carol)]
    await bob.resolve(*by_bob.items)
    await carol.resolve(*by_carol.items)
    settled = the_only(await feed(client), "aspect_approved")
    await bob.reopen(by_bob.items[0])
    assert "graduation" not in await bob.resolve(by_bob.items[0])
    assert the_only(await feed(client), "aspect_approved") == settled
    assert await years(alice, world) == [2031, 2052, 2071, 2098]


async def test_a_rejected_aspect_stays_rejected(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, world: str
) -> None:
    aspect = await publish(alice, world)
    reviews = [(judge, await judge.review(aspect, kind="aspect")) for judge in (bob, carol)]
    await vote(bob, aspect, "reject")
    for judge, review in reviews:
        assert "graduation" not in await judge.resolve(*review.items)
    assert ok(await bob.get(f"/aspects/{aspect}"))["aspect"]["status"] == "rejected"
    assert not of_type(await feed(client), "aspect_proposed", "aspect_approved")


async def test_the_last_points_resolved_at_the_same_time(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    """Exactly one of the answers brings the graduation."""
    judges = await register(client, *[f"Judge {number}" for number in range(5)])
    event = await publish(alice, world, bodies.event())
    reviews = [await judge.review(event, kind="aspect") for judge in judges]
    answers = await asyncio.gather(
        *[
            judge.post(f"/review/feedback-item/{review.items[0]}/resolve", {})
            for judge, review in zip(judges, reviews, strict=True)
        ]
    )
    assert ["graduation" in ok(answer) for answer in answers].count(True) == 1
    assert await years(alice, world) == [2031, 2052, 2071, 2098]
    assert the_only(await feed(client), "aspect_approved")["id"] == event


# ── in test mode ─────────────────────────────────────────────────────────────────────────────────


async def test_test_approve(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    """By any agent, even the author; what a vote would have to argue has a default."""
    aspect = await publish(alice, world)
    answer = await approve_at_once(alice, aspect, unknown="ignored")
    assert answer == {
        "aspect_id": aspect,
        "aspect_status": "approved",
        "verdict": "approve",
        "world_updated": {
            "id": world,
            "canon_summary_updated": True,
            "timeline_updated": False,
            "message": answer["world_updated"]["message"],
        },
    }
    event = await publish(alice, world, bodies.event())
    answer = await approve_at_once(bob, event, approved_timeline_entry=LATER)
    assert answer["world_updated"]["new_timeline_entry"] == LATER
    assert await years(alice, world) == [2031, 2052, 2075, 2098]
    approved = of_type(await feed(client), "aspect_approved")
    assert [(item["id"], item.get("timeline_entry")) for item in approved] == [
        (event, LATER),
        (aspect, None),
    ]


async def test_test_mode_rejects_too(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    before = await feed(client)
    aspect = await publish(alice, world)
    answer = ok(await bob.post(f"/aspects/{aspect}/test-approve", {"verdict": "reject"}))
    assert answer == {"aspect_id": aspect, "aspect_status": "rejected", "verdict": "reject"}
    assert await feed(client) == before


class TestWithoutTestMode:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"test_mode": False})

    @pytest.fixture
    async def world(self, alice: Agent, db: AsyncSession) -> str:
        world = World(
            name="Dry", premise="It is.", year_setting=2100, created_by=UUID(alice.id), regions=[]
        )
        db.add(world)
        await db.commit()
        return str(world.id)

    async def test_only_votes_and_reviews_decide(
        self, alice: Agent, bob: Agent, world: str, db: AsyncSession
    ) -> None:
        aspect = await publish(alice, world)
        async with nothing_written(db):
            body = bodies.aspect_vote()
            refused(await bob.post(f"/aspects/{aspect}/test-approve", body), 403)
            own = await alice.post(f"/aspects/{aspect}/validate", body, test_mode="true")
            refused(own, 400)

    async def test_a_timeline_without_steps_begins_in_2026(
        self, alice: Agent, bob: Agent, world: str
    ) -> None:
        path = f"/aspects/worlds/{world}/aspects"
        early = bodies.event(proposed_timeline_entry=bodies.entry(year=2025))
        assert "2026" in refused(await alice.post(path, early), 400)
        event = await publish(
            alice, world, bodies.event(proposed_timeline_entry=bodies.entry(year=2026))
        )
        await vote(bob, event, approved_timeline_entry=bodies.entry(year=2026))
        assert await years(alice, world) == [2026]


# ── from older databases ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "entry", [{}, {"year": 2071}, bodies.entry(year="soon"), {"note": None}], ids=str
)
async def test_an_entry_that_nobody_checked(
    client: httpx2.AsyncClient,
    alice: Agent,
    bob: Agent,
    carol: Agent,
    world: str,
    db: AsyncSession,
    entry: Json,
) -> None:
    """The existing platform takes any entry at a revision: it neither shows nor disturbs."""
    event = await publish(alice, world, bodies.event())
    await db.execute(
        update(Aspect).where(Aspect.id == UUID(event)).values(proposed_timeline_entry=entry)
    )
    await db.commit()
    await approve_by_review(event, bob, carol)
    assert "timeline_entry" not in the_only(await feed(client), "aspect_approved")
    assert await years(alice, world) == [2031, 2052, 2098]


async def test_the_first_approving_vote_with_an_entry_names_it(
    client: httpx2.AsyncClient, alice: Agent, world: str, db: AsyncSession
) -> None:
    """Derived from a history that holds several, and JSON's null where there is none."""
    event = await publish(alice, world, bodies.event())
    approve, reject = ValidationVerdict.APPROVE, ValidationVerdict.REJECT
    cast: list[tuple[ValidationVerdict, Any]] = [
        (reject, bodies.entry(event="rejected")),
        (approve, JSON.NULL),
        (approve, bodies.entry(event="first")),
        (approve, bodies.entry(event="second")),
    ]
    voters = await register(client, *[f"Judge {number}" for number in range(len(cast))])
    for voter, (verdict, entry) in zip(voters, cast, strict=True):
        vote = AspectValidation(
            aspect_id=UUID(event),
            agent_id=UUID(voter.id),
            verdict=verdict,
            critique="From before.",
            approved_timeline_entry=entry,
        )
        db.add(vote)
        await db.flush()
    await db.execute(update(Aspect).values(status=AspectStatus.APPROVED))
    await db.commit()
    [source] = aspect_approved.sources
    [item] = (await source.derive(db, [UUID(event)])).items
    assert item["payload"]["timeline_entry"] == bodies.entry(event="first")
    assert item["created_at"] == (await db.get_one(Aspect, UUID(event))).created_at
