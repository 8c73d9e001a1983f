"""What only an administrator may do, and what the feed shows then; and what operators watch."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.migrate import head_revision
from db.models import (
    Aspect,
    Dweller,
    DwellerAction,
    Proposal,
    ReviewFeedback,
    Story,
    StoryReview,
    User,
    UserType,
    World,
)
from db.session import Database
from feed.catalogue import CATALOGUE, CONVERSATIONS, story_reviewed
from feed.verify import DRIFT
from tests.support import aspects, bodies
from tests.support.agents import Agent, graduate_by_review, register
from tests.support.answers import ok, refused, unprocessable
from tests.support.contract import Item
from tests.support.dwellers import (
    act,
    add_region,
    create,
    found_world,
    inhabit,
    release,
    settle,
    token,
)
from tests.support.feed import feed, of_type, the_only, types
from tests.support.slow_queries import HELD_UP, until_queries
from tests.support.tables import nothing_written
from tests.support.truth import is_true
from utils.feed_events import settle_feed_events

Client = httpx2.AsyncClient
Observer = psycopg.AsyncConnection[Any]
Response = httpx2.Response
Json = dict[str, Any]

NOBODY = str(UUID(int=0))
KINDS = ("world", "agent", "dweller")
ADMIN_KEY = "the-operator's"
NEW = "Tide Courts"
EVENT: Json = {"approved_timeline_entry": bodies.entry()}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admin_api_key": SecretStr(ADMIN_KEY)})


@pytest.fixture
async def live(app: FastAPI) -> Database:
    live: Database = app.state.database
    return live


@dataclass(frozen=True)
class Admin:
    """Whoever holds the admin key; requests, whatever comes of them."""

    client: Client

    async def patch(self, path: str, body: Any) -> Response:
        return await self._call("PATCH", path, json=body)

    async def delete(self, path: str) -> Response:
        return await self._call("DELETE", path)

    async def _call(self, method: str, path: str, **request: Any) -> Response:
        headers = {"X-API-Key": ADMIN_KEY}
        return await self.client.request(method, f"/api{path}", headers=headers, **request)


@pytest.fixture
async def admin(client: Client) -> Admin:
    return Admin(client)


@dataclass(frozen=True)
class Place:
    """A world with everything in it, by what it is. Alice made most of it, Bob and Carol judged."""

    alice: Agent
    bob: Agent
    carol: Agent
    proposal: str
    world: str
    aspect: str
    story: str
    dweller: str
    points: list[str]
    """Of Bob's reviews of the aspect and of the story: one of each is resolved, one is not."""


@pytest.fixture
async def place(client: Client) -> Place:
    """Every type of item is about it; and there is a second world of the same name."""
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal, world = await graduate_by_review(alice, bob, carol)
    await alice.vote(await bob.publish(name="Voted"))
    await add_region(alice, world)
    await inhabit(world, alice, bob)
    await aspects.approve_at_once(bob, await aspects.publish(alice, world, bodies.event()), **EVENT)
    aspect, points = await a_reviewed_aspect(world, alice, bob)
    story, more_points = await a_reviewed_story(world, alice, bob, carol)
    elsewhere = await found_world(bob)
    await act(bob, await settle(bob, elsewhere, name="Stranger"))
    await alice.judge(await bob.tell(elsewhere))
    items = await feed(client)
    assert set(types(items)) == CATALOGUE.keys()
    dweller = the_only(items, "conversation")["actions"][0]["dweller"]["id"]
    points += more_points
    return Place(alice, bob, carol, proposal, world, aspect, story, dweller, points)


async def a_reviewed_aspect(world: str, author: Agent, reviewer: Agent) -> tuple[str, list[str]]:
    """Under review, with a point resolved and one left."""
    aspect = await aspects.publish(author, world)
    review = await reviewer.review(aspect, "minor", "minor", kind="aspect")
    await reviewer.resolve(review.items[0])
    await aspects.revise(author, aspect)
    return aspect, review.items


async def a_reviewed_story(
    world: str, author: Agent, reviewer: Agent, judge: Agent
) -> tuple[str, list[str]]:
    story = await author.tell(world)
    review = await reviewer.review(story, "minor", "minor", kind="story")
    await author.rewrite(story)
    await reviewer.resolve(review.items[0])
    await judge.judge(story)
    return story, review.items


# ── names ────────────────────────────────────────────────────────────────────────────────────────

NAME_THEIR_WORLD = {
    "world_created",
    "aspect_proposed",
    "aspect_approved",
    "dweller_created",
    "dweller_action",
    "activity_group",
    "conversation",
    "story_created",
    "story_revised",
    "story_reviewed",
}
SAY_USERNAMES = {"proposal_revised", "review_submitted", "story_reviewed", "feedback_resolved"}
NAME_AN_AGENT = CATALOGUE.keys() - SAY_USERNAMES - {"proposal_graduated"}


def in_renamed_world(item: Item, place: Place) -> Item:
    item = deepcopy(item)
    if (item.get("world") or {}).get("id") == place.world:
        item["world"]["name"] = NEW
    if item.get("story_id") == place.story:
        item["world_name"] = NEW
    return item


def by_renamed(value: Any, agent: Agent) -> Any:
    """The item, or a part of it, with the agent's new name wherever the agent is."""
    match value:
        case {"id": agent.id, "username": _, "name": _}:
            return value | {"name": NEW}
        case dict():
            return {key: by_renamed(inner, agent) for key, inner in value.items()}
        case list():
            return [by_renamed(inner, agent) for inner in value]
        case _:
            return value


def changed_types(before: list[Item], after: list[Item]) -> set[str]:
    return {new["type"] for old, new in zip(before, after, strict=True) if old != new}


async def test_rename_a_world(client: Client, admin: Admin, place: Place, live: Database) -> None:
    before = await feed(client)
    answer = ok(await admin.patch(f"/admin/worlds/{place.world}", {"name": NEW}))
    assert answer == {"id": place.world, "name": NEW, "is_active": True}
    assert ok(await client.get(f"/api/worlds/{place.world}"))["world"]["name"] == NEW
    after = await feed(client)
    assert after == [in_renamed_world(item, place) for item in before]
    assert changed_types(before, after) == NAME_THEIR_WORLD
    await is_true(live)


async def test_rename_agents(client: Client, admin: Admin, place: Place, live: Database) -> None:
    """Their usernames stay, and so does what goes by them."""
    changed = set()
    for agent in place.alice, place.bob:
        before = await feed(client)
        answer = ok(await admin.patch(f"/admin/agents/{agent.id}", {"name": NEW}))
        assert answer == {"id": agent.id, "name": NEW}
        profile = ok(await agent.get("/auth/me"))
        assert (profile["name"], profile["username"]) == (NEW, f"@{agent.username}")
        after = await feed(client)
        assert after == by_renamed(before, agent)
        changed |= changed_types(before, after)
        await is_true(live)
    assert changed == NAME_AN_AGENT


async def test_who_was_renamed_goes_on(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    ok(await admin.patch(f"/admin/agents/{place.bob.id}", {"name": NEW}))
    ok(await admin.patch(f"/admin/worlds/{place.world}", {"name": NEW}))
    await place.bob.tell(place.world)
    [told, *_] = await feed(client)
    assert told["agent"] == place.bob.ref | {"name": NEW}
    assert told["world"]["name"] == NEW
    await is_true(live)


@pytest.mark.parametrize("kind", ["world", "agent"])
async def test_names_may_be_long_and_strange(
    client: Client, admin: Admin, kind: str, live: Database
) -> None:
    [alice] = await register(client, "Alice")
    ids = {"agent": alice.id, "world": await found_world(alice)}
    for name in ("x" * 255, "\N{WATER WAVE}" * 255, "'; --\\\"\n", "x"):
        answer = ok(await admin.patch(f"/admin/{kind}s/{ids[kind]}", {"name": name}))
        assert answer["name"] == name
        assert the_only(await feed(client), "world_created")[kind]["name"] == name
        await is_true(live)


# ── out of sight ─────────────────────────────────────────────────────────────────────────────────


def without(items: list[Item], *gone: tuple[str, str]) -> list[Item]:
    """The items without these, each of which must be there."""
    left = [item for item in items if (item["type"], item["id"]) not in gone]
    assert len(left) == len(items) - len(gone)
    return left


async def test_a_world_goes_out_of_sight_and_comes_back(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    """Its own two items do, whatever has happened in it stays."""
    before = await feed(client)
    own = ("world_created", place.world), ("proposal_graduated", f"graduated-{place.world}")
    for is_active, expected in ((False, without(before, *own)), (True, before)):
        for _ in range(2):
            path = f"/admin/worlds/{place.world}"
            answer = ok(await admin.patch(path, {"is_active": is_active}))
            assert answer == {"id": place.world, "name": "River Courts", "is_active": is_active}
            assert await feed(client) == expected
            await is_true(live)


async def test_what_happens_out_of_sight(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    """The world's items stay away whatever refreshes them, and come back as they then are."""
    path = f"/admin/worlds/{place.world}"
    before = await feed(client, world_id=place.world)
    was, graduation = the_only(before, "world_created"), the_only(before, "proposal_graduated")
    ok(await admin.patch(path, {"name": NEW, "is_active": False}))
    reviews = ok(await client.get(f"/api/review/proposal/{place.proposal}/feedback"))["reviews"]
    [point] = [
        point
        for review in reviews
        if review["reviewer_id"] == place.bob.id
        for point in review["feedback_items"]
    ]
    await place.bob.reopen(point["id"])
    await create(place.carol, place.world, name="Late")
    follow = {"target_type": "world", "target_id": place.world}
    ok(await place.carol.post("/social/follow", follow))
    items = await feed(client, world_id=place.world)
    assert not of_type(items, "world_created", "proposal_graduated")
    assert items[0]["dweller"]["name"] == "Late"
    assert items[0]["world"]["name"] == NEW
    await is_true(live)

    ok(await admin.patch(path, {"is_active": True}))
    items = await feed(client, world_id=place.world)
    counts = {"dweller_count": was["world"]["dweller_count"] + 1, "follower_count": 1}
    assert the_only(items, "world_created")["world"] == was["world"] | {"name": NEW} | counts
    resolved = graduation["feedback_items_resolved"] - 1
    assert the_only(items, "proposal_graduated") == graduation | {
        "feedback_items_resolved": resolved
    }
    await is_true(live)


async def test_a_dweller_goes_out_of_sight_and_comes_back(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    """What it did, alone and in conversations, stays."""
    before = await feed(client)
    hidden = without(before, ("dweller_created", place.dweller))
    for is_active, expected in ((False, hidden), (True, before)):
        for _ in range(2):
            path = f"/admin/dwellers/{place.dweller}"
            answer = ok(await admin.patch(path, {"is_active": is_active}))
            state = {"name": "Burble Sillgate", "is_active": is_active}
            assert answer == {"id": place.dweller} | state
            assert await feed(client) == expected
            await is_true(live)


# ── gone ─────────────────────────────────────────────────────────────────────────────────────────


def is_within(item: Item, place: Place) -> bool:
    """Whether the item is about the world, or about something in it."""
    if item["type"] == "proposal_revised":
        return bool(item["content_id"] == place.aspect)
    worlds = [item.get("world_id"), (item.get("world") or {}).get("id")]
    return place.world in worlds or item.get("story_id") == place.story


async def test_delete_a_world(
    client: Client, admin: Admin, place: Place, live: Database, db: AsyncSession
) -> None:
    """All of it leaves the feed. Reviews of what was in it stay, about something that is gone."""
    before = await feed(client)
    assert await numbers(db) == [2, 2, 4, 6, 2, 2, 4]
    answer = ok(await admin.delete(f"/worlds/{place.world}"))
    assert answer == {"deleted": True, "id": place.world}
    expected = [item for item in before if not is_within(item, place)]
    gone = {item["type"] for item in before if is_within(item, place)}
    assert gone == NAME_THEIR_WORLD | {"proposal_graduated", "proposal_revised"}
    about = [item for item in expected if item.get("content_id") in (place.aspect, place.story)]
    assert sorted(types(about)) == ["feedback_resolved"] * 2 + ["review_submitted"] * 2
    for item in about:
        item["content_name"] = "Unknown"
    assert await feed(client) == expected
    await is_true(live)
    assert await numbers(db) == [1, 0, 1, 1, 1, 1, 4]
    refused(await client.get(f"/api/worlds/{place.world}"), 404)
    refused(await admin.delete(f"/worlds/{place.world}"), 404)
    refused(await admin.patch(f"/admin/worlds/{place.world}", {"name": NEW}), 404, id=place.world)


async def numbers(db: AsyncSession) -> list[int | None]:
    """Of worlds, of what worlds hold, and of critical reviews."""
    held = (Aspect, Dweller, DwellerAction, Story, StoryReview)
    found = [
        await db.scalar(select(func.count()).select_from(table))
        for table in (World, *held, ReviewFeedback)
    ]
    await db.rollback()
    return found


async def test_nothing_can_be_done_about_what_is_gone(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    ok(await admin.delete(f"/worlds/{place.world}"))
    before = await feed(client)
    for agent in place.alice, place.bob:
        for point in place.points:
            path = f"/review/feedback-item/{point}"
            for kind, content in ("aspect", place.aspect), ("story", place.story):
                answer = await agent.post(
                    f"/review/{kind}/{content}/feedback", bodies.points("minor")
                )
                refused(answer, 404, content_id=content)
            for verb, body in (("respond", bodies.ANSWER), ("resolve", {}), ("reopen", None)):
                assert (await agent.post(f"{path}/{verb}", body)).status_code == 404
        assert (await agent.post(f"/dwellers/{place.dweller}/claim")).status_code == 404
        assert (await agent.post("/stories", bodies.story(place.world))).status_code == 404
    assert await feed(client) == before
    ok(await admin.patch(f"/admin/agents/{place.bob.id}", {"name": NEW}))
    await is_true(live)


async def test_delete_what_is_out_of_sight(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    ok(await admin.patch(f"/admin/dwellers/{place.dweller}", {"is_active": False}))
    ok(await admin.patch(f"/admin/worlds/{place.world}", {"is_active": False}))
    ok(await admin.delete(f"/worlds/{place.world}"))
    assert not [item for item in await feed(client) if is_within(item, place)]
    await is_true(live)


@pytest.fixture
async def neighbours(client: Client) -> list[tuple[Agent, str, str]]:
    """Two agents, each with a world and a dweller in it."""
    found = []
    for agent in await register(client, "Alice", "Bob"):
        world = await found_world(agent)
        found.append((agent, world, await settle(agent, world)))
    return found


@pytest.mark.parametrize("deleted", [0, 1], ids=["asked", "answered"])
async def test_delete_a_world_that_talked_with_another(
    client: Client,
    admin: Admin,
    live: Database,
    neighbours: list[tuple[Agent, str, str]],
    deleted: int,
) -> None:
    """Dwellers of two worlds answer each other: what is left of it is shown as it then is."""
    (alice, _, burble), (bob, _, ferry) = neighbours
    question = (await act(alice, burble))["action"]["id"]
    answer = (await act(bob, ferry, in_reply_to_action_id=question))["action"]["id"]
    await act(alice, burble, in_reply_to_action_id=answer)
    await act(bob, ferry)
    await is_true(live)
    _, world, _ = neighbours[deleted]
    ok(await admin.delete(f"/worlds/{world}"))
    assert not await feed(client, world_id=world)
    await is_true(live)


# ── who may, and what is no request ──────────────────────────────────────────────────────────────

Request = tuple[str, str, Json | None]
REQUESTS: list[Request] = [
    ("PATCH", "/admin/worlds/{world}", {"name": NEW}),
    ("PATCH", "/admin/agents/{agent}", {"name": NEW}),
    ("PATCH", "/admin/dwellers/{dweller}", {"is_active": False}),
    ("DELETE", "/worlds/{world}", None),
]


@pytest.fixture
async def ids(client: Client) -> dict[str, str]:
    """Of a world and its dweller, and of an agent, with its `key`, that made and is them."""
    [alice] = await register(client, "Alice")
    world = await found_world(alice)
    dweller = (await create(alice, world))["id"]
    return {"agent": alice.id, "key": alice.key, "world": world, "dweller": dweller}


async def call(client: Client, request: Request, ids: dict[str, str], **headers: str) -> Response:
    method, path, body = request
    return await client.request(method, f"/api{path.format(**ids)}", json=body, headers=headers)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request[1])
async def test_who_may(
    client: Client, ids: dict[str, str], db: AsyncSession, request_: Request
) -> None:
    """Not even who made it, or is it."""
    async with nothing_written(db):
        refused(await call(client, request_, ids), 401)
        for key in ADMIN_KEY[:-1], ADMIN_KEY + "x", ADMIN_KEY.upper():
            answer = await call(client, request_, ids, **{"X-API-Key": key})
            refused(answer, 401, key_prefix=key[:12])
        refused(await call(client, request_, ids, **{"X-API-Key": ids["key"]}), 403)
    ok(await call(client, request_, ids, Authorization=f"Bearer {ADMIN_KEY}"))


class TestWithoutAnAdminKey:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"admin_api_key": None})

    @pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request[1])
    async def test_nobody_may(
        self, client: Client, ids: dict[str, str], db: AsyncSession, request_: Request
    ) -> None:
        async with nothing_written(db):
            for key in ADMIN_KEY, "None":
                answer = await call(client, request_, ids, **{"X-API-Key": key})
                refused(answer, 401, key_prefix=key[:12])
            refused(await call(client, request_, ids, **{"X-API-Key": ids["key"]}), 403)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request[1])
async def test_what_does_not_exist(client: Client, db: AsyncSession, request_: Request) -> None:
    key = {"X-API-Key": ADMIN_KEY}
    async with nothing_written(db):
        answer = await call(client, request_, dict.fromkeys(KINDS, NOBODY), **key)
        refused(answer, 404, **({"id": NOBODY} if request_[0] == "PATCH" else {}))
        for malformed in "x", "1", "%00":
            answer = await call(client, request_, dict.fromkeys(KINDS, malformed), **key)
            [field] = unprocessable(answer)
            assert field in [f"path -> {kind}_id" for kind in KINDS]


async def test_people_are_no_agents(admin: Admin, db: AsyncSession) -> None:
    human = User(type=UserType.HUMAN, username="henry", name="Henry")
    db.add(human)
    await db.commit()
    async with nothing_written(db):
        answer = await admin.patch(f"/admin/agents/{human.id}", {"name": NEW})
        refused(answer, 404, id=str(human.id))


NOTHING: list[Json] = [{}, {"name": None, "is_active": None}, {"title": NEW}]


async def test_what_changes_nothing(admin: Admin, ids: dict[str, str], db: AsyncSession) -> None:
    async with nothing_written(db):
        for path in ("/admin/worlds/{world}", "/admin/agents/{agent}", "/admin/dwellers/{dweller}"):
            for body in NOTHING:
                refused(await admin.patch(path.format(**ids), body), 400)
        refused(await admin.patch(f"/admin/agents/{ids['agent']}", {"is_active": False}), 400)
        refused(await admin.patch(f"/admin/dwellers/{ids['dweller']}", {"name": NEW}), 400)


@pytest.mark.parametrize(
    "name", ["", "x" * 256, "\0", 1, ["x"], {}], ids=lambda name: repr(name)[:9]
)
async def test_what_is_no_name(
    admin: Admin, ids: dict[str, str], db: AsyncSession, name: Any
) -> None:
    async with nothing_written(db):
        for path in "/admin/worlds/{world}", "/admin/agents/{agent}":
            answer = await admin.patch(path.format(**ids), {"name": name, "is_active": False})
            assert unprocessable(answer) == ["body -> name"]


@pytest.mark.parametrize("state", ["yes", "false", 0, 1, [], {}])
async def test_what_is_no_state(
    admin: Admin, ids: dict[str, str], db: AsyncSession, state: Any
) -> None:
    """As everywhere: true or false, and nothing that is taken for it."""
    async with nothing_written(db):
        for path in "/admin/worlds/{world}", "/admin/dwellers/{dweller}":
            answer = await admin.patch(path.format(**ids), {"name": NEW, "is_active": state})
            assert unprocessable(answer) == ["body -> is_active"]


# ── what operators watch ─────────────────────────────────────────────────────────────────────────


async def test_health_tells_about_the_feed(client: Client, db: AsyncSession) -> None:
    health = ok(await client.get("/health"))
    assert health.keys() == {"status", "version", "database", "feed", "live"}
    assert health["feed"] == {
        "verified_through": None,
        "drift": dict.fromkeys(DRIFT, 0),
        "refreshes_pending": 0,
    }
    await db.execute(text("UPDATE alembic_version SET version_num = 'feed_0029'"))
    await db.commit()
    health = ok(await client.get("/health"))
    assert (health["status"], health["feed"]) == ("migration needed", None)
    assert health["database"]["expected_revision"] == head_revision()


def figures(metrics: str) -> dict[tuple[str, str | None], float]:
    """By name and kind; each family is a gauge and says what it is."""
    found = {}
    for family in text_string_to_metric_families(metrics):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            found[sample.name, sample.labels.get("kind")] = sample.value
    return found


async def test_metrics(client: Client) -> None:
    """Without a verification there is no time of one."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE_LATEST
    drift = {("feed_drift_items", kind): 0.0 for kind in DRIFT}
    assert figures(answer.text) == drift | {("feed_refreshes_pending", None): 0.0}


async def test_both_tell_what_is_left_to_do(
    client: Client, admin: Admin, ids: dict[str, str], live: Database
) -> None:
    """A dweller that somebody is writing about gets the new name of its world later."""

    async def pending() -> tuple[int, float]:
        health = ok(await client.get("/health"))["feed"]["refreshes_pending"]
        metrics = figures((await client.get("/metrics")).text)
        return health, metrics["feed_refreshes_pending", None]

    async with live.session() as holder:
        await holder.get_one(Dweller, UUID(ids["dweller"]), with_for_update=True)
        ok(await admin.patch(f"/admin/worlds/{ids['world']}", {"name": NEW}))
        assert await pending() == (1, 1.0)
    await is_true(live)
    assert await pending() == (0, 0.0)


# ── at the same time ─────────────────────────────────────────────────────────────────────────────


async def at_once(*requests: Awaitable[Response]) -> None:
    """Every answer is a success or a clear refusal."""
    answers = await asyncio.gather(*requests)
    failed = [answer.text for answer in answers if answer.status_code >= 500]
    assert not failed


async def test_rename_an_agent_while_it_writes(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    alice, path = place.alice, f"/admin/agents/{place.alice.id}"
    dweller = await settle(alice, place.world, name="Lock")
    for number in range(4):
        known = await token(alice, dweller)
        draft, proposal = await alice.propose(), await alice.publish()
        aspect = await aspects.draft(alice, place.world)
        mine, theirs = await alice.tell(place.world), await place.bob.tell(place.world)
        await at_once(
            admin.patch(path, {"name": f"First {number}"}),
            alice.post(f"/proposals/{draft}/submit"),
            alice.post(f"/proposals/{proposal}/revise", {"premise": "It rose." * 10}),
            alice.post(f"/aspects/{aspect}/submit"),
            alice.post("/stories", bodies.story(place.world)),
            alice.post(f"/stories/{mine}/revise", {"title": "It Rose"}),
            admin.patch(path, {"name": f"Second {number}"}),
            alice.post(f"/stories/{theirs}/review", bodies.story_review()),
            alice.post(f"/dwellers/worlds/{place.world}/dwellers", bodies.dweller()),
            alice.post(f"/dwellers/{dweller}/act", bodies.act(known)),
            alice.post(f"/dwellers/{dweller}/release"),
        )
        await place.carol.test_approve(draft)
        await place.carol.test_approve(proposal)
        await is_true(live)
        ok(await alice.post(f"/dwellers/{dweller}/claim"))


async def test_rename_a_world_while_it_grows(
    client: Client, admin: Admin, place: Place, live: Database
) -> None:
    alice, bob, carol = place.alice, place.bob, place.carol
    path, world = f"/admin/worlds/{place.world}", place.world
    home = f"/dwellers/worlds/{world}/dwellers"
    for number in range(4):
        open_ones = [await aspects.publish(alice, world) for _ in range(3)]
        canon = {"updated_canon_summary": bodies.CANON}
        dweller = await settle(bob, world, name="Lock")
        known = await token(bob, dweller)
        await at_once(
            *(bob.post(f"/aspects/{aspect}/test-approve", canon) for aspect in open_ones),
            admin.patch(path, {"name": f"First {number}"}),
            *(agent.post(home, bodies.dweller()) for agent in (alice, bob, carol)),
            carol.post("/stories", bodies.story(world)),
            admin.patch(path, {"name": f"Second {number}"}),
            bob.post(f"/dwellers/{dweller}/act", bodies.act(known)),
            carol.post(f"/aspects/worlds/{world}/aspects", bodies.aspect()),
        )
        await is_true(live)
        await release(bob, dweller)
    world_item = the_only(await feed(client, world_id=world), "world_created")
    assert world_item["world"]["name"] in ("First 3", "Second 3")


async def test_rename_an_agent_that_is_known_by_its_old_name(
    client: Client, admin: Admin, live: Database, observer: Observer
) -> None:
    """A request has recognised the agent, and writes its item when the new name is in place."""
    [alice] = await register(client, "Alice")
    draft = await alice.propose()
    async with live.session() as holder:
        await holder.get_one(Proposal, UUID(draft), with_for_update=True)
        submitted = asyncio.create_task(alice.post(f"/proposals/{draft}/submit"))
        await until_queries(observer, 1, HELD_UP)
        ok(await admin.patch(f"/admin/agents/{alice.id}", {"name": NEW}))
    ok(await submitted)
    await is_true(live)


@pytest.mark.parametrize("what", ["a story", "an aspect", "an action"])
async def test_rename_a_world_that_is_known_by_its_old_name(
    client: Client, admin: Admin, live: Database, observer: Observer, what: str
) -> None:
    """The first item about it is on its way to the feed when the new name comes."""
    [alice] = await register(client, "Alice")
    world = await found_world(alice)
    write = await first_of(what, alice, world)
    async with live.session() as holder:
        await holder.execute(text("LOCK TABLE platform_feed_events IN SHARE ROW EXCLUSIVE MODE"))
        written = asyncio.create_task(write())
        await until_queries(observer, 1, HELD_UP)
        renamed = asyncio.create_task(admin.patch(f"/admin/worlds/{world}", {"name": NEW}))
        await until_queries(observer, 2, HELD_UP)
    ok(await written)
    ok(await renamed)
    await is_true(live)


async def first_of(
    what: str, alice: Agent, world: str
) -> Callable[[], Coroutine[Any, Any, Response]]:
    if what == "a story":
        return lambda: alice.post("/stories", bodies.story(world))
    if what == "an aspect":
        aspect = await aspects.draft(alice, world)
        return lambda: alice.post(f"/aspects/{aspect}/submit")
    dweller = await settle(alice, world)
    known = await token(alice, dweller)
    return lambda: alice.post(f"/dwellers/{dweller}/act", bodies.act(known))


async def test_delete_a_world_while_everybody_writes(
    client: Client, admin: Admin, live: Database
) -> None:
    """Each write is done, and undone with the world, or finds nothing any more."""
    alice, bob = await register(client, "Alice", "Bob")
    for number in range(6):
        world = await found_world(alice)
        homes = [await settle(alice, world, name=f"Lock {n}") for n in range(3)]
        known = [await token(alice, dweller) for dweller in homes]
        story, points = await a_reviewed_story(world, alice, bob, bob)
        aspect = await aspects.publish(alice, world)
        writes = [
            *(
                alice.post(f"/dwellers/{dweller}/act", bodies.act(context))
                for dweller, context in zip(homes, known, strict=True)
            ),
            bob.post(f"/review/feedback-item/{points[1]}/resolve", {}),
            bob.post(f"/stories/{story}/react", {"reaction_type": "fire"}),
            alice.post(f"/stories/{story}/revise", {"title": "It Rose"}),
            alice.post("/stories", bodies.story(world)),
            alice.post(f"/dwellers/worlds/{world}/dwellers", bodies.dweller()),
            bob.post(f"/aspects/{aspect}/validate", bodies.aspect_vote()),
        ]
        writes.insert(number, admin.delete(f"/worlds/{world}"))
        await at_once(*writes)
        await is_true(live)
        refused(await client.get(f"/api/worlds/{world}"), 404)


async def test_who_reads_what_is_deleted_just_then_finds_nothing(
    client: Client, live: Database, observer: Observer
) -> None:
    """The record was still there; what it belongs to is looked at afterwards."""
    [alice] = await register(client, "Alice")
    world = await found_world(alice)
    dweller, story = await settle(alice, world), await alice.tell(world)
    aspect = await aspects.publish(alice, world)
    paths = [
        f"/dwellers/{dweller}",
        f"/dwellers/{dweller}/state",
        f"/stories/{story}",
        f"/aspects/{aspect}",
    ]
    async with live.session() as deleter:
        await deleter.execute(text("LOCK TABLE platform_worlds IN ACCESS EXCLUSIVE MODE"))
        reads = [asyncio.create_task(alice.get(path)) for path in paths]
        await until_queries(observer, len(paths), HELD_UP)
        await deleter.execute(text("DELETE FROM platform_worlds"))
        await deleter.commit()
    for read in reads:
        refused(await read, 404)


async def test_delete_a_world_that_is_being_answered(
    client: Client,
    admin: Admin,
    live: Database,
    observer: Observer,
    neighbours: list[tuple[Agent, str, str]],
) -> None:
    """An answer from another world that came a moment before is left there, too."""
    (alice, world, burble), (bob, _, ferry) = neighbours
    question = (await act(alice, burble))["action"]["id"]
    body = bodies.act(await token(bob, ferry), in_reply_to_action_id=question)
    async with live.session() as holder:
        await CONVERSATIONS.lock(holder, [UUID(question)])
        answered = asyncio.create_task(bob.post(f"/dwellers/{ferry}/act", body))
        await until_queries(observer, 1, HELD_UP)
        deleted = asyncio.create_task(admin.delete(f"/worlds/{world}"))
        await until_queries(observer, 2, HELD_UP)
    answer = ok(await answered)["action"]["id"]
    ok(await deleted)
    assert the_only(await feed(client), "dweller_action")["id"] == answer
    await is_true(live)


async def test_delete_a_world_while_an_item_about_it_is_refreshed(
    client: Client, admin: Admin, live: Database, observer: Observer
) -> None:
    """Whoever refreshes one holds its record, and then writes its row: so does a new name."""
    alice, bob = await register(client, "Alice", "Bob")
    world = await found_world(alice)
    review = UUID(await bob.judge(await alice.tell(world)))
    [source] = story_reviewed.sources
    async with live.session() as holder:
        assert await source.lock_free(holder, [review]) == [review]
        deleted = asyncio.create_task(admin.delete(f"/worlds/{world}"))
        await until_queries(observer, 1, HELD_UP)
        await settle_feed_events(holder, source, [review])
        await holder.commit()
    ok(await deleted)
    await is_true(live)
