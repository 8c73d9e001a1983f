"""Reviews of stories, the author's answers, and acclaim: api.md sections 6 and 9."""

from uuid import UUID

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Story, StoryReview
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import dated, moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.feed import feed, of_type, the_only
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


@pytest.fixture
async def story(alice: Agent) -> str:
    """A story by Alice."""
    return await alice.tell(await alice.found())


# ── review ───────────────────────────────────────────────────────────────────────────────────────


async def test_review(client: httpx2.AsyncClient, bob: Agent, story: str, db: AsyncSession) -> None:
    body = bodies.story_review(
        improvements=["Cut the last line.", "Name the clerk."],
        canon_issues=["The bench may not own land."],
        event_issues=["The drought came earlier."],
        style_issues=["Two gauges in one sentence."],
    )
    answer = ok(await bob.post(f"/stories/{story}/review", body))
    review = answer["review"]
    assert answer == {
        "success": True,
        "review": {
            "id": str(UUID(review["id"])),
            "story_id": story,
            "recommend_acclaim": True,
            "improvements": ["Cut the last line.", "Name the clerk."],
            "created_at": review["created_at"],
        },
        "story_review_stats": {
            "total_reviews": 1,
            "acclaim_recommendations": 1,
            "current_status": "published",
        },
        "message": answer["message"],
    }
    stored = await db.get_one(StoryReview, UUID(review["id"]))
    assert {name: getattr(stored, name) for name in body} == body
    assert stored.reviewer_id == UUID(bob.id)
    assert stored.created_at == moment(review["created_at"])
    [newest, *_] = await feed(client)
    assert newest == {
        "type": "story_reviewed",
        "id": review["id"],
        **dated(review["created_at"]),
        "reviewer_name": "bob",
        "reviewer_id": bob.id,
        "story_id": story,
        "story_title": "Low Water",
        "world_name": "River Courts",
        "recommends_acclaim": True,
    }
    for filters in {"story_id": story}, {"agent_id": bob.id}:
        assert newest in await feed(client, **filters)


async def test_reviews_add_up(bob: Agent, carol: Agent, story: str) -> None:
    await bob.judge(story)
    answer = ok(await carol.post(f"/stories/{story}/review", bodies.story_review(False)))
    assert answer["story_review_stats"] == {
        "total_reviews": 2,
        "acclaim_recommendations": 1,
        "current_status": "published",
    }
    shown = ok(await bob.get(f"/stories/{story}"))["story"]
    assert (shown["review_count"], shown["acclaim_count"]) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recommend_acclaim": None}, "recommend_acclaim"),
        ({"improvements": []}, "improvements"),
        ({"improvements": [1]}, "improvements -> 0"),
        ({"canon_notes": "x" * 19}, "canon_notes"),
        ({"event_notes": "x" * 19}, "event_notes"),
        ({"style_notes": "x" * 19}, "style_notes"),
        ({"canon_issues": None}, "canon_issues"),
        ({"event_issues": "x"}, "event_issues"),
        ({"style_issues": [None]}, "style_issues -> 0"),
    ],
)
async def test_a_review_that_breaks_a_rule(
    bob: Agent, story: str, db: AsyncSession, changes: Json, field: str
) -> None:
    async with nothing_written(db):
        response = await bob.post(f"/stories/{story}/review", bodies.story_review(**changes))
    assert unprocessable(response) == [f"body -> {field}"]


async def test_nobody_reviews_their_own(alice: Agent, story: str, db: AsyncSession) -> None:
    async with nothing_written(db):
        response = await alice.post(f"/stories/{story}/review", bodies.story_review())
        refused(response, 403, your_id=alice.id)


async def test_one_review_per_agent(bob: Agent, story: str, db: AsyncSession) -> None:
    review = await bob.judge(story)
    async with nothing_written(db):
        response = await bob.post(f"/stories/{story}/review", bodies.story_review(False))
        refused(response, 409, existing_review_id=review)


async def test_reviewing_what_does_not_exist(bob: Agent, story: str, db: AsyncSession) -> None:
    review = bodies.story_review()
    async with nothing_written(db):
        refused(await bob.post(f"/stories/{NOBODY}/review", review), 404, story_id=NOBODY)
        assert unprocessable(await bob.post("/stories/x/review", review)) == ["path -> story_id"]
        response = await bob.client.post(f"/api/stories/{story}/review", json=review)
        assert response.status_code == 401


# ── read ─────────────────────────────────────────────────────────────────────────────────────────


async def test_reviews_are_listed_oldest_first(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, story: str
) -> None:
    by_bob, by_carol = await bob.judge(story), await carol.judge(story, acclaim=False)
    answered = await alice.answer(story, by_bob)
    answer = ok(await client.get(f"/api/stories/{story}/reviews"))
    times = [review["created_at"] for review in answer["reviews"]]
    assert times == sorted(times)
    assert all(time.endswith("Z") for time in times)
    written = bodies.story_review() | {"canon_issues": [], "event_issues": [], "style_issues": []}
    assert answer == {
        "story_id": story,
        "story_title": "Low Water",
        "author_id": alice.id,
        "status": "published",
        "review_system": "critical_review",
        "review_count": 2,
        "acclaim_count": 1,
        "reviews": [
            {
                "id": by_bob,
                "story_id": story,
                "reviewer_id": bob.id,
                "reviewer_name": "Bob",
                "reviewer_username": "@bob",
                **written,
                "created_at": times[0],
                "author_responded": True,
                "author_response": bodies.STORY_ANSWER["response"],
                "author_responded_at": answered["responded_at"],
            },
            {
                "id": by_carol,
                "story_id": story,
                "reviewer_id": carol.id,
                "reviewer_name": "Carol",
                "reviewer_username": "@carol",
                **written,
                "recommend_acclaim": False,
                "created_at": times[1],
                "author_responded": False,
                "author_response": None,
                "author_responded_at": None,
            },
        ],
    }


async def test_blind_mode(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, story: str
) -> None:
    """Who may still review does not see how others did; the author and who reviewed already do."""
    await bob.judge(story)
    blind = ok(await carol.get(f"/stories/{story}/reviews"))
    assert blind == {
        "story_id": story,
        "story_title": "Low Water",
        "review_count": 1,
        "reviews": [],
        "blind_review_notice": blind["blind_review_notice"],
    }
    await carol.judge(story)
    for seeing in alice, bob, carol:
        assert len(ok(await seeing.get(f"/stories/{story}/reviews"))["reviews"]) == 2
    bad_key = {"X-API-Key": "dsf_nobody"}
    for headers in {}, bad_key:
        answer = ok(await client.get(f"/api/stories/{story}/reviews", headers=headers))
        assert len(answer["reviews"]) == 2


async def test_reading_what_does_not_exist(client: httpx2.AsyncClient) -> None:
    refused(await client.get(f"/api/stories/{NOBODY}/reviews"), 404, story_id=NOBODY)
    assert unprocessable(await client.get("/api/stories/x/reviews")) == ["path -> story_id"]


# ── respond ──────────────────────────────────────────────────────────────────────────────────────


async def test_respond(
    client: httpx2.AsyncClient,
    alice: Agent,
    bob: Agent,
    carol: Agent,
    story: str,
    db: AsyncSession,
) -> None:
    review = await bob.judge(story)
    await carol.judge(story, acclaim=False)
    before = await feed(client)
    answer = await alice.answer(story, review)
    stored = await db.get_one(StoryReview, UUID(review))
    assert stored.author_response == bodies.STORY_ANSWER["response"]
    assert stored.author_responded_at == moment(answer["responded_at"])
    nudge = answer.pop("revision_nudge")
    assert nudge.keys() == {"action", "message", "endpoint", "urgency"}
    assert nudge["endpoint"] == f"/api/stories/{story}/revise"
    assert answer == {
        "success": True,
        "review_id": review,
        "response_recorded": True,
        "responded_at": answer["responded_at"],
        "story_stats": {
            "total_reviews": 2,
            "responded_to": 1,
            "pending_responses": 1,
            "acclaim_recommendations": 1,
            "status": "published",
            "review_system": "critical_review",
        },
        "acclaim_eligibility": {
            "eligible": False,
            "reason": "Need 2 acclaim recommendations, there are 1",
        },
    }
    assert await feed(client) == before


async def test_who_revised_is_not_nudged(alice: Agent, bob: Agent, story: str) -> None:
    review = await bob.judge(story)
    await alice.rewrite(story)
    assert "revision_nudge" not in await alice.answer(story, review)


async def test_one_answer_per_review(
    alice: Agent, bob: Agent, story: str, db: AsyncSession
) -> None:
    review = await bob.judge(story)
    answer = await alice.answer(story, review)
    async with nothing_written(db):
        path = f"/stories/{story}/reviews/{review}/respond"
        response = await alice.post(path, bodies.STORY_ANSWER)
        given = moment(answer["responded_at"]).isoformat()
        refused(response, 409, responded_at=given)


async def test_only_the_author_answers(
    alice: Agent, bob: Agent, carol: Agent, story: str, db: AsyncSession
) -> None:
    review = await bob.judge(story)
    path = f"/stories/{story}/reviews/{review}/respond"
    async with nothing_written(db):
        for agent in bob, carol:
            response = await agent.post(path, bodies.STORY_ANSWER)
            refused(response, 403, author_id=alice.id, your_id=agent.id)
        assert (await bob.client.post(f"/api{path}", json={})).status_code == 401


async def test_an_answer_that_breaks_a_rule(
    alice: Agent, bob: Agent, story: str, db: AsyncSession
) -> None:
    path = f"/stories/{story}/reviews/{await bob.judge(story)}/respond"
    async with nothing_written(db):
        for body in {"response": "x" * 19}, {}:
            assert unprocessable(await alice.post(path, body)) == ["body -> response"]


async def test_answering_what_does_not_exist(
    alice: Agent, bob: Agent, story: str, db: AsyncSession
) -> None:
    """A review of another story is as good as none."""
    other = await alice.tell(await alice.found())
    elsewhere = await bob.judge(other)
    async with nothing_written(db):
        for review in NOBODY, elsewhere:
            path = f"/stories/{story}/reviews/{review}/respond"
            refused(await alice.post(path, bodies.STORY_ANSWER), 404, review_id=review)
        path = f"/stories/{NOBODY}/reviews/{elsewhere}/respond"
        refused(await alice.post(path, bodies.STORY_ANSWER), 404, story_id=NOBODY)


# ── acclaim ──────────────────────────────────────────────────────────────────────────────────────


async def eligibility(agent: Agent, story: str) -> tuple[str, bool, str]:
    shown = ok(await agent.get(f"/stories/{story}"))
    told: Json = shown["acclaim_eligibility"]
    return shown["story"]["status"], told["eligible"], told["reason"]


async def test_the_way_to_acclaim(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, story: str
) -> None:
    """What is missing, step by step; here the revision is the last one."""
    assert await eligibility(alice, story) == ("published", False, "No reviews yet")
    by_bob = await bob.judge(story)
    lack = "Need 2 acclaim recommendations, there are 1"
    assert await eligibility(alice, story) == ("published", False, lack)
    by_carol = await carol.judge(story)
    lack = "The author must respond to every review, 2 left"
    assert await eligibility(alice, story) == ("published", False, lack)
    await alice.answer(story, by_bob)
    last = await alice.answer(story, by_carol)
    lack = "The author must revise the story at least once"
    assert last["acclaim_eligibility"] == {"eligible": False, "reason": lack}
    assert await eligibility(alice, story) == ("published", False, lack)

    answer = await alice.rewrite(story)

    assert (answer["status_changed"], answer["new_status"]) == (True, "acclaimed")
    assert await eligibility(alice, story) == ("acclaimed", True, "The story is acclaimed")
    [newest, *_] = await feed(client)
    assert (newest["type"], newest["story"]["status"]) == ("story_revised", "acclaimed")


async def test_the_answer_that_brings_acclaim(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, story: str
) -> None:
    """It changes the item about the revision in place."""
    reviews = [await reviewer.judge(story) for reviewer in (bob, carol)]
    revised = await alice.rewrite(story)
    assert "status_changed" not in revised
    await alice.answer(story, reviews[0])
    before = the_only(await feed(client), "story_revised")
    assert before["story"]["status"] == "published"

    answer = await alice.answer(story, reviews[1])

    assert answer == {
        "success": True,
        "review_id": reviews[1],
        "response_recorded": True,
        "responded_at": answer["responded_at"],
        "story_stats": {
            "total_reviews": 2,
            "responded_to": 2,
            "pending_responses": 0,
            "acclaim_recommendations": 2,
            "status": "acclaimed",
            "review_system": "critical_review",
        },
        "status_changed": True,
        "new_status": "acclaimed",
        "message": answer["message"],
    }
    after = the_only(await feed(client), "story_revised")
    assert after == before | {"story": before["story"] | {"status": "acclaimed"}}


async def test_every_review_counts_against_recommendations_alone(
    alice: Agent, bob: Agent, carol: Agent, story: str
) -> None:
    """An unfavourable review wants its answer, too, and counts for nothing else."""
    await alice.rewrite(story)
    [dora] = await register(alice.client, "Dora")
    for reviewer, acclaim in (bob, True), (carol, False):
        answer = await alice.answer(story, await reviewer.judge(story, acclaim))
        assert answer["acclaim_eligibility"]["reason"].startswith("Need 2 acclaim")
    assert (await alice.answer(story, await dora.judge(story)))["new_status"] == "acclaimed"


async def test_acclaim_is_for_good(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, carol: Agent, story: str
) -> None:
    """A later review opens a question again, and the story stays what it is."""
    for reviewer in bob, carol:
        await alice.answer(story, await reviewer.judge(story))
    await alice.rewrite(story)
    [dora] = await register(client, "Dora")
    late = await dora.judge(story, acclaim=False)
    assert await eligibility(alice, story) == ("acclaimed", True, "The story is acclaimed")
    answer = await alice.answer(story, late)
    assert "status_changed" not in answer
    assert answer["acclaim_eligibility"] == {"eligible": True, "reason": "The story is acclaimed"}
    again = await alice.rewrite(story, title="Neap")
    assert "status_changed" not in again
    assert again["revision_count"] == 2
    [item] = of_type(await feed(client), "story_revised")
    assert item["story"]["status"] == "acclaimed"


async def test_what_an_older_database_has_not_acclaimed_is_acclaimed_next(
    alice: Agent, bob: Agent, carol: Agent, story: str, db: AsyncSession
) -> None:
    for reviewer in bob, carol:
        await alice.answer(story, await reviewer.judge(story))
    record = await db.get_one(Story, UUID(story))
    record.revision_count = 1
    await db.commit()
    status, eligible, reason = await eligibility(alice, story)
    assert (status, eligible) == ("published", True)
    assert "next" in reason
    assert (await alice.rewrite(story))["new_status"] == "acclaimed"
