"""Aspects as their authors and readers see them: api.md section 4. Canon is in test_canon.py."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import Aspect
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import dated, moment, ok, refused, unprocessable
from tests.support.aspects import draft, publish, revise, submit, vote
from tests.support.bodies import Json
from tests.support.dwellers import act, found_world, settle
from tests.support.feed import feed, of_type, the_only
from tests.support.tables import nothing_written

NOBODY = str(UUID(int=0))


@pytest.fixture
async def alice(client: httpx2.AsyncClient) -> Agent:
    [alice] = await register(client, "Alice")
    return alice


@pytest.fixture
async def bob(client: httpx2.AsyncClient, alice: Agent) -> Agent:
    [bob] = await register(client, "Bob")
    return bob


@pytest.fixture
async def world(alice: Agent) -> str:
    """Alice's: its timeline runs from 2031 to 2140."""
    return await found_world(alice)


def drafts_of(world: str) -> str:
    return f"/aspects/worlds/{world}/aspects"


async def in_every_state(author: Agent, judge: Agent, world: str) -> dict[str, str]:
    """An aspect of the author per status."""
    aspects = {"draft": await draft(author, world)}
    for status, verdict in ("approved", "approve"), ("rejected", "reject"):
        aspects[status] = await publish(author, world)
        await vote(judge, aspects[status], verdict)
    return aspects | {"validating": await publish(author, world)}


# ── create ───────────────────────────────────────────────────────────────────────────────────────


async def test_create(client: httpx2.AsyncClient, bob: Agent, world: str) -> None:
    """By any agent; the feed does not tell of drafts."""
    before = await feed(client)
    answer = ok(await bob.post(drafts_of(world), bodies.aspect()))
    aspect = answer["aspect"]
    assert answer == {
        "aspect": {
            "id": str(UUID(aspect["id"])),
            "world_id": world,
            "type": "institution",
            "title": "The Barge Bench",
            "premise": bodies.aspect()["premise"],
            "status": "draft",
            "review_system": "critical_review",
            "created_at": aspect["created_at"],
        },
        "message": answer["message"],
    }
    assert await feed(client) == before


async def test_create_an_event(alice: Agent, world: str) -> None:
    """Its entry is kept without the keys that no timeline has."""
    body = bodies.event(proposed_timeline_entry=bodies.entry(author="Alice"))
    answer = ok(await alice.post(drafts_of(world), body))
    assert answer["aspect"]["proposed_timeline_entry"] == bodies.entry()


async def test_the_limits_themselves_are_allowed(alice: Agent, world: str) -> None:
    least = {"premise": "x" * 30, "content": {"x": None}, "canon_justification": "x" * 50}
    await draft(alice, world, bodies.aspect(aspect_type="x", title="xxx", **least))
    await draft(alice, world, bodies.aspect(aspect_type="x" * 100, title="x" * 255, **least))
    for year in 2031, 2140:
        entry = bodies.entry(year=year, event="x", reasoning="x")
        await draft(alice, world, bodies.event(proposed_timeline_entry=entry))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"aspect_type": ""}, "aspect_type"),
        ({"aspect_type": "x" * 101}, "aspect_type"),
        ({"title": "xx"}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"premise": "x" * 29}, "premise"),
        ({"content": None}, "content"),
        ({"content": ["x"]}, "content"),
        ({"content": {"seats": 2**63}}, "content"),
        ({"canon_justification": "x" * 49}, "canon_justification"),
        ({"inspired_by_actions": ["x"]}, "inspired_by_actions -> 0"),
        ({"inspired_by_actions": [NOBODY] * 101}, "inspired_by_actions"),
        ({"proposed_timeline_entry": "2071"}, "proposed_timeline_entry"),
    ],
)
async def test_a_draft_that_breaks_a_rule(
    alice: Agent, world: str, db: AsyncSession, changes: Json, field: str
) -> None:
    async with nothing_written(db):
        response = await alice.post(drafts_of(world), bodies.aspect(**changes))
    assert unprocessable(response) == [f"body -> {field}"]


NEST = "[" * 300 + "]" * 300


@pytest.mark.parametrize("value", [NEST, "NaN", "[-Infinity]", "1e999", str(-(2**70))])
async def test_json_that_no_database_holds(
    client: httpx2.AsyncClient, alice: Agent, world: str, db: AsyncSession, value: str
) -> None:
    """It is refused before it is kept, or half of the write would be done."""
    headers = {"X-API-Key": alice.key, "Content-Type": "application/json"}
    for key in "content", "proposed_timeline_entry":
        body = json.dumps(bodies.aspect(**{key: {"x": "?"}})).replace('"?"', value)
        async with nothing_written(db):
            response = await client.post(
                f"/api{drafts_of(world)}", content=body.encode(), headers=headers
            )
        assert unprocessable(response) == [f"body -> {key}"]


async def test_content_is_not_empty(alice: Agent, world: str, db: AsyncSession) -> None:
    aspect = await draft(alice, world)
    async with nothing_written(db):
        refused(await alice.post(drafts_of(world), bodies.aspect(content={})), 400)
        refused(await alice.post(f"/aspects/{aspect}/revise", {"content": {}}), 400)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"year": 2071, "event": "x"},
        {"year": 2071, "reasoning": "x"},
        {"event": "x", "reasoning": "x"},
        bodies.entry(event=""),
        bodies.entry(event=["x"]),
        bodies.entry(reasoning=1),
        bodies.entry(year="2071"),
        bodies.entry(year=2071.5),
        bodies.entry(year=True),
        bodies.entry(year=2030),
        bodies.entry(year=2141),
    ],
    ids=str,
)
async def test_an_event_fits_into_the_timeline(
    alice: Agent, world: str, db: AsyncSession, entry: Json | None
) -> None:
    """At creation, and at every revision."""
    event = await draft(alice, world, bodies.event())
    async with nothing_written(db):
        body = bodies.event(proposed_timeline_entry=entry)
        refused(await alice.post(drafts_of(world), body), 400)
        if entry is not None:
            body = {"proposed_timeline_entry": entry}
            refused(await alice.post(f"/aspects/{event}/revise", body), 400)


async def test_what_is_no_event_may_propose_any_entry(alice: Agent, world: str) -> None:
    aspect = await draft(alice, world, bodies.aspect(proposed_timeline_entry={"year": "some"}))
    await revise(alice, aspect, proposed_timeline_entry={"year": "another"})
    shown = ok(await alice.get(f"/aspects/{aspect}"))["aspect"]
    assert shown["proposed_timeline_entry"] == {"year": "another"}


async def test_what_inspired_an_aspect(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    dweller = await settle(alice, world)
    actions = [(await act(alice, dweller, target=target))["action"] for target in ("x", None)]
    ids = [action["id"] for action in reversed(actions)]
    answer = ok(await alice.post(drafts_of(world), bodies.aspect(inspired_by_actions=ids)))
    assert answer["aspect"]["inspired_by_actions"] == ids
    view = ok(await client.get(f"/api/aspects/{answer['aspect']['id']}"))
    assert view["aspect"]["inspired_by_action_count"] == 2
    assert view["inspiring_actions"] == [
        {
            "id": action["id"],
            "dweller_id": dweller,
            "dweller_name": "Burble Sillgate",
            "action_type": "observe",
            "target": target,
            "content": bodies.act("")["content"],
            "created_at": shown["created_at"],
        }
        for action, target, shown in zip(
            actions, ("x", None), view["inspiring_actions"], strict=True
        )
    ]


async def test_only_actions_of_this_world_inspire(
    alice: Agent, world: str, db: AsyncSession
) -> None:
    elsewhere = await found_world(alice)
    dweller = await settle(alice, elsewhere)
    action = (await act(alice, dweller))["action"]["id"]
    async with nothing_written(db):
        for unknown in NOBODY, action:
            body = bodies.aspect(inspired_by_actions=[unknown])
            assert unknown in refused(await alice.post(drafts_of(world), body), 400)


async def test_worlds_that_do_not_exist(alice: Agent) -> None:
    refused(await alice.post(drafts_of(NOBODY), bodies.aspect()), 404)
    for path in drafts_of(NOBODY), f"/aspects/worlds/{NOBODY}/canon":
        assert refused(await alice.get(path), 404) == "World not found"
    assert unprocessable(await alice.get(drafts_of("x"))) == ["path -> world_id"]


# ── writes in general ────────────────────────────────────────────────────────────────────────────

WRITES = [
    ("submit", None),
    ("revise", {"title": "The Bench Afloat"}),
    ("validate", bodies.aspect_vote()),
    ("test-approve", {"updated_canon_summary": bodies.CANON}),
]


@pytest.mark.parametrize(("act", "body"), WRITES)
async def test_writing_to_what_does_not_exist(alice: Agent, act: str, body: Json | None) -> None:
    response = await alice.post(f"/aspects/{NOBODY}/{act}", body)
    assert refused(response, 404) == "Aspect not found"
    response = await alice.post(f"/aspects/x/{act}", body)
    assert unprocessable(response) == ["path -> aspect_id"]


@pytest.mark.parametrize(("act", "body"), WRITES)
async def test_writes_need_a_key(
    client: httpx2.AsyncClient, alice: Agent, world: str, act: str, body: Json | None
) -> None:
    aspect = await publish(alice, world)
    refused(await client.post(f"/api/aspects/{aspect}/{act}", json=body), 401)
    refused(await client.post(f"/api{drafts_of(world)}", json=bodies.aspect()), 401)


# ── submit ───────────────────────────────────────────────────────────────────────────────────────


async def test_submit(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    aspect = await draft(bob, world)
    answer = ok(await bob.post(f"/aspects/{aspect}/submit", force="true"))
    assert answer == {
        "aspect_id": aspect,
        "status": "validating",
        "review_system": "critical_review",
        "message": answer["message"],
    }
    stored = await db.get_one(Aspect, UUID(aspect))
    assert stored.submitted_at is not None
    assert stored.submitted_at > stored.created_at
    [newest, *_] = await feed(client)
    assert newest == {
        "type": "aspect_proposed",
        "id": aspect,
        **dated(stored.submitted_at),
        "aspect": {
            "id": aspect,
            "type": "institution",
            "title": "The Barge Bench",
            "premise": bodies.aspect()["premise"],
            "status": "validating",
        },
        "world": {"id": world, "name": "River Courts", "year_setting": 2140},
        "agent": bob.ref,
    }
    assert [item["id"] for item in await feed(client, world_id=world, agent_id=bob.id)] == [aspect]


async def test_premises_are_cut_at_code_points(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    for length, cut in (150, "\N{WATER WAVE}" * 150), (151, "\N{WATER WAVE}" * 150 + "..."):
        await publish(alice, world, bodies.aspect(premise="\N{WATER WAVE}" * length))
        [newest, *_] = await feed(client)
        assert newest["aspect"]["premise"] == cut


async def test_only_its_author_submits(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    aspect = await draft(alice, world)
    async with nothing_written(db):
        refused(await bob.post(f"/aspects/{aspect}/submit"), 403)


async def test_only_a_draft_is_submitted(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    aspects = await in_every_state(alice, bob, world)
    del aspects["draft"]
    async with nothing_written(db):
        for status, aspect in aspects.items():
            assert status in refused(await alice.post(f"/aspects/{aspect}/submit"), 400)


async def test_submitted_twice_at_the_same_time(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    aspect = await draft(alice, world)
    answers = await asyncio.gather(*[alice.post(f"/aspects/{aspect}/submit") for _ in range(8)])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
    assert the_only(await feed(client), "aspect_proposed")["id"] == aspect


# ── revise ───────────────────────────────────────────────────────────────────────────────────────


async def test_revise_a_draft(
    client: httpx2.AsyncClient, alice: Agent, world: str, db: AsyncSession
) -> None:
    """What is not sent stays. A revision is news even before the aspect is."""
    event = await draft(alice, world, bodies.event())
    changes: Json = {
        "title": "The Long Strike",
        "content": {"days": 90, "leader": None},
        "proposed_timeline_entry": bodies.entry(year=2072),
    }
    answer = ok(await alice.post(f"/aspects/{event}/revise", changes))
    assert answer == {
        "aspect_id": event,
        "status": "draft",
        "review_system": "critical_review",
        "revision_count": 1,
        "updated_at": answer["updated_at"],
        "message": answer["message"],
    }
    stored = await db.get_one(Aspect, UUID(event))
    body = bodies.event(**changes)
    assert {name: getattr(stored, name) for name in body} == body
    assert stored.updated_at == moment(answer["updated_at"])
    assert stored.last_revised_at is not None
    items = await feed(client)
    assert items[0] == {
        "type": "proposal_revised",
        "id": f"aspect-revised-{event}",
        **dated(stored.last_revised_at),
        "author_name": "alice",
        "content_type": "aspect",
        "content_id": event,
        "content_name": "The Long Strike",
        "revision_count": 1,
    }
    assert not of_type(items, "aspect_proposed")


async def test_a_revision_shows_wherever_the_aspect_does(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    aspect = await publish(alice, world)
    review = await bob.review(aspect, "minor", "minor", kind="aspect")
    await bob.resolve(review.items[0])
    before = await feed(client)
    await revise(alice, aspect, title="The Bench Afloat", premise="x" * 151)
    [revised, *after] = await feed(client)
    assert revised["type"] == "proposal_revised"
    card = the_only(before, "aspect_proposed")
    card["aspect"] |= {"title": "The Bench Afloat", "premise": "x" * 150 + "..."}
    for item in of_type(before, "review_submitted", "feedback_resolved"):
        item["content_name"] = "The Bench Afloat"
    assert after == before


async def test_the_next_revision_moves_the_item_up(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    aspect = await draft(alice, world)
    await revise(alice, aspect)
    await submit(alice, aspect)
    assert (await revise(alice, aspect))["revision_count"] == 2
    [newest, submitted, *older] = await feed(client)
    assert (newest["type"], newest["revision_count"]) == ("proposal_revised", 2)
    assert submitted["type"] == "aspect_proposed"
    assert not of_type(older, "proposal_revised")


@pytest.mark.parametrize("body", [{}, {"title": None}, {"aspect_type": "event"}], ids=str)
async def test_a_revision_revises_something(
    alice: Agent, world: str, db: AsyncSession, body: Json
) -> None:
    aspect = await draft(alice, world)
    async with nothing_written(db):
        refused(await alice.post(f"/aspects/{aspect}/revise", body), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "xx"}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"premise": "x" * 29}, "premise"),
        ({"content": []}, "content"),
        ({"content": {"x": 2**64}}, "content"),
        ({"canon_justification": "x" * 49}, "canon_justification"),
    ],
)
async def test_a_revision_that_breaks_a_rule(
    alice: Agent, world: str, db: AsyncSession, body: Json, field: str
) -> None:
    aspect = await draft(alice, world)
    async with nothing_written(db):
        response = await alice.post(f"/aspects/{aspect}/revise", body)
    assert unprocessable(response) == [f"body -> {field}"]


async def test_only_its_author_revises(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    aspect = await draft(alice, world)
    async with nothing_written(db):
        response = await bob.post(f"/aspects/{aspect}/revise", {"title": "Mine"})
        refused(response, 403, aspect_owner_id=alice.id, your_id=bob.id)


async def test_what_is_decided_is_not_revised(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    aspects = await in_every_state(alice, bob, world)
    async with nothing_written(db):
        for status in "approved", "rejected":
            path = f"/aspects/{aspects[status]}/revise"
            refused(await alice.post(path, {"title": "Too late"}), 400, current_status=status)
    await revise(alice, aspects["validating"])


async def test_revised_at_the_same_time(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    aspect = await publish(alice, world)
    path = f"/aspects/{aspect}/revise"
    titles = [f"Draft {number}" for number in range(8)]
    answers = await asyncio.gather(*[alice.post(path, {"title": title}) for title in titles])
    counts = sorted(ok(answer)["revision_count"] for answer in answers)
    assert counts == list(range(1, 9))
    items = await feed(client)
    item = the_only(items, "proposal_revised")
    assert item["revision_count"] == 8
    shown = ok(await alice.get(f"/aspects/{aspect}"))["aspect"]["title"]
    assert item["content_name"] == the_only(items, "aspect_proposed")["aspect"]["title"] == shown


# ── read ─────────────────────────────────────────────────────────────────────────────────────────


async def test_aspects_of_a_world(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    """Everybody's, newest first, drafts among them."""
    elsewhere = await found_world(alice)
    await draft(alice, elsewhere)
    mine = await publish(alice, world)
    theirs = await draft(bob, world, bodies.event())
    answer = ok(await client.get(f"/api{drafts_of(world)}"))
    [newest, oldest] = answer.pop("aspects")
    assert answer == {"world_id": world, "world_name": "River Courts", "total": 2}
    assert (oldest["id"], oldest["agent_name"]) == (mine, "Alice")
    assert newest == {
        "id": theirs,
        "type": "event",
        "title": "The Gauge Strike",
        "premise": bodies.event()["premise"],
        "status": "draft",
        "review_system": "critical_review",
        "created_at": newest["created_at"],
        "agent_name": "Bob",
    }


async def test_aspects_by_status(alice: Agent, bob: Agent, world: str) -> None:
    for status, aspect in (await in_every_state(alice, bob, world)).items():
        answer = ok(await alice.get(drafts_of(world), status=status))
        assert [(one["id"], one["status"]) for one in answer["aspects"]] == [(aspect, status)]
        assert answer["total"] == 1
    assert "draft" in refused(await alice.get(drafts_of(world), status="DRAFT"), 400)


async def test_detail(client: httpx2.AsyncClient, bob: Agent, world: str) -> None:
    """With the keys that the aspect's page looks for: aspect_type, world_name and grounding."""
    aspect = await draft(bob, world)
    answer = ok(await client.get(f"/api/aspects/{aspect}"))
    record = answer["aspect"]
    body = bodies.aspect()
    assert answer == {
        "aspect": {
            "id": aspect,
            "world_id": world,
            "world_name": "River Courts",
            "agent_id": bob.id,
            "type": "institution",
            "aspect_type": "institution",
            "title": body["title"],
            "premise": body["premise"],
            "content": body["content"],
            "canon_justification": body["canon_justification"],
            "grounding": body["canon_justification"],
            "status": "draft",
            "review_system": "critical_review",
            "revision_count": 0,
            "last_revised_at": None,
            "strengthen_gate_active": False,
            "created_at": record["created_at"],
            "updated_at": record["updated_at"],
            "proposed_timeline_entry": None,
        },
        "validations": [],
    }
    await revise(bob, aspect)
    revised = ok(await client.get(f"/api/aspects/{aspect}"))["aspect"]
    assert revised["revision_count"] == 1
    assert moment(revised["last_revised_at"]) > moment(revised["created_at"])


async def test_reading_what_does_not_exist(client: httpx2.AsyncClient) -> None:
    assert refused(await client.get(f"/api/aspects/{NOBODY}"), 404) == "Aspect not found"
    assert unprocessable(await client.get("/api/aspects/x")) == ["path -> aspect_id"]


# ── repeated drafts ──────────────────────────────────────────────────────────────────────────────


class TestWithDedupWindow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"dedup_window_override_seconds": None})

    async def test_one_aspect_a_minute(
        self, alice: Agent, bob: Agent, world: str, db: AsyncSession
    ) -> None:
        """Per agent and world, whatever it says."""
        first = await draft(alice, world)
        async with nothing_written(db):
            again = await alice.post(drafts_of(world), bodies.event())
            refused(again, 429, existing_aspect_id=first)
        await draft(bob, world)
        await draft(alice, await found_world(bob))
        earlier = Aspect.created_at - timedelta(seconds=60)
        await db.execute(update(Aspect).where(Aspect.id == UUID(first)).values(created_at=earlier))
        await db.commit()
        await draft(alice, world)

    async def test_at_the_same_time(self, alice: Agent, world: str) -> None:
        requests: list[Any] = [alice.post(drafts_of(world), bodies.aspect()) for _ in range(8)]
        answers = await asyncio.gather(*requests)
        assert Counter(answer.status_code for answer in answers) == {200: 1, 429: 7}
