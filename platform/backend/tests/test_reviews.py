"""Critical review: points, answers, settlements and what they lead to: api.md sections 7 and 9.

Where this platform is stricter than the contract's, on purpose: only the author answers a point,
nobody reviews their own story here, only content under review takes feedback, and a point is
resolved and reopened only from the other state. The title of a story is its name.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import (
    FeedbackItem,
    FeedbackItemStatus,
    FeedbackResponse,
    Proposal,
    Story,
    World,
)
from tests.support import bodies
from tests.support.agents import Agent, graduate_by_review, register
from tests.support.answers import moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.feed import feed, of_type, the_only
from tests.support.tables import add_aspect, add_story, nothing_written

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


@pytest.fixture
async def proposal(alice: Agent) -> str:
    return await alice.publish()


# ── review ───────────────────────────────────────────────────────────────────────────────────────


async def test_review(client: httpx2.AsyncClient, bob: Agent, proposal: str) -> None:
    points = [
        bodies.point("critical", category="timeline"),
        bodies.point("minor", description="x" * 2000),
    ]
    answer = ok(await bob.post(f"/review/proposal/{proposal}/feedback", {"feedback_items": points}))
    ids = [item["id"] for item in answer["feedback_items"]]
    assert answer == {
        "review_id": answer["review_id"],
        "message": answer["message"],
        "feedback_items": [
            point | {"id": item, "status": "open"} for point, item in zip(points, ids, strict=True)
        ],
    }
    assert the_only(await feed(client), "review_submitted")["id"] == answer["review_id"]


@pytest.mark.parametrize(
    ("act", "most"), [("feedback", 20), ("add-feedback", 10)], ids=["feedback", "add-feedback"]
)
async def test_how_many_points(
    client: httpx2.AsyncClient, bob: Agent, db: AsyncSession, proposal: str, act: str, most: int
) -> None:
    path = f"/review/proposal/{proposal}/{act}"
    if act == "add-feedback":
        await bob.review(proposal, "minor")
    async with nothing_written(db):
        for count in 0, most + 1:
            response = await bob.post(path, bodies.points(*["minor"] * count))
            assert unprocessable(response) == ["body -> feedback_items"]
    ok(await bob.post(path, bodies.points(*["minor"] * most)))
    expected = most + (act == "add-feedback")
    assert the_only(await feed(client), "review_submitted")["feedback_count"] == expected


@pytest.mark.parametrize("act", ["feedback", "add-feedback"])
@pytest.mark.parametrize(
    "changes",
    [
        {"category": "spelling"},
        {"severity": "fatal"},
        {"description": "x" * 9},
        {"description": "x" * 2001},
    ],
    ids=["category", "severity", "short", "long"],
)
async def test_a_point_that_breaks_a_rule(
    bob: Agent, db: AsyncSession, proposal: str, changes: Json, act: str
) -> None:
    if act == "add-feedback":
        await bob.review(proposal)
    async with nothing_written(db):
        body = {"feedback_items": [bodies.point(), bodies.point(**changes)]}
        response = await bob.post(f"/review/proposal/{proposal}/{act}", body)
    assert unprocessable(response) == [f"body -> feedback_items -> 1 -> {next(iter(changes))}"]


async def test_every_category(bob: Agent, proposal: str) -> None:
    categories = [
        "causal_gap",
        "scientific_issue",
        "actor_vagueness",
        "timeline",
        "internal_consistency",
        "other",
    ]
    points = [bodies.point(category=category) for category in categories]
    body = {"feedback_items": points}
    answer = ok(await bob.post(f"/review/proposal/{proposal}/feedback", body))
    assert [item["category"] for item in answer["feedback_items"]] == categories


async def test_nobody_reviews_their_own(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    _, world = await graduate_by_review(alice, bob, carol)
    own = {
        "proposal": await alice.publish(),
        "aspect": await add_aspect(db, world, alice.id),
        "story": await add_story(db, world, alice.id),
    }
    async with nothing_written(db):
        for kind, content in own.items():
            response = await alice.post(
                f"/review/{kind}/{content}/feedback", bodies.points("minor")
            )
            refused(response, 403, your_id=alice.id)


async def test_one_review_per_agent(bob: Agent, db: AsyncSession, proposal: str) -> None:
    await bob.review(proposal)
    async with nothing_written(db):
        path = f"/review/proposal/{proposal}/feedback"
        refused(await bob.post(path, bodies.points("minor")), 400)


async def test_only_what_is_under_review_takes_feedback(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    """A reviewer from before may not add to it, either."""
    draft = await alice.propose()
    approved, rejected = [await alice.publish() for _ in range(2)]
    for proposal in approved, rejected:
        await carol.review(proposal)
    for judge in bob, carol:
        await judge.vote(approved)
        await judge.vote(rejected, "reject")
    decided = {"draft": draft, "approved": approved, "rejected": rejected}
    async with nothing_written(db):
        for status, proposal in decided.items():
            path = f"/review/proposal/{proposal}"
            response = await bob.post(f"{path}/feedback", bodies.points("minor"))
            refused(response, 400, current_status=status)
            if status != "draft":
                response = await carol.post(f"{path}/add-feedback", bodies.points("minor"))
                refused(response, 400, current_status=status)


async def test_adding_feedback(client: httpx2.AsyncClient, bob: Agent, proposal: str) -> None:
    review = await bob.review(proposal)
    body = bodies.points("critical", "minor")
    answer = ok(await bob.post(f"/review/proposal/{proposal}/add-feedback", body))
    assert answer.keys() == {"review_id", "message", "new_items"}
    assert answer["review_id"] == review.id
    assert [item | {"id": ""} for item in answer["new_items"]] == [
        point | {"id": "", "status": "open"} for point in body["feedback_items"]
    ]
    assert the_only(await feed(client), "review_submitted")["feedback_count"] == 3


async def test_only_a_reviewer_adds_feedback(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession, proposal: str
) -> None:
    await bob.review(proposal)
    async with nothing_written(db):
        for agent in alice, carol:
            path = f"/review/proposal/{proposal}/add-feedback"
            refused(await agent.post(path, bodies.points("minor")), 404)


# ── what can be reviewed ─────────────────────────────────────────────────────────────────────────

ACTS = [
    ("POST", "feedback"),
    ("POST", "add-feedback"),
    ("GET", "feedback"),
    ("GET", "status"),
]


@pytest.mark.parametrize(("method", "act"), ACTS)
async def test_an_unknown_kind_of_content(
    bob: Agent, db: AsyncSession, proposal: str, method: str, act: str
) -> None:
    kinds = ["proposal", "aspect", "dweller_proposal", "story"]
    async with nothing_written(db):
        response = await request(bob, method, f"/review/world/{proposal}/{act}")
        refused(response, 400, valid_types=kinds)


@pytest.mark.parametrize(("method", "act"), ACTS)
@pytest.mark.parametrize("kind", ["proposal", "aspect", "dweller_proposal", "story"])
async def test_content_that_does_not_exist(
    bob: Agent, db: AsyncSession, kind: str, method: str, act: str
) -> None:
    async with nothing_written(db):
        response = await request(bob, method, f"/review/{kind}/{NOBODY}/{act}")
        refused(response, 404, content_id=NOBODY)
        response = await request(bob, method, f"/review/{kind}/x/{act}")
        assert unprocessable(response) == ["path -> content_id"]


async def test_content_of_another_kind(bob: Agent, proposal: str) -> None:
    refused(await bob.get(f"/review/story/{proposal}/status"), 404, content_id=proposal)


async def request(agent: Agent, method: str, path: str) -> httpx2.Response:
    if method == "GET":
        return await agent.get(path)
    return await agent.post(path, bodies.points("minor"))


# ── read ─────────────────────────────────────────────────────────────────────────────────────────


async def test_feedback(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, proposal: str
) -> None:
    """Reviews and points in their order; what has not happened to a point has no key."""
    by_bob = await bob.review(proposal, "critical", "important", "minor")
    by_carol = await carol.review(proposal)
    answered, resolved, untouched = by_bob.items
    await alice.revise(proposal)
    responses = [(await alice.respond(answered))["response_id"] for _ in range(2)]
    path = f"/review/feedback-item/{resolved}/resolve"
    note = {"resolution_note": "Settled by the levy."}
    resolved_at = ok(await bob.post(path, note))["resolved_at"]

    answer = ok(await client.get(f"/api/review/proposal/{proposal}/feedback"))
    assert answer.keys() == {"blind_mode", "reviews", "total_reviewers"}
    assert (answer["blind_mode"], answer["total_reviewers"]) == (False, 2)
    [first, second] = answer["reviews"]
    for review, made, reviewer in (first, by_bob, bob), (second, by_carol, carol):
        assert review.keys() == {"review_id", "reviewer_id", "created_at", "feedback_items"}
        assert (review["review_id"], review["reviewer_id"]) == (made.id, reviewer.id)
        assert [item["id"] for item in review["feedback_items"]] == made.items

    items = {item["id"]: item for item in first["feedback_items"]}
    assert items[untouched] == bodies.point("minor") | {
        "id": untouched,
        "status": "open",
        "created_at": items[untouched]["created_at"],
    }
    assert items[answered] == bodies.point("critical") | {
        "id": answered,
        "status": "addressed",
        "created_at": items[answered]["created_at"],
        "responses": [
            {
                "id": response,
                "responder_id": alice.id,
                "response_text": bodies.ANSWER["response_text"],
                "created_at": shown["created_at"],
            }
            for response, shown in zip(responses, items[answered]["responses"], strict=True)
        ],
    }
    assert items[resolved] == bodies.point("important") | {
        "id": resolved,
        "status": "resolved",
        "created_at": items[resolved]["created_at"],
        "resolved_at": resolved_at,
        **note,
    }


async def test_blind_mode(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, proposal: str
) -> None:
    """Who may still review does not see how others did."""
    await bob.review(proposal)
    path = f"/review/proposal/{proposal}/feedback"
    hidden = ok(await carol.get(path))
    assert hidden == {"blind_mode": True, "message": hidden["message"], "reviews": []}
    for seeing in alice, bob:
        answer = ok(await seeing.get(path))
        assert answer["blind_mode"] is False
        assert len(answer["reviews"]) == answer["total_reviewers"] == 1
    assert ok(await client.get(f"/api{path}"))["blind_mode"] is False
    await carol.review(proposal)
    assert ok(await carol.get(path))["total_reviewers"] == 2


async def status_of(agent: Agent, content: str, kind: str = "proposal") -> Json:
    return ok(await agent.get(f"/review/{kind}/{content}/status"))


async def test_status(alice: Agent, bob: Agent, carol: Agent, db: AsyncSession) -> None:
    proposal = await alice.publish()
    answer = await status_of(alice, proposal)
    assert answer == {
        "content_type": "proposal",
        "content_id": proposal,
        "reviewer_count": 0,
        "min_reviewers": 2,
        "feedback_items": {
            "total": 0,
            "by_status": {"open": 0, "addressed": 0, "resolved": 0, "disputed": 0},
        },
        "can_graduate": False,
        "graduation_status": answer["graduation_status"],
    }
    review = await bob.review(proposal, *["minor"] * 4)
    await alice.revise(proposal)
    await alice.respond(review.items[0])
    await bob.resolve(*review.items[1:3])
    await dispute(db, review.items[2])
    answer = await status_of(alice, proposal)
    assert answer["reviewer_count"] == 1
    assert answer["feedback_items"] == {
        "total": 4,
        "by_status": {"open": 1, "addressed": 1, "resolved": 1, "disputed": 1},
    }
    assert answer["can_graduate"] is False


async def test_when_content_can_graduate(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    """Two reviewers and nothing open or addressed: then the last point makes an aspect canon."""
    _, world = await graduate_by_review(alice, bob, carol)
    aspect = await add_aspect(db, world, alice.id)
    by_bob = await bob.review(aspect, kind="aspect")
    await bob.resolve(*by_bob.items)
    assert (await status_of(alice, aspect, "aspect"))["can_graduate"] is False
    by_carol = await carol.review(aspect, kind="aspect")
    await alice.respond(by_carol.items[0])
    assert (await status_of(alice, aspect, "aspect"))["can_graduate"] is False
    answer = await carol.resolve(*by_carol.items)
    assert answer["graduation"]["world_id"] == world
    assert (await status_of(alice, aspect, "aspect"))["can_graduate"] is True


# ── points in general ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("act", "body"), [("respond", bodies.ANSWER), ("resolve", {}), ("reopen", None)]
)
async def test_a_point_that_does_not_exist(
    bob: Agent, db: AsyncSession, act: str, body: Json | None
) -> None:
    async with nothing_written(db):
        response = await bob.post(f"/review/feedback-item/{NOBODY}/{act}", body)
        refused(response, 404, item_id=NOBODY)
        response = await bob.post(f"/review/feedback-item/x/{act}", body)
        assert unprocessable(response) == ["path -> item_id"]


async def dispute(db: AsyncSession, item: str) -> None:
    """No request sets this status; older databases may hold it."""
    await db.execute(
        update(FeedbackItem)
        .where(FeedbackItem.id == UUID(item))
        .values(status=FeedbackItemStatus.DISPUTED, resolved_at=None)
    )
    await db.commit()


# ── respond ──────────────────────────────────────────────────────────────────────────────────────


async def test_respond(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, db: AsyncSession, proposal: str
) -> None:
    """An answer is between author and reviewer: the feed says nothing of it."""
    [item] = (await bob.review(proposal)).items
    before = await feed(client)
    answer = ok(await alice.post(f"/review/feedback-item/{item}/respond", bodies.ANSWER))
    assert answer == {
        "response_id": answer["response_id"],
        "item_id": item,
        "new_status": "addressed",
        "message": answer["message"],
    }
    stored = (await db.scalars(select(FeedbackResponse))).one()
    assert str(stored.id) == answer["response_id"]
    assert stored.response_text == bodies.ANSWER["response_text"]
    assert await feed(client) == before


async def test_only_the_author_responds(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession, proposal: str
) -> None:
    [item] = (await bob.review(proposal)).items
    async with nothing_written(db):
        for agent in bob, carol:
            path = f"/review/feedback-item/{item}/respond"
            refused(
                await agent.post(path, bodies.ANSWER), 403, author_id=alice.id, your_id=agent.id
            )


async def test_what_is_resolved_is_not_answered(
    alice: Agent, bob: Agent, db: AsyncSession, proposal: str
) -> None:
    review = await bob.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*review.items)
    async with nothing_written(db):
        path = f"/review/feedback-item/{review.items[0]}/respond"
        refused(await alice.post(path, bodies.ANSWER), 400)


@pytest.mark.parametrize("length", [9, 2001])
async def test_an_answer_that_breaks_a_rule(
    alice: Agent, bob: Agent, db: AsyncSession, proposal: str, length: int
) -> None:
    [item] = (await bob.review(proposal)).items
    async with nothing_written(db):
        path = f"/review/feedback-item/{item}/respond"
        response = await alice.post(path, {"response_text": "x" * length})
        assert unprocessable(response) == ["body -> response_text"]


# ── resolve ──────────────────────────────────────────────────────────────────────────────────────


async def test_resolve(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, db: AsyncSession, proposal: str
) -> None:
    [item] = (await bob.review(proposal)).items
    await alice.revise(proposal)
    answer = ok(
        await bob.post(f"/review/feedback-item/{item}/resolve", {"resolution_note": "x" * 500})
    )
    assert answer == {
        "item_id": item,
        "status": "resolved",
        "resolved_at": answer["resolved_at"],
        "message": answer["message"],
    }
    stored = (await db.scalars(select(FeedbackItem))).one()
    assert stored.resolved_at == moment(answer["resolved_at"])
    assert stored.resolution_note == "x" * 500
    shown = the_only(await feed(client), "feedback_resolved")
    assert moment(shown["created_at"]) == stored.resolved_at


async def test_only_its_reviewer_resolves(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession, proposal: str
) -> None:
    [item] = (await bob.review(proposal)).items
    await carol.review(proposal)
    await alice.revise(proposal)
    async with nothing_written(db):
        for agent in alice, carol:
            response = await agent.post(f"/review/feedback-item/{item}/resolve", {})
            refused(response, 403, original_reviewer_id=bob.id)


async def test_a_resolution_needs_a_revision(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, db: AsyncSession
) -> None:
    """Of what came after the point: earlier revisions do not count."""
    proposal = await alice.publish()
    [item] = (await bob.review(proposal)).items
    path = f"/review/feedback-item/{item}/resolve"
    raised, never = await times(bob, proposal)
    assert never is None
    async with nothing_written(db):
        response = await bob.post(path, {})
        refused(response, 400, feedback_created_at=raised, last_revised_at=None)
    await alice.revise(proposal)
    [later] = await bob.add_feedback(proposal, "minor")
    await bob.resolve(item)
    async with nothing_written(db):
        response = await bob.post(f"/review/feedback-item/{later}/resolve", {})
        assert response.status_code == 400
        detail = response.json()["detail"]
        assert moment(detail["last_revised_at"]) < moment(detail["feedback_created_at"])
    assert the_only(await feed(client), "feedback_resolved")["items_remaining"] == 1


async def times(agent: Agent, proposal: str) -> tuple[str, str | None]:
    """When the newest point was raised, and when the proposal was last revised."""
    reviews = ok(await agent.get(f"/review/proposal/{proposal}/feedback"))["reviews"]
    record = ok(await agent.get(f"/proposals/{proposal}"))["proposal"]
    raised: str = reviews[-1]["feedback_items"][-1]["created_at"]
    return moment(raised).isoformat(), record["last_revised_at"]


async def test_a_story_has_to_be_revised_as_well(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    """Aspects do not: their points are settled as soon as the reviewer says so."""
    _, world = await graduate_by_review(alice, bob, carol)
    story = await add_story(db, world, alice.id)
    [item] = (await bob.review(story, kind="story")).items
    async with nothing_written(db):
        response = await bob.post(f"/review/feedback-item/{item}/resolve", {})
        assert response.status_code == 400
    await db.execute(update(Story).values(last_revised_at=datetime.now(UTC) + timedelta(1)))
    await db.commit()
    await bob.resolve(item)


async def test_what_is_resolved_is_resolved_once(
    alice: Agent, bob: Agent, db: AsyncSession, proposal: str
) -> None:
    review = await bob.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*review.items)
    async with nothing_written(db):
        refused(await bob.post(f"/review/feedback-item/{review.items[0]}/resolve", {}), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [(None, "body"), ({"resolution_note": "x" * 501}, "body -> resolution_note")],
    ids=["no body", "a long note"],
)
async def test_a_resolution_that_breaks_a_rule(
    alice: Agent, bob: Agent, db: AsyncSession, proposal: str, body: Json | None, field: str
) -> None:
    [item] = (await bob.review(proposal)).items
    await alice.revise(proposal)
    async with nothing_written(db):
        response = await bob.post(f"/review/feedback-item/{item}/resolve", body)
        assert unprocessable(response) == [field]


# ── reopen ───────────────────────────────────────────────────────────────────────────────────────


async def test_reopen(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, db: AsyncSession, proposal: str
) -> None:
    [item] = (await bob.review(proposal)).items
    await alice.revise(proposal)
    before = await feed(client)
    ok(await bob.post(f"/review/feedback-item/{item}/resolve", {"resolution_note": "Settled."}))
    answer = ok(await bob.post(f"/review/feedback-item/{item}/reopen"))
    assert answer == {"item_id": item, "status": "open", "message": answer["message"]}
    stored = (await db.scalars(select(FeedbackItem))).one()
    assert (stored.resolved_at, stored.resolution_note) == (None, None)
    assert await feed(client) == before


async def test_only_its_reviewer_reopens(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession, proposal: str
) -> None:
    review = await bob.review(proposal)
    await carol.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*review.items)
    async with nothing_written(db):
        for agent in alice, carol:
            response = await agent.post(f"/review/feedback-item/{review.items[0]}/reopen")
            refused(response, 403, original_reviewer_id=bob.id)


@pytest.mark.parametrize("status", ["open", "addressed", "disputed"])
async def test_only_what_is_resolved_is_reopened(
    alice: Agent, bob: Agent, db: AsyncSession, proposal: str, status: str
) -> None:
    [item] = (await bob.review(proposal)).items
    if status == "addressed":
        await alice.respond(item)
    if status == "disputed":
        await dispute(db, item)
    async with nothing_written(db):
        response = await bob.post(f"/review/feedback-item/{item}/reopen")
        refused(response, 400, current_status=status)


# ── graduation ───────────────────────────────────────────────────────────────────────────────────


async def test_the_resolution_that_graduates(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposal = await alice.publish()
    by_bob, by_carol = await bob.review(proposal), await carol.review(proposal)
    await alice.revise(proposal)
    assert "graduation" not in await bob.resolve(*by_bob.items)
    answer = await carol.resolve(*by_carol.items)
    world = (await db.scalars(select(World))).one()
    assert answer["graduation"] == {
        "graduated": True,
        "world_id": str(world.id),
        "world_name": "River Courts",
    }
    assert (await status_of(bob, proposal))["can_graduate"] is True
    assert the_only(await feed(client), "world_created")["id"] == str(world.id)


async def worlds(db: AsyncSession) -> int:
    return (await db.execute(select(func.count(World.id)))).scalar_one()


async def test_one_reviewer_is_not_enough(alice: Agent, bob: Agent, db: AsyncSession) -> None:
    proposal = await alice.publish()
    review = await bob.review(proposal, "minor", "minor")
    await alice.revise(proposal)
    assert "graduation" not in await bob.resolve(*review.items)
    assert await worlds(db) == 0


@pytest.mark.parametrize("answered", [False, True], ids=["open", "addressed"])
async def test_what_holds_graduation_up(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession, answered: bool
) -> None:
    proposal = await alice.publish()
    by_bob, by_carol = await bob.review(proposal), await carol.review(proposal)
    await alice.revise(proposal)
    if answered:
        await alice.respond(by_bob.items[0])
    await carol.resolve(*by_carol.items)
    assert await worlds(db) == 0
    await bob.resolve(*by_bob.items)
    assert await worlds(db) == 1


async def test_a_dispute_does_not_hold_graduation_up(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposal = await alice.publish()
    by_bob, by_carol = await bob.review(proposal), await carol.review(proposal)
    await alice.revise(proposal)
    await dispute(db, by_bob.items[0])
    assert "graduation" in await carol.resolve(*by_carol.items)


async def test_a_reopened_point_holds_graduation_up(
    alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    proposal = await alice.publish()
    by_bob, by_carol = await bob.review(proposal), await carol.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*by_bob.items)
    await bob.reopen(*by_bob.items)
    await carol.resolve(*by_carol.items)
    assert await worlds(db) == 0
    assert "graduation" in await bob.resolve(*by_bob.items)


async def test_reopening_leaves_the_world_alone(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, db: AsyncSession
) -> None:
    """And resolving again does not make another one."""
    proposal = await alice.publish()
    by_bob, by_carol = await bob.review(proposal), await carol.review(proposal)
    await alice.revise(proposal)
    await bob.resolve(*by_bob.items)
    await carol.resolve(*by_carol.items)
    await carol.reopen(*by_carol.items)
    assert (await status_of(alice, proposal))["can_graduate"] is False
    assert "graduation" not in await carol.resolve(*by_carol.items)
    assert await worlds(db) == 1
    assert len(of_type(await feed(client), "world_created", "proposal_graduated")) == 2
    record = await db.get_one(Proposal, UUID(proposal))
    assert record.status.value == "approved"
