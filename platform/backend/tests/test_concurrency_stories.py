"""Requests about stories at the same moment: one documented outcome each, and no lost count."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import SocialInteraction, Story, StoryReview, User, World
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import ok, refused
from tests.support.feed import feed, of_type, the_only
from utils.reactions import Change, change_reaction_count, react

CROWD = 40


async def at_once(*requests: Awaitable[httpx2.Response]) -> list[httpx2.Response]:
    return list(await asyncio.gather(*requests))


def statuses(responses: list[httpx2.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


@pytest.fixture
async def alice(client: httpx2.AsyncClient) -> Agent:
    [alice] = await register(client, "Alice")
    return alice


@pytest.fixture
async def world(alice: Agent) -> str:
    return await alice.found()


@pytest.fixture
async def story(alice: Agent, world: str) -> str:
    return await alice.tell(world)


async def crowd(client: httpx2.AsyncClient, size: int = CROWD) -> list[Agent]:
    return await register(client, *(f"Reader {number}" for number in range(size)))


async def test_no_reaction_of_a_crowd_is_lost(
    client: httpx2.AsyncClient, story: str, db: AsyncSession
) -> None:
    readers = await crowd(client)

    async def everybody(reaction: str) -> list[httpx2.Response]:
        path, body = f"/stories/{story}/react", {"reaction_type": reaction}
        return await at_once(*(reader.post(path, body) for reader in readers))

    answers = [ok(response) for response in await everybody("fire")]
    assert sorted(answer["new_reaction_count"] for answer in answers) == [*range(1, CROWD + 1)]
    card = the_only(await feed(client), "story_created")["story"]
    assert card["reaction_count"] == await count(db, story) == CROWD

    answers = [ok(response) for response in await everybody("heart")]
    assert {(answer["action"], answer["new_reaction_count"]) for answer in answers} == {
        ("changed", CROWD)
    }
    answers = [ok(response) for response in await everybody("heart")]
    assert sorted(answer["new_reaction_count"] for answer in answers) == [*range(CROWD)]
    card = the_only(await feed(client), "story_created")["story"]
    assert card["reaction_count"] == await count(db, story) == 0


async def count(db: AsyncSession, story: str) -> int | None:
    return await db.scalar(select(Story.reaction_count).where(Story.id == UUID(story)))


async def test_reactions_of_one_agent_happen_one_after_the_other(
    client: httpx2.AsyncClient, alice: Agent, story: str, db: AsyncSession
) -> None:
    """So the same one twice is given and taken back."""
    path = f"/stories/{story}/react"
    for _ in range(5):
        pair = await at_once(*(alice.post(path, {"reaction_type": "fire"}) for _ in range(2)))
        assert {ok(response)["action"] for response in pair} == {"added", "removed"}
        assert await count(db, story) == 0
    await at_once(
        *(alice.post(path, {"reaction_type": kind}) for kind in ("fire", "mind", "heart"))
    )
    assert await count(db, story) == 1
    assert await db.scalar(select(func.count(SocialInteraction.id))) == 1
    assert the_only(await feed(client), "story_created")["story"]["reaction_count"] == 1


async def test_reactions_to_a_world_are_counted_by_type(
    app: FastAPI, client: httpx2.AsyncClient, world: str, db: AsyncSession
) -> None:
    """The half of utils/reactions.py that stories do not use."""
    readers = await crowd(client, 12)

    async def give(reader: Agent, reaction: str) -> Change:
        async with app.state.database.session() as session:
            target = select(World).where(World.id == UUID(world))
            await session.scalar(target.with_for_update(key_share=True))
            reader_record = await session.get_one(User, UUID(reader.id))
            change = await react(session, reader_record, "world", UUID(world), reaction)
            await session.commit()
            return change

    async def counts() -> dict[str, int]:
        found = await db.scalar(select(World.reaction_counts).where(World.id == UUID(world)))
        assert found
        return found

    await asyncio.gather(*(give(reader, "fire") for reader in readers))
    assert await counts() == {"fire": 12, "mind": 0, "heart": 0, "thinking": 0}
    await asyncio.gather(*(give(reader, "mind") for reader in readers[:8]))
    assert await counts() == {"fire": 4, "mind": 8, "heart": 0, "thinking": 0}
    await asyncio.gather(*(give(reader, "mind") for reader in readers[:8]))
    assert await counts() == {"fire": 4, "mind": 0, "heart": 0, "thinking": 0}
    await change_reaction_count(db, "world", UUID(world), {"heart": -1, "thinking": 2})
    assert await counts() == {"fire": 4, "mind": 0, "heart": 0, "thinking": 2}


@pytest.fixture
def dedup(app: FastAPI) -> None:
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"dedup_window_override_seconds": None})


@pytest.mark.usefixtures("dedup")
async def test_a_story_sent_several_times_is_told_once(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    sent = await at_once(*(alice.post("/stories", bodies.story(world)) for _ in range(8)))
    assert statuses(sent) == {200: 1, 429: 7}
    [told] = [response.json()["story"]["id"] for response in sent if response.is_success]
    for response in sent:
        if not response.is_success:
            refused(response, 429, existing_story_id=told)
    assert the_only(await feed(client), "story_created")["id"] == told


async def test_an_agent_reviews_once(
    client: httpx2.AsyncClient, story: str, db: AsyncSession
) -> None:
    [bob] = await register(client, "Bob")
    path = f"/stories/{story}/review"
    sent = await at_once(*(bob.post(path, bodies.story_review()) for _ in range(8)))
    assert statuses(sent) == {200: 1, 409: 7}
    [review] = (await db.scalars(select(StoryReview.id))).all()
    for response in sent:
        if not response.is_success:
            refused(response, 409, existing_review_id=str(review))
    assert the_only(await feed(client), "story_reviewed")["id"] == str(review)


async def test_a_crowd_reviews(client: httpx2.AsyncClient, story: str) -> None:
    readers = await crowd(client, 12)
    path = f"/stories/{story}/review"
    sent = await at_once(*(reader.post(path, bodies.story_review()) for reader in readers))
    stats = [ok(response)["story_review_stats"] for response in sent]
    assert sorted(stat["total_reviews"] for stat in stats) == [*range(1, 13)]
    assert len(of_type(await feed(client), "story_reviewed")) == 12


@pytest.mark.parametrize("revised_before", [True, False], ids=["answers", "answers and revision"])
async def test_of_all_that_could_bring_acclaim_one_does(
    client: httpx2.AsyncClient, alice: Agent, world: str, revised_before: bool
) -> None:
    """The last answers, and the revision, at once: none overlooks the others, one decides."""
    readers = await crowd(client, 4)
    for _ in range(5):
        story = await alice.tell(world)
        reviews = [await reader.judge(story) for reader in readers]
        paths = [f"/stories/{story}/reviews/{review}/respond" for review in reviews]
        last = [alice.post(path, bodies.STORY_ANSWER) for path in paths]
        if revised_before:
            await alice.rewrite(story)
        else:
            last.insert(0, alice.post(f"/stories/{story}/revise", {"title": "High Water"}))
        answers = [ok(response) for response in await at_once(*last)]
        decided = [answer for answer in answers if answer.get("status_changed")]
        assert [answer["new_status"] for answer in decided] == ["acclaimed"]
        [revised] = of_type(await feed(client, story_id=story), "story_revised")
        assert revised["story"]["status"] == "acclaimed"


async def test_an_answer_is_given_once(
    client: httpx2.AsyncClient, alice: Agent, story: str
) -> None:
    [bob] = await register(client, "Bob")
    path = f"/stories/{story}/reviews/{await bob.judge(story)}/respond"
    sent = await at_once(*(alice.post(path, bodies.STORY_ANSWER) for _ in range(6)))
    assert statuses(sent) == {200: 1, 409: 5}


async def test_no_revision_is_lost(client: httpx2.AsyncClient, alice: Agent, story: str) -> None:
    sent = await at_once(
        *(alice.post(f"/stories/{story}/revise", {"title": f"Tide {n}"}) for n in range(8))
    )
    counts = [ok(response)["revision_count"] for response in sent]
    assert sorted(counts) == [*range(1, 9)]
    last = ok(sent[counts.index(8)])
    shown = ok(await client.get(f"/api/stories/{story}"))["story"]
    assert (shown["revision_count"], shown["updated_at"]) == (8, last["updated_at"])
    items = {item["type"]: item["story"] for item in await feed(client, story_id=story)}
    assert items["story_revised"]["revision_count"] == 8
    assert items["story_revised"]["title"] == items["story_created"]["title"] == shown["title"]


async def test_everything_at_once(client: httpx2.AsyncClient, alice: Agent, story: str) -> None:
    """Writes that share rows take their locks in one order: none waits for ever, none fails."""
    readers = await crowd(client, 10)
    requests = [
        request
        for n, reader in enumerate(readers)
        for request in (
            reader.post(f"/stories/{story}/review", bodies.story_review()),
            reader.post(f"/stories/{story}/react", {"reaction_type": "mind"}),
            reader.post(f"/review/story/{story}/feedback", bodies.points("minor")),
            alice.post(f"/stories/{story}/revise", {"title": f"Tide {n}"}),
        )
    ]
    assert statuses(await at_once(*requests)) == {200: 40}
    items = await feed(client, story_id=story)
    card = the_only(items, "story_created")["story"]
    assert card["reaction_count"] == 10
    named = {item["story_title"] for item in of_type(items, "story_reviewed")}
    reviewed = of_type(await feed(client), "review_submitted")
    assert len(reviewed) == 10
    assert named | {item["content_name"] for item in reviewed} == {card["title"]}
