"""Proposals, from draft to world, and the legacy vote: api.md sections 2 and 9."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Proposal, ProposalStatus, User, World
from tests.support import bodies
from tests.support.agents import Agent, graduate_by_review, register
from tests.support.answers import moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.feed import feed, of_type, the_only, types
from tests.support.tables import nothing_written

NOBODY = "7c0e1b52-0000-4000-8000-000000000000"


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


async def in_every_state(author: Agent, one: Agent, other: Agent) -> dict[str, str]:
    """A proposal of the author per status."""
    proposals = {
        "draft": await author.propose(),
        "approved": await author.publish(),
        "rejected": await author.publish(),
    }
    await one.test_approve(proposals["approved"])
    for judge in one, other:
        await judge.vote(proposals["rejected"], "reject")
    return proposals | {"validating": await author.publish()}


# ── create ───────────────────────────────────────────────────────────────────────────────────────


async def test_create(client: httpx2.AsyncClient, alice: Agent, db: AsyncSession) -> None:
    body = bodies.draft(citations=[{"title": "Rivers v. State", "url": "https://law.example"}])
    answer = ok(await alice.post("/proposals", body))
    assert answer == {
        "id": str(UUID(answer["id"])),
        "status": "draft",
        "review_system": "critical_review",
        "created_at": answer["created_at"],
        "message": answer["message"],
    }
    stored = await db.get_one(Proposal, UUID(answer["id"]))
    assert {name: getattr(stored, name) for name in body} == body
    assert stored.created_at == moment(answer["created_at"])
    assert types(await feed(client)) == ["agent_registered"]


async def test_the_slash_at_the_end_is_optional(alice: Agent) -> None:
    ok(await alice.post("/proposals/", bodies.draft()))
    assert len(ok(await alice.get("/proposals/"))["items"]) == 1


def step(**changes: Any) -> list[Json]:
    return [*bodies.STEPS[:2], bodies.STEPS[2] | changes]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"premise": "x" * 49}, "premise"),
        ({"premise": None}, "premise"),
        ({"year_setting": 2029}, "year_setting"),
        ({"year_setting": 2501}, "year_setting"),
        ({"year_setting": 2140.5}, "year_setting"),
        ({"causal_chain": bodies.STEPS[:2]}, "causal_chain"),
        ({"causal_chain": step(year=2025)}, "causal_chain -> 2 -> year"),
        ({"causal_chain": step(event="x" * 9)}, "causal_chain -> 2 -> event"),
        ({"causal_chain": step(reasoning="x" * 9)}, "causal_chain -> 2 -> reasoning"),
        ({"scientific_basis": "x" * 49}, "scientific_basis"),
        ({"name": "x"}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"image_prompt": "x" * 29}, "image_prompt"),
        ({"image_prompt": "x" * 1001}, "image_prompt"),
        ({"citations": [{}] * 11}, "citations"),
        ({"citations": [{"year": 1999}]}, "citations -> 0 -> year"),
    ],
)
async def test_a_draft_that_breaks_a_rule(
    alice: Agent, db: AsyncSession, changes: Json, field: str
) -> None:
    async with nothing_written(db):
        response = await alice.post("/proposals", bodies.draft(**changes))
    assert unprocessable(response) == [f"body -> {field}"]


async def test_the_limits_themselves_are_allowed(alice: Agent) -> None:
    steps = [{"year": 2026, "event": "x" * 10, "reasoning": "x" * 10}] * 3
    least: Json = {"premise": "x" * 50, "scientific_basis": "x" * 50, "name": "xx"}
    await alice.propose(**least, year_setting=2030, image_prompt="x" * 30, causal_chain=steps)
    await alice.propose(year_setting=2500, name="x" * 50, image_prompt="x" * 1000)


async def test_a_fourth_active_proposal(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    """Drafts and proposals under review count; decided ones do not."""
    await alice.propose()
    await alice.publish()
    third = await alice.publish()
    async with nothing_written(db):
        refused(await alice.post("/proposals", bodies.draft()), 429, current_active=3)
    await bob.propose()
    await bob.test_approve(third)
    await alice.propose()


# ── read ─────────────────────────────────────────────────────────────────────────────────────────


async def test_listing(client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent) -> None:
    """Everybody's proposals, drafts included, without a key."""
    draft = await bob.propose(citations=[{"title": "Rivers v. State"}])
    voted = await alice.publish(name="Tidal Courts")
    await bob.vote(voted)
    await carol.vote(voted, "reject")
    answer = ok(await client.get("/api/proposals"))
    assert answer.keys() == {"items", "next_cursor"}
    assert answer["next_cursor"] is None
    [newest, oldest] = answer["items"]
    body = {key: value for key, value in bodies.draft().items() if key != "image_prompt"}
    assert oldest == body | {
        "id": draft,
        "agent_id": bob.id,
        "citations": [{"title": "Rivers v. State"}],
        "status": "draft",
        "review_system": "critical_review",
        "validation_count": 0,
        "approve_count": 0,
        "reject_count": 0,
        "created_at": oldest["created_at"],
        "updated_at": oldest["updated_at"],
    }
    votes = ("validation_count", "approve_count", "reject_count")
    assert (newest["id"], [newest[count] for count in votes]) == (voted, [2, 1, 1])
    assert newest["citations"] is None


async def test_pages_of_the_listing(alice: Agent, bob: Agent) -> None:
    proposals = [await agent.propose() for agent in (alice, bob) for _ in range(3)]

    async def pages(**query: Any) -> list[list[str]]:
        seen = []
        while True:
            page = ok(await alice.get("/proposals", **query))
            seen.append([item["id"] for item in page["items"]])
            if page["next_cursor"] is None:
                return seen
            assert page["next_cursor"] == seen[-1][-1]
            query["cursor"] = page["next_cursor"]

    newest = proposals[::-1]
    assert await pages(limit=4) == [newest[:4], newest[4:]]
    assert await pages(limit=4, sort="oldest") == [proposals[:4], proposals[4:]]
    assert await pages(limit=3) == [newest[:3], newest[3:], []]


async def test_listing_by_status(alice: Agent, bob: Agent, carol: Agent) -> None:
    for status, proposal in (await in_every_state(alice, bob, carol)).items():
        [item] = ok(await alice.get("/proposals", status=status))["items"]
        assert (item["id"], item["status"]) == (proposal, status)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 51},
        {"sort": "best"},
        {"status": "DRAFT"},
        {"cursor": "x"},
        {"cursor": NOBODY},
    ],
    ids=str,
)
async def test_a_listing_that_breaks_a_rule(client: httpx2.AsyncClient, query: Json) -> None:
    response = await client.get("/api/proposals", params=query)
    assert unprocessable(response) == [f"query -> {next(iter(query))}"]


async def test_detail(client: httpx2.AsyncClient, alice: Agent) -> None:
    proposal = await alice.publish()
    answer = ok(await client.get(f"/api/proposals/{proposal}"))
    record = answer["proposal"]
    body = {key: value for key, value in bodies.draft().items() if key != "image_prompt"}
    assert answer == {
        "proposal": body
        | {
            "id": proposal,
            "citations": None,
            "status": "validating",
            "review_system": "critical_review",
            "revision_count": 0,
            "last_revised_at": None,
            "strengthen_gate_active": False,
            "created_at": record["created_at"],
            "updated_at": record["updated_at"],
            "resulting_world_id": None,
        },
        "agent": {"id": alice.id, "name": "Alice"},
        "validations": [],
        "summary": {
            "total_validations": 0,
            "approve_count": 0,
            "strengthen_count": 0,
            "reject_count": 0,
        },
        "blind_mode": False,
        "blind_mode_reason": None,
        "validation_progress": {
            "approvals_received": 0,
            "approvals_needed": 2,
            "remaining": 2,
            "queue_position": 1,
        },
    }


async def test_progress_is_shown_during_review_only(alice: Agent, bob: Agent, carol: Agent) -> None:
    proposals = await in_every_state(alice, bob, carol)
    await bob.vote(proposals["validating"])
    shown = {
        status: ok(await alice.get(f"/proposals/{proposal}")).get("validation_progress")
        for status, proposal in proposals.items()
    }
    assert shown == {
        "draft": None,
        "approved": None,
        "rejected": None,
        "validating": {
            "approvals_received": 1,
            "approvals_needed": 2,
            "remaining": 1,
            "queue_position": 1,
        },
    }


async def test_place_in_the_queue(alice: Agent, bob: Agent) -> None:
    """Counted among what is under review, oldest first."""
    await alice.propose()
    first, second = await bob.publish(), await alice.publish()

    async def place(proposal: str) -> int:
        progress = ok(await alice.get(f"/proposals/{proposal}"))["validation_progress"]
        position: int = progress["queue_position"]
        return position

    assert (await place(first), await place(second)) == (1, 2)
    await alice.test_approve(first)
    assert await place(second) == 1


async def test_votes_in_detail(client: httpx2.AsyncClient, alice: Agent, bob: Agent) -> None:
    proposal = await alice.publish()
    lists: Json = {"scientific_issues": ["snow lines"], "suggested_fixes": ["cite them"]}
    cast = (await bob.vote(proposal, **lists))["validation"]
    expected = bodies.vote(**lists) | {
        "id": cast["id"],
        "agent_id": bob.id,
        "validator": {"id": bob.id, "name": "Bob", "username": "bob"},
        "created_at": cast["created_at"],
    }
    answer = ok(await client.get(f"/api/proposals/{proposal}"))
    assert answer["validations"] == [expected]
    counts = {"approve_count": 1, "strengthen_count": 0, "reject_count": 0}
    assert answer["summary"] == {"total_validations": 1, **counts}
    answer = ok(await client.get(f"/api/proposals/{proposal}/validations"))
    assert answer == {"validations": [expected], "summary": {"total": 1, **counts}}


async def test_votes_are_listed_oldest_first(alice: Agent, bob: Agent, carol: Agent) -> None:
    proposal = await alice.publish()
    for voter, verdict in (bob, "strengthen"), (carol, "reject"):
        await voter.vote(proposal, verdict)
    for path in f"/proposals/{proposal}", f"/proposals/{proposal}/validations":
        votes = ok(await alice.get(path))["validations"]
        assert [(v["agent_id"], v["verdict"], v["weaknesses"]) for v in votes] == [
            (bob.id, "strengthen", None),
            (carol.id, "reject", None),
        ]


async def test_blind_mode(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent
) -> None:
    """Who may still vote does not see how others did; the author and who voted already do."""
    proposal = await alice.publish()
    await bob.vote(proposal, "strengthen")
    answer = ok(await carol.get(f"/proposals/{proposal}"))
    assert answer["blind_mode"] is True
    assert answer["blind_mode_reason"]
    assert answer["validations"] == []
    assert set(answer["summary"].values()) == {"hidden"}
    for seeing in alice, bob:
        answer = ok(await seeing.get(f"/proposals/{proposal}"))
        assert (answer["blind_mode"], answer["blind_mode_reason"]) == (False, None)
        assert len(answer["validations"]) == answer["summary"]["total_validations"] == 1
    assert ok(await client.get(f"/api/proposals/{proposal}"))["blind_mode"] is False
    await bob.test_approve(proposal)
    assert ok(await carol.get(f"/proposals/{proposal}"))["blind_mode"] is False


async def test_reading_what_does_not_exist(client: httpx2.AsyncClient) -> None:
    for path in f"/api/proposals/{NOBODY}", f"/api/proposals/{NOBODY}/validations":
        refused(await client.get(path), 404, proposal_id=NOBODY)
    for path in "/api/proposals/x", "/api/proposals/x/validations":
        assert unprocessable(await client.get(path)) == ["path -> proposal_id"]


# ── writes in general ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("submit", None),
        ("revise", {"name": "Courts Afloat"}),
        ("validate", bodies.vote()),
        ("test-approve", None),
    ],
)
async def test_writing_to_what_does_not_exist(
    alice: Agent, db: AsyncSession, act: str, body: Json | None
) -> None:
    async with nothing_written(db):
        refused(await alice.post(f"/proposals/{NOBODY}/{act}", body), 404, proposal_id=NOBODY)
        response = await alice.post(f"/proposals/x/{act}", body)
        assert unprocessable(response) == ["path -> proposal_id"]


# ── submit ───────────────────────────────────────────────────────────────────────────────────────


async def test_submit(client: httpx2.AsyncClient, alice: Agent) -> None:
    proposal = await alice.propose()
    answer = ok(await alice.post(f"/proposals/{proposal}/submit", force="true"))
    assert answer == {
        "id": proposal,
        "status": "validating",
        "review_system": "critical_review",
        "message": answer["message"],
    }
    assert the_only(await feed(client), "proposal_submitted")["id"] == proposal


async def test_only_its_owner_submits(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    proposal = await alice.propose()
    async with nothing_written(db):
        response = await bob.post(f"/proposals/{proposal}/submit")
        refused(response, 403, proposal_owner_id=alice.id, your_id=bob.id)


async def test_only_a_draft_is_submitted(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposals = await in_every_state(alice, bob, carol)
    del proposals["draft"]
    async with nothing_written(db):
        for status, proposal in proposals.items():
            response = await alice.post(f"/proposals/{proposal}/submit")
            refused(response, 400, current_status=status)


@pytest.mark.parametrize(
    ("hours", "status"),
    [(23.9, None), (24.1, "inactive"), (7 * 24 - 0.1, "inactive"), (7 * 24 + 0.1, "dormant")],
)
async def test_who_fell_silent_does_not_submit(
    alice: Agent, db: AsyncSession, hours: float, status: str | None
) -> None:
    proposal = await alice.propose()
    silent_since = datetime.now(UTC) - timedelta(hours=hours)
    await db.execute(update(User).values(last_heartbeat_at=silent_since))
    await db.commit()
    if status is None:
        await alice.submit(proposal)
    else:
        async with nothing_written(db):
            response = await alice.post(f"/proposals/{proposal}/submit")
            refused(response, 403, activity_status=status)


# ── revise ───────────────────────────────────────────────────────────────────────────────────────


async def test_revise(client: httpx2.AsyncClient, alice: Agent, db: AsyncSession) -> None:
    """What is not sent stays; lengths are free."""
    proposal = await alice.propose()
    steps = [{"year": 2040, "event": "Rain", "reasoning": "Sea"}]
    changes = {"premise": "Short.", "causal_chain": steps, "name": "x" * 255, "image_prompt": "x"}
    answer = ok(await alice.post(f"/proposals/{proposal}/revise", changes))
    assert answer == {
        "id": proposal,
        "status": "draft",
        "review_system": "critical_review",
        "revision_count": 1,
        "updated_at": answer["updated_at"],
        "message": answer["message"],
    }
    stored = await db.get_one(Proposal, UUID(proposal))
    body = bodies.draft(**changes)
    assert {name: getattr(stored, name) for name in body} == body
    record = ok(await alice.get(f"/proposals/{proposal}"))["proposal"]
    assert record["updated_at"] == answer["updated_at"]
    assert record["revision_count"] == 1
    item = the_only(await feed(client), "proposal_revised")
    assert moment(item["created_at"]) == moment(record["last_revised_at"])


async def test_citations_cannot_be_revised(alice: Agent, db: AsyncSession) -> None:
    proposal = await alice.propose()
    await alice.revise(proposal, name="Courts Afloat", citations=[{"title": "New"}])
    assert (await db.get_one(Proposal, UUID(proposal))).citations is None


@pytest.mark.parametrize("body", [{}, {"name": None}, {"citations": []}], ids=str)
async def test_a_revision_revises_something(alice: Agent, db: AsyncSession, body: Json) -> None:
    proposal = await alice.propose()
    async with nothing_written(db):
        refused(await alice.post(f"/proposals/{proposal}/revise", body), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"year_setting": 2029}, "year_setting"),
        ({"year_setting": 2501}, "year_setting"),
        ({"name": "x" * 256}, "name"),
        ({"causal_chain": [{"year": 2040}]}, "causal_chain -> 0 -> event"),
    ],
)
async def test_a_revision_that_breaks_a_rule(
    alice: Agent, db: AsyncSession, body: Json, field: str
) -> None:
    proposal = await alice.propose()
    async with nothing_written(db):
        response = await alice.post(f"/proposals/{proposal}/revise", body)
    assert f"body -> {field}" in unprocessable(response)


async def test_only_its_owner_revises(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    proposal = await alice.propose()
    async with nothing_written(db):
        response = await bob.post(f"/proposals/{proposal}/revise", {"name": "Mine"})
        refused(response, 403, proposal_owner_id=alice.id, your_id=bob.id)


async def test_what_is_decided_is_not_revised(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposals = await in_every_state(alice, bob, carol)
    async with nothing_written(db):
        for status in "approved", "rejected":
            path = f"/proposals/{proposals[status]}/revise"
            refused(await alice.post(path, {"name": "Too late"}), 400, current_status=status)
    await alice.revise(proposals["validating"])


# ── the legacy vote ──────────────────────────────────────────────────────────────────────────────


async def test_vote(client: httpx2.AsyncClient, alice: Agent, bob: Agent) -> None:
    proposal = await alice.publish()
    answer = await bob.vote(proposal)
    assert answer == {
        "validation": {
            "id": answer["validation"]["id"],
            "verdict": "approve",
            "created_at": answer["validation"]["created_at"],
        },
        "proposal_status": "validating",
        "validation_status": {
            "approvals": 1,
            "rejections": 0,
            "strengthens": 0,
            "needed_for_approval": 2,
            "confidence": 1.0,
            "note": answer["validation_status"]["note"],
        },
    }
    assert the_only(await feed(client), "proposal_validated")["id"] == answer["validation"]["id"]


async def test_the_vote_that_graduates(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposal = await alice.publish()
    await bob.vote(proposal)
    answer = await carol.vote(proposal)
    assert answer["proposal_status"] == "approved"
    world = (await db.scalars(select(World))).one()
    assert answer["world_created"] == {"id": str(world.id), "name": "River Courts"}
    assert "strengthen_gate" not in answer


async def test_a_world_is_made_of_its_proposal(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    proposal = await alice.publish()
    await bob.test_approve(proposal)
    world = (await db.scalars(select(World))).one()
    copied = ("name", "premise", "year_setting", "causal_chain", "scientific_basis")
    assert {name: getattr(world, name) for name in copied}.items() <= bodies.draft().items()
    assert (str(world.created_by), str(world.proposal_id)) == (alice.id, proposal)
    assert (world.regions, world.dweller_count, world.follower_count) == ([], 0, 0)


async def test_one_rejection_keeps_a_proposal_from_graduating(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent
) -> None:
    proposal = await alice.publish()
    [dora] = await register(client, "Dora")
    await bob.vote(proposal, "reject")
    await carol.vote(proposal)
    answer = await dora.vote(proposal)
    assert answer["proposal_status"] == "validating"
    assert answer["validation_status"]["confidence"] == 0.67
    assert not of_type(await feed(client), "world_created")


async def test_two_rejections_end_a_proposal(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent
) -> None:
    proposal = await alice.publish()
    await bob.vote(proposal, "reject")
    answer = await carol.vote(proposal, "reject")
    assert answer["proposal_status"] == "rejected"
    assert "world_created" not in answer
    card = the_only(await feed(client), "proposal_submitted")["proposal"]
    assert card["status"] == "rejected"


async def test_the_strengthen_gate(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent
) -> None:
    """Until the author has revised after it, approvals do not count."""
    proposal = await alice.publish()
    await alice.revise(proposal)
    dora, emil = await register(client, "Dora", "Emil")
    answer = await bob.vote(proposal, "strengthen")
    assert answer["strengthen_gate"].keys() == {"active", "reason", "how_to_fix"}
    assert answer["strengthen_gate"]["active"] is True
    await carol.vote(proposal)
    assert (await dora.vote(proposal))["proposal_status"] == "validating"
    assert ok(await bob.get(f"/proposals/{proposal}"))["proposal"]["strengthen_gate_active"] is True

    assert (await alice.revise(proposal))["strengthen_gate"] == "cleared"
    assert "strengthen_gate" not in await alice.revise(proposal)
    record = ok(await bob.get(f"/proposals/{proposal}"))["proposal"]
    assert record["strengthen_gate_active"] is False
    assert not of_type(await feed(client), "world_created")

    answer = await emil.vote(proposal)
    assert answer["proposal_status"] == "approved"
    assert "strengthen_gate" not in answer
    assert len(of_type(await feed(client), "world_created")) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"critique": "x" * 49}, "critique"),
        ({"research_conducted": "x" * 99}, "research_conducted"),
        ({"scientific_issues": "one"}, "scientific_issues"),
    ],
)
async def test_a_vote_that_breaks_a_rule(
    alice: Agent, bob: Agent, db: AsyncSession, changes: Json, field: str
) -> None:
    proposal = await alice.publish()
    async with nothing_written(db):
        response = await bob.post(f"/proposals/{proposal}/validate", bodies.vote() | changes)
    assert unprocessable(response) == [f"body -> {field}"]


@pytest.mark.parametrize("weaknesses", [None, [], ["x"] * 6], ids=["none", "empty", "six"])
async def test_an_approval_names_one_to_five_weaknesses(
    alice: Agent, bob: Agent, db: AsyncSession, weaknesses: list[str] | None
) -> None:
    proposal = await alice.publish()
    async with nothing_written(db):
        body = bodies.vote(weaknesses=weaknesses)
        refused(await bob.post(f"/proposals/{proposal}/validate", body), 400)
    await bob.vote(proposal, weaknesses=["x"] * 5)


async def test_one_vote_per_agent(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    proposal = await alice.publish()
    await bob.vote(proposal, "strengthen")
    async with nothing_written(db):
        refused(await bob.post(f"/proposals/{proposal}/validate", bodies.vote()), 400)


async def test_nobody_votes_on_their_own(alice: Agent, db: AsyncSession) -> None:
    """But for test mode, when the request asks for it."""
    proposal = await alice.publish()
    async with nothing_written(db):
        refused(await alice.post(f"/proposals/{proposal}/validate", bodies.vote()), 400)
    ok(await alice.post(f"/proposals/{proposal}/validate", bodies.vote(), test_mode="true"))


async def test_only_what_is_under_review_is_voted_on(
    alice: Agent, bob: Agent, carol: Agent, client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    proposals = await in_every_state(alice, bob, carol)
    [dora] = await register(client, "Dora")
    del proposals["validating"]
    async with nothing_written(db):
        for status, proposal in proposals.items():
            response = await dora.post(f"/proposals/{proposal}/validate", bodies.vote())
            refused(response, 400, current_status=status)


# ── test mode ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def without_test_mode(app: FastAPI) -> Iterator[None]:
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"test_mode": False})
    yield
    app.state.settings = settings


async def test_test_approve(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    proposal = await alice.publish()
    answer = ok(await bob.post(f"/proposals/{proposal}/test-approve"))
    world = (await db.scalars(select(World))).one()
    assert answer == {
        "message": answer["message"],
        "proposal_id": proposal,
        "world_created": {"id": str(world.id), "name": "River Courts"},
    }
    assert (await db.scalars(select(Proposal.resulting_world_id))).one() == world.id


async def test_test_mode_has_to_be_on(
    app: FastAPI, alice: Agent, bob: Agent, db: AsyncSession
) -> None:
    proposal = await alice.publish()
    with without_test_mode(app):
        async with nothing_written(db):
            refused(await bob.post(f"/proposals/{proposal}/test-approve"), 403)
            vote = await alice.post(
                f"/proposals/{proposal}/validate", bodies.vote(), test_mode="true"
            )
            refused(vote, 400)


async def test_only_what_is_under_review_is_approved(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposals = await in_every_state(alice, bob, carol)
    del proposals["validating"]
    async with nothing_written(db):
        for status, proposal in proposals.items():
            response = await bob.post(f"/proposals/{proposal}/test-approve")
            refused(response, 400, current_status=status)


async def test_a_decided_proposal_stays_decided(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    """Resolving points of a rejected proposal does not bring it back."""
    proposal = await alice.publish()
    reviews = [(judge, await judge.review(proposal)) for judge in (bob, carol)]
    await alice.revise(proposal)
    for judge, _ in reviews:
        await judge.vote(proposal, "reject")
    for judge, review in reviews:
        assert "graduation" not in await judge.resolve(*review.items)
    assert (await db.scalars(select(Proposal.status))).all() == [ProposalStatus.REJECTED]


async def test_the_world_shows_where_it_came_from(
    alice: Agent, bob: Agent, carol: Agent, client: httpx2.AsyncClient
) -> None:
    proposal, world = await graduate_by_review(alice, bob, carol)
    assert ok(await client.get(f"/api/worlds/{world}"))["world"]["proposal_id"] == proposal
