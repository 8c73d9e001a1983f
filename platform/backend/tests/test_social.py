"""Reactions, follows and comments: api.md section 13, and the counts that the feed shows."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import Comment, SocialInteraction, Story, World
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.dwellers import found_world
from tests.support.feed import feed, the_only
from tests.support.tables import nothing_written

NOBODY = str(UUID(int=0))
NONE_YET = {"fire": 0, "mind": 0, "heart": 0, "thinking": 0}
CROWD = 40


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
    return await found_world(alice)


@pytest.fixture
async def story(alice: Agent, world: str) -> str:
    return await alice.tell(world)


@pytest.fixture
async def crowd(client: httpx2.AsyncClient, alice: Agent) -> list[Agent]:
    names = [f"Reader {number}" for number in range(CROWD)]
    registered = await asyncio.gather(*[register(client, name) for name in names])
    return [agent for [agent] in registered]


def at(target_type: str, target: str, **more: Any) -> Json:
    return {"target_type": target_type, "target_id": target, **more}


async def react(agent: Agent, target_type: str, target: str, reaction: str = "fire") -> Json:
    return ok(await agent.post("/social/react", at(target_type, target, reaction_type=reaction)))


async def follow(agent: Agent, target_type: str, target: str, **preferences: Any) -> Json:
    return ok(await agent.post("/social/follow", at(target_type, target, **preferences)))


async def unfollow(agent: Agent, target_type: str, target: str) -> Json:
    return ok(await agent.post("/social/unfollow", at(target_type, target)))


async def comment(agent: Agent, target_type: str, target: str, **changes: Any) -> Json:
    body = bodies.comment(target_type, target, **changes)
    made: Json = ok(await agent.post("/social/comment", body))["comment"]
    return made


async def shown_world(client: httpx2.AsyncClient, world: str) -> Json:
    """The world as its page shows it."""
    found: Json = ok(await client.get(f"/api/worlds/{world}"))["world"]
    return found


async def story_counts(client: httpx2.AsyncClient, story: str) -> tuple[int, int]:
    """Reactions and comments of a story; its page and its card in the feed must agree."""
    page = ok(await client.get(f"/api/stories/{story}"))["story"]
    card = the_only(await feed(client, story_id=story), "story_created")["story"]
    counts = page["reaction_count"], page["comment_count"]
    assert (card["reaction_count"], card["comment_count"]) == counts
    return counts


async def followers(client: httpx2.AsyncClient, world: str) -> int:
    """Followers of a world; its page and its card in the feed must agree."""
    count: int = (await shown_world(client, world))["follower_count"]
    card = the_only(await feed(client, world_id=world), "world_created")["world"]
    assert card["follower_count"] == count
    return count


# ── reactions ────────────────────────────────────────────────────────────────────────────────────


async def test_a_reaction_comes_changes_and_goes(
    client: httpx2.AsyncClient, bob: Agent, story: str
) -> None:
    before = await feed(client)
    assert await react(bob, "story", story, "fire") == {"action": "added", "reaction_type": "fire"}
    assert await story_counts(client, story) == (1, 0)
    answer = await react(bob, "story", story, "heart")
    assert answer == {"action": "updated", "reaction_type": "heart"}
    assert await story_counts(client, story) == (1, 0)
    answer = await react(bob, "story", story, "heart")
    assert answer == {"action": "removed", "reaction_type": "heart"}
    assert await feed(client) == before


async def test_a_world_counts_reactions_by_type(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    """Its card shows none of them."""
    before = await feed(client)

    async def counts() -> Json:
        found: Json = (await shown_world(client, world))["reaction_counts"]
        return found

    await react(alice, "world", world, "fire")
    await react(bob, "world", world, "thinking")
    assert await counts() == NONE_YET | {"fire": 1, "thinking": 1}
    assert (await react(bob, "world", world, "fire"))["action"] == "updated"
    assert await counts() == NONE_YET | {"fire": 2}
    assert (await react(alice, "world", world, "fire"))["action"] == "removed"
    assert await counts() == NONE_YET | {"fire": 1}
    assert await feed(client) == before


async def test_one_reaction_wherever_it_is_given(
    client: httpx2.AsyncClient, bob: Agent, story: str
) -> None:
    """A story's own endpoint and this one mean the same reaction."""
    await bob.react(story, "mind")
    assert (await react(bob, "story", story, "mind"))["action"] == "removed"
    assert await story_counts(client, story) == (0, 0)


@pytest.mark.parametrize("reaction", NONE_YET)
async def test_every_type_of_reaction(
    client: httpx2.AsyncClient, bob: Agent, world: str, story: str, reaction: str
) -> None:
    await react(bob, "world", world, reaction)
    await react(bob, "story", story, reaction)
    assert (await shown_world(client, world))["reaction_counts"] == NONE_YET | {reaction: 1}
    assert await story_counts(client, story) == (1, 0)


async def test_no_count_falls_below_zero(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str, story: str, db: AsyncSession
) -> None:
    """Not even where an older database counted too little."""
    for target_type, target in ("story", story), ("world", world):
        await react(bob, target_type, target, "fire")
    await follow(bob, "world", world)
    await db.execute(update(Story).values(reaction_count=0))
    await db.execute(update(World).values(reaction_counts=NONE_YET, follower_count=0))
    await db.commit()
    for target_type, target in ("story", story), ("world", world):
        assert (await react(bob, target_type, target, "fire"))["action"] == "removed"
    assert await unfollow(bob, "world", world) == {"action": "unfollowed"}
    assert await story_counts(client, story) == (0, 0)
    assert await followers(client, world) == 0
    assert (await shown_world(client, world))["reaction_counts"] == NONE_YET


# ── follows ──────────────────────────────────────────────────────────────────────────────────────


async def test_following_a_world(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    before = await feed(client)
    answer = await follow(bob, "world", world)
    assert answer == {"action": "followed", "notify": True, "notify_events": []}
    assert await followers(client, world) == 1
    await follow(alice, "world", world)
    assert await followers(client, world) == 2
    for agent in alice, bob:
        assert await unfollow(agent, "world", world) == {"action": "unfollowed"}
    assert await feed(client) == before


async def test_following_again_changes_what_one_is_told(
    client: httpx2.AsyncClient, bob: Agent, world: str, db: AsyncSession
) -> None:
    await follow(bob, "world", world)
    answer = await follow(bob, "world", world, notify=False, notify_events=["new_story"])
    preferences = {"notify": False, "notify_events": ["new_story"]}
    assert answer == {"action": "updated_preferences", **preferences}
    assert await followers(client, world) == 1
    [kept] = await db.scalars(select(SocialInteraction.data))
    assert kept == preferences


async def test_not_following(client: httpx2.AsyncClient, bob: Agent, world: str) -> None:
    assert await unfollow(bob, "world", world) == {"action": "not_following"}
    assert await followers(client, world) == 0


async def test_following_an_agent(client: httpx2.AsyncClient, alice: Agent, bob: Agent) -> None:
    before = await feed(client)
    assert (await follow(bob, "user", alice.id))["action"] == "followed"
    assert (await follow(bob, "user", alice.id))["action"] == "updated_preferences"
    assert await unfollow(bob, "user", alice.id) == {"action": "unfollowed"}
    assert await unfollow(bob, "user", alice.id) == {"action": "not_following"}
    assert await feed(client) == before


async def test_a_reaction_is_no_follow(client: httpx2.AsyncClient, bob: Agent, world: str) -> None:
    await react(bob, "world", world)
    assert (await follow(bob, "world", world))["action"] == "followed"
    assert await unfollow(bob, "world", world) == {"action": "unfollowed"}
    assert (await react(bob, "world", world))["action"] == "removed"


async def test_popular_worlds_come_first(alice: Agent, bob: Agent, world: str) -> None:
    await found_world(alice)
    await follow(bob, "world", world)
    assert ok(await alice.get("/worlds", sort="popular"))["worlds"][0]["id"] == world


# ── comments ─────────────────────────────────────────────────────────────────────────────────────


async def test_comments(client: httpx2.AsyncClient, alice: Agent, bob: Agent, story: str) -> None:
    """Oldest first, each with its author."""
    first = await comment(bob, "story", story)
    assert first == {
        "id": str(UUID(first["id"])),
        "content": "I would have ruled for the river.",
        "reaction": None,
        "parent_id": None,
        "created_at": first["created_at"],
        "user": {"id": bob.id, "name": "Bob", "type": "agent", "avatar_url": None},
    }
    second = await comment(alice, "story", story, content="x" * 2000, parent_id=first["id"])
    assert second["parent_id"] == first["id"]
    assert await story_counts(client, story) == (0, 2)
    listed = await client.get(f"/api/social/comments/story/{story}")
    assert ok(listed) == {"comments": [first, second]}
    listed = await client.get(f"/api/social/comments/story/{story}", params={"limit": 1})
    assert ok(listed) == {"comments": [first]}


async def test_comments_on_a_world(client: httpx2.AsyncClient, bob: Agent, world: str) -> None:
    """Its card does not show their number."""
    before = await feed(client)
    made = await comment(bob, "world", world, reaction="mind")
    assert made["reaction"] == "mind"
    shown = await shown_world(client, world)
    assert (shown["comment_count"], shown["reaction_counts"]) == (1, NONE_YET | {"mind": 1})
    listed = ok(await client.get(f"/api/social/comments/world/{world}"))
    assert listed == {"comments": [made]}
    assert await feed(client) == before


async def test_a_comment_with_a_reaction_counts_twice(
    client: httpx2.AsyncClient, bob: Agent, story: str
) -> None:
    """It is not the one reaction of its author, which may come besides."""
    await comment(bob, "story", story, reaction="heart")
    assert await story_counts(client, story) == (1, 1)
    assert (await react(bob, "story", story, "heart"))["action"] == "added"
    assert await story_counts(client, story) == (2, 1)


async def test_deleted_comments_are_gone(
    client: httpx2.AsyncClient, bob: Agent, story: str, db: AsyncSession
) -> None:
    made = await comment(bob, "story", story)
    await db.execute(update(Comment).values(is_deleted=True))
    await db.commit()
    assert ok(await client.get(f"/api/social/comments/story/{story}")) == {"comments": []}
    async with nothing_written(db):
        body = bodies.comment("story", story, parent_id=made["id"])
        refused(await bob.post("/social/comment", body), 404, parent_id=made["id"])


async def test_an_answer_stands_where_the_comment_does(
    bob: Agent, world: str, story: str, db: AsyncSession
) -> None:
    elsewhere = (await comment(bob, "world", world))["id"]
    async with nothing_written(db):
        for parent in elsewhere, NOBODY:
            body = bodies.comment("story", story, parent_id=parent)
            refused(await bob.post("/social/comment", body), 404, parent_id=parent)


async def test_comments_on_what_nobody_knows(client: httpx2.AsyncClient) -> None:
    assert ok(await client.get(f"/api/social/comments/story/{NOBODY}")) == {"comments": []}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("user/" + NOBODY, "path -> target_type"),
        ("story/x", "path -> target_id"),
        (f"story/{NOBODY}?limit=0", "query -> limit"),
        (f"story/{NOBODY}?limit=101", "query -> limit"),
    ],
)
async def test_a_listing_that_breaks_a_rule(
    client: httpx2.AsyncClient, path: str, field: str
) -> None:
    assert unprocessable(await client.get(f"/api/social/comments/{path}")) == [field]


# ── bad input ────────────────────────────────────────────────────────────────────────────────────

ACTS: dict[str, Json] = {
    "react": {"reaction_type": "fire"},
    "follow": {},
    "unfollow": {},
    "comment": {"content": "Well ruled."},
}
TARGETS = {
    "react": ("world", "story"),
    "follow": ("world", "user"),
    "unfollow": ("world", "user"),
    "comment": ("world", "story"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_target_that_does_not_exist(bob: Agent, db: AsyncSession, act: str) -> None:
    async with nothing_written(db):
        for target_type in TARGETS[act]:
            response = await bob.post(f"/social/{act}", at(target_type, NOBODY) | ACTS[act])
            refused(response, 404, target_id=NOBODY)


@pytest.mark.parametrize("act", ACTS)
async def test_a_target_of_the_wrong_kind(
    bob: Agent, world: str, story: str, db: AsyncSession, act: str
) -> None:
    wrong = {"world", "story", "user", "dweller"} - {*TARGETS[act]}
    async with nothing_written(db):
        for target_type in wrong:
            response = await bob.post(f"/social/{act}", at(target_type, world) | ACTS[act])
            assert unprocessable(response) == ["body -> target_type"]
        response = await bob.post(f"/social/{act}", at("world", "x") | ACTS[act])
        assert unprocessable(response) == ["body -> target_id"]


@pytest.mark.parametrize("act", ACTS)
async def test_without_a_key(
    client: httpx2.AsyncClient, world: str, db: AsyncSession, act: str
) -> None:
    async with nothing_written(db):
        body = at("world", world) | ACTS[act]
        refused(await client.post(f"/api/social/{act}", json=body), 401)


@pytest.mark.parametrize(
    ("act", "changes", "field"),
    [
        ("react", {"reaction_type": "like"}, "reaction_type"),
        ("react", {"reaction_type": None}, "reaction_type"),
        ("follow", {"notify": "perhaps"}, "notify"),
        ("follow", {"notify_events": "all"}, "notify_events"),
        ("follow", {"notify_events": ["x"] * 51}, "notify_events"),
        ("comment", {"content": ""}, "content"),
        ("comment", {"content": "x" * 2001}, "content"),
        ("comment", {"reaction": "like"}, "reaction"),
        ("comment", {"parent_id": "x"}, "parent_id"),
    ],
)
async def test_a_body_that_breaks_a_rule(
    bob: Agent, world: str, db: AsyncSession, act: str, changes: Json, field: str
) -> None:
    async with nothing_written(db):
        response = await bob.post(f"/social/{act}", at("world", world) | ACTS[act] | changes)
        assert unprocessable(response) == [f"body -> {field}"]


# ── everybody at once ────────────────────────────────────────────────────────────────────────────


async def test_a_crowd_reacts(
    client: httpx2.AsyncClient, crowd: list[Agent], world: str, story: str
) -> None:
    """First all at once, then one half takes it back while the other changes its mind."""

    async def at_once(*reactions: str) -> Counter[str]:
        """Reactions go round; every agent reacts to the story and to the world."""
        requests = [
            react(agent, target_type, target, reactions[number % len(reactions)])
            for number, agent in enumerate(crowd)
            for target_type, target in (("story", story), ("world", world))
        ]
        return Counter(answer["action"] for answer in await asyncio.gather(*requests))

    assert await at_once("fire", "heart") == {"added": 2 * CROWD}
    assert await story_counts(client, story) == (CROWD, 0)
    counts = (await shown_world(client, world))["reaction_counts"]
    assert counts == NONE_YET | {"fire": CROWD // 2, "heart": CROWD // 2}

    assert await at_once("fire", "mind") == {"removed": CROWD, "updated": CROWD}
    assert await story_counts(client, story) == (CROWD // 2, 0)
    counts = (await shown_world(client, world))["reaction_counts"]
    assert counts == NONE_YET | {"mind": CROWD // 2}


async def test_a_crowd_follows(client: httpx2.AsyncClient, crowd: list[Agent], world: str) -> None:
    answers = await asyncio.gather(*[follow(agent, "world", world) for agent in crowd])
    assert {answer["action"] for answer in answers} == {"followed"}
    assert await followers(client, world) == CROWD
    leaving = crowd[: CROWD // 4]
    await asyncio.gather(*[unfollow(agent, "world", world) for agent in leaving])
    assert await followers(client, world) == CROWD - len(leaving)


async def test_a_crowd_comments(
    client: httpx2.AsyncClient, crowd: list[Agent], world: str, story: str
) -> None:
    reactions = ("fire", None)
    await asyncio.gather(
        *[
            comment(agent, target_type, target, reaction=reactions[number % 2])
            for number, agent in enumerate(crowd)
            for target_type, target in (("story", story), ("world", world))
        ]
    )
    assert await story_counts(client, story) == (CROWD // 2, CROWD)
    shown = await shown_world(client, world)
    assert shown["comment_count"] == CROWD
    assert shown["reaction_counts"] == NONE_YET | {"fire": CROWD // 2}
    listed = ok(await client.get(f"/api/social/comments/story/{story}", params={"limit": 100}))
    authors = [made["user"]["id"] for made in listed["comments"]]
    assert sorted(authors) == sorted(agent.id for agent in crowd)
    times = [made["created_at"] for made in listed["comments"]]
    assert times == sorted(times)


async def test_everything_at_once(
    client: httpx2.AsyncClient, crowd: list[Agent], world: str, story: str
) -> None:
    """Different acts on one world, and on its story, do not block each other for good."""
    acts: list[Any] = []
    for agent in crowd[:10]:
        acts += [
            follow(agent, "world", world),
            react(agent, "world", world, "mind"),
            comment(agent, "world", world),
            react(agent, "story", story, "mind"),
            comment(agent, "story", story),
            agent.tell(world),
        ]
        acts += [follow(agent, "user", other.id) for other in crowd[:3]]
    await asyncio.gather(*acts)
    assert await followers(client, world) == 10
    assert await story_counts(client, story) == (10, 10)
    shown = await shown_world(client, world)
    assert shown["comment_count"] == shown["reaction_counts"]["mind"] == 10
    assert shown["story_count"] == 11


# ── the same agent twice at once ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("times", [2, 7])
async def test_the_same_reaction_at_the_same_time(
    client: httpx2.AsyncClient, bob: Agent, story: str, times: int
) -> None:
    """As if one came after the other: given, taken back, given …"""
    answers = await asyncio.gather(*[react(bob, "story", story) for _ in range(times)])
    actions = Counter(answer["action"] for answer in answers)
    assert actions == {"added": (times + 1) // 2, "removed": times // 2}
    assert await story_counts(client, story) == (times % 2, 0)


async def test_different_reactions_at_the_same_time(
    client: httpx2.AsyncClient, bob: Agent, world: str
) -> None:
    """One stays: the last."""
    answers = await asyncio.gather(*[react(bob, "world", world, kind) for kind in NONE_YET])
    assert Counter(answer["action"] for answer in answers) == {"added": 1, "updated": 3}
    counts = (await shown_world(client, world))["reaction_counts"]
    assert sorted(counts.values()) == [0, 0, 0, 1]


async def test_the_same_follow_at_the_same_time(
    client: httpx2.AsyncClient, bob: Agent, world: str
) -> None:
    answers = await asyncio.gather(*[follow(bob, "world", world) for _ in range(8)])
    assert Counter(answer["action"] for answer in answers) == {
        "followed": 1,
        "updated_preferences": 7,
    }
    assert await followers(client, world) == 1
    answers = await asyncio.gather(*[unfollow(bob, "world", world) for _ in range(8)])
    assert Counter(answer["action"] for answer in answers) == {"unfollowed": 1, "not_following": 7}
    assert await followers(client, world) == 0


# ── repeated comments ────────────────────────────────────────────────────────────────────────────


class TestWithDedupWindow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"dedup_window_override_seconds": None})

    async def test_one_comment_in_half_a_minute(
        self,
        client: httpx2.AsyncClient,
        alice: Agent,
        bob: Agent,
        world: str,
        story: str,
        db: AsyncSession,
    ) -> None:
        """Per agent and target, whatever it says."""
        first = (await comment(bob, "story", story))["id"]
        async with nothing_written(db):
            body = bodies.comment("story", story, content="And another thing.", reaction="fire")
            again = await bob.post("/social/comment", body)
            refused(again, 429, existing_comment_id=first)
        await comment(alice, "story", story)
        await comment(bob, "world", world)
        earlier = Comment.created_at - timedelta(seconds=30)
        await db.execute(
            update(Comment).where(Comment.id == UUID(first)).values(created_at=earlier)
        )
        await db.commit()
        await comment(bob, "story", story)
        assert await story_counts(client, story) == (0, 3)

    async def test_at_the_same_time(
        self, client: httpx2.AsyncClient, bob: Agent, story: str
    ) -> None:
        body = bodies.comment("story", story, reaction="fire")
        answers = await asyncio.gather(*[bob.post("/social/comment", body) for _ in range(8)])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 429: 7}
        assert await story_counts(client, story) == (1, 1)
