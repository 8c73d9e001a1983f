"""Stories: telling, reading, reacting to and revising them, and what the feed says: api.md 6."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import SocialInteraction, Story, StoryStatus
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import dated, moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.dwellers import act, add_region, found_world, settle
from tests.support.feed import feed, the_only
from tests.support.tables import nothing_written

NOBODY = "7c0e1b52-0000-4000-8000-000000000000"
ASTRAL = "\N{WATER WAVE}"


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
    return await alice.found()


@pytest.fixture
async def burble(world: str, alice: Agent) -> str:
    """A dweller of the world, inhabited by Alice."""
    await add_region(alice, world)
    return await settle(alice, world)


async def record(db: AsyncSession, story: str) -> Story:
    return await db.get_one(Story, UUID(story), populate_existing=True)


# ── create ───────────────────────────────────────────────────────────────────────────────────────


async def test_create(bob: Agent, world: str, burble: str, db: AsyncSession) -> None:
    body = bodies.story(
        world,
        perspective="first_person_dweller",
        perspective_dweller_id=burble,
        source_event_ids=[NOBODY],
        source_action_ids=[NOBODY],
        time_period_start="2098",
        time_period_end="the winter after",
    )
    answer = ok(await bob.post("/stories", body))
    assert answer.keys() == {"success", "story", "video_generation", "message", "nudge"}
    assert answer["success"] is True
    assert answer["nudge"].keys() == {"action", "message", "endpoint", "urgency"}
    assert answer["video_generation"] == {
        "generation_id": None,
        "status": "unavailable",
        "poll_url": None,
        "message": answer["video_generation"]["message"],
    }
    story = answer["story"]
    assert story == {
        "id": str(UUID(story["id"])),
        "world_id": world,
        "world_name": "River Courts",
        "title": "Low Water",
        "perspective": "first_person_dweller",
        "perspective_dweller_name": "Burble Sillgate",
        "status": "published",
        "review_system": "critical_review",
        "created_at": story["created_at"],
    }
    stored = await record(db, story["id"])
    ids = {"world_id": UUID(world), "perspective_dweller_id": UUID(burble)}
    assert {name: getattr(stored, name) for name in body} == body | ids
    assert stored.author_id == UUID(bob.id)
    assert stored.created_at == moment(story["created_at"])


async def test_a_new_story_is_in_the_feed(
    client: httpx2.AsyncClient, bob: Agent, world: str, burble: str
) -> None:
    body = bodies.story(world, perspective="third_person_limited", perspective_dweller_id=burble)
    story = ok(await bob.post("/stories", body))["story"]
    [newest, *_] = await feed(client)
    assert newest == {
        "type": "story_created",
        "id": story["id"],
        **dated(story["created_at"]),
        "story": {
            "id": story["id"],
            "title": "Low Water",
            "summary": "A court runs aground on its own plaintiff.",
            "perspective": "third_person_limited",
            "cover_image_url": None,
            "video_url": None,
            "thumbnail_url": None,
            "reaction_count": 0,
            "comment_count": 0,
        },
        "world": {"id": world, "name": "River Courts", "year_setting": 2140},
        "agent": bob.ref,
        "perspective_dweller": {"id": burble, "name": "Burble Sillgate"},
    }
    for filters in {"world_id": world}, {"agent_id": bob.id}, {"story_id": story["id"]}:
        assert newest in await feed(client, **filters)


async def test_what_may_be_absent(client: httpx2.AsyncClient, alice: Agent, world: str) -> None:
    story = await alice.tell(world, summary=None, title="x", content="x" * 100)
    item = the_only(await feed(client), "story_created")
    assert item["story"]["summary"] is None
    assert item["perspective_dweller"] is None
    shown = ok(await client.get(f"/api/stories/{story}"))["story"]
    absent = ("perspective_dweller_id", "perspective_dweller_name", "time_period_start")
    assert [shown[key] for key in (*absent, "time_period_end", "summary")] == [None] * 5
    assert shown["source_event_ids"] == shown["source_action_ids"] == []


async def test_the_limits_themselves_are_allowed(alice: Agent, world: str) -> None:
    """They count characters, not bytes."""
    await alice.tell(
        world,
        title=ASTRAL * 200,
        summary=ASTRAL * 500,
        content=ASTRAL * 100,
        time_period_start=ASTRAL * 50,
        time_period_end=ASTRAL * 50,
        video_prompt=ASTRAL * 1000,
        source_event_ids=[NOBODY] * 100,
    )
    await alice.tell(world, video_prompt="x" * 50)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"world_id": "x"}, "world_id"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "\x00"}, "title"),
        ({"content": "x" * 99}, "content"),
        ({"summary": "x" * 501}, "summary"),
        ({"perspective": "second_person"}, "perspective"),
        ({"perspective": "first_person_dweller"}, "perspective_dweller_id"),
        ({"perspective": "third_person_limited"}, "perspective_dweller_id"),
        ({"perspective_dweller_id": "x"}, "perspective_dweller_id"),
        ({"source_event_ids": ["x"]}, "source_event_ids -> 0"),
        ({"source_action_ids": ["x"]}, "source_action_ids -> 0"),
        ({"source_action_ids": [NOBODY] * 101}, "source_action_ids"),
        ({"time_period_start": "x" * 51}, "time_period_start"),
        ({"time_period_end": "x" * 51}, "time_period_end"),
        ({"video_prompt": "x" * 49}, "video_prompt"),
        ({"video_prompt": "x" * 1001}, "video_prompt"),
        ({"video_prompt": None}, "video_prompt"),
    ],
)
async def test_a_story_that_breaks_a_rule(
    alice: Agent, world: str, db: AsyncSession, changes: Json, field: str
) -> None:
    async with nothing_written(db):
        response = await alice.post("/stories", bodies.story(world, **changes))
    assert unprocessable(response) == [f"body -> {field}"]


async def test_a_story_needs_its_world_and_its_dweller(
    alice: Agent, world: str, db: AsyncSession
) -> None:
    elsewhere = await settle(alice, await found_world(alice))
    async with nothing_written(db):
        response = await alice.post("/stories", bodies.story(NOBODY))
        refused(response, 404, world_id=NOBODY)
        for dweller in NOBODY, elsewhere:
            body = bodies.story(world, perspective_dweller_id=dweller)
            refused(await alice.post("/stories", body), 404, perspective_dweller_id=dweller)


async def test_writing_needs_a_key(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    async with nothing_written(db):
        for path in "", f"/{NOBODY}/react", f"/{NOBODY}/revise":
            assert (await client.post(f"/api/stories{path}", json={})).status_code == 401


# ── the same story again ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def dedup(app: FastAPI) -> None:
    """The windows in which a repetition is refused, as they are in production."""
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"dedup_window_override_seconds": None})


async def age(db: AsyncSession, story: str, seconds: float) -> None:
    """Moves a story into the past."""
    told = datetime.now(UTC) - timedelta(seconds=seconds)
    await db.execute(update(Story).where(Story.id == UUID(story)).values(created_at=told))
    await db.commit()


@pytest.mark.usefixtures("dedup")
async def test_a_minute_between_stories_of_a_world(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    first = await alice.tell(world, title="One")
    await age(db, first, 59)
    async with nothing_written(db):
        response = await alice.post("/stories", bodies.story(world, title="Two"))
        refused(response, 429, existing_story_id=first)
    await bob.tell(world, title="Two")
    await alice.tell(await alice.found(), title="Two")
    await age(db, first, 61)
    await alice.tell(world, title="Three")


async def test_the_window_that_a_refusal_names_is_the_one_that_counts(
    app: FastAPI, alice: Agent, world: str
) -> None:
    settings = app.state.settings
    app.state.settings = settings.model_copy(update={"dedup_window_override_seconds": 77})
    first = await alice.tell(world, title="One")
    response = await alice.post("/stories", bodies.story(world, title="Two"))
    refused(response, 429, existing_story_id=first)
    assert "Wait 77 s" in response.text


@pytest.mark.usefixtures("dedup")
async def test_five_minutes_between_stories_of_one_title(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    elsewhere = await alice.found()
    first = await alice.tell(world, title="One")
    await age(db, first, 299)
    async with nothing_written(db):
        for place in world, elsewhere:
            response = await alice.post("/stories", bodies.story(place, title="One"))
            refused(response, 429, existing_story_id=first)
    await bob.tell(world, title="One")
    await age(db, first, 301)
    await alice.tell(elsewhere, title="One")


# ── read ─────────────────────────────────────────────────────────────────────────────────────────


async def test_listing(client: httpx2.AsyncClient, bob: Agent, world: str, burble: str) -> None:
    told = ok(
        await bob.post(
            "/stories",
            bodies.story(world, perspective="first_person_dweller", perspective_dweller_id=burble),
        )
    )["story"]
    listed = {
        "id": told["id"],
        "world_id": world,
        "world_name": "River Courts",
        "author_id": bob.id,
        "author_name": "Bob",
        "author_username": "@bob",
        "title": "Low Water",
        "summary": "A court runs aground on its own plaintiff.",
        "perspective": "first_person_dweller",
        "perspective_dweller_name": "Burble Sillgate",
        "cover_image_url": None,
        "video_url": None,
        "thumbnail_url": None,
        "x_post_id": None,
        "status": "published",
        "review_system": "critical_review",
        "reaction_count": 0,
        "comment_count": 0,
        "created_at": told["created_at"],
    }
    assert told["created_at"].endswith("Z")
    assert ok(await client.get("/api/stories")) == {
        "stories": [listed],
        "count": 1,
        "filters": {
            "world_id": None,
            "author_id": None,
            "perspective": None,
            "status": None,
            "sort": "engagement",
        },
    }
    assert ok(await client.get(f"/api/stories/worlds/{world}")) == {
        "world": {"id": world, "name": "River Courts", "year_setting": 2140},
        "stories": [listed],
        "count": 1,
        "sort": "engagement",
        "status_filter": None,
    }


async def titles(client: httpx2.AsyncClient, path: str = "", **query: str | int) -> list[str]:
    answer = ok(await client.get(f"/api/stories{path}", params=query))
    assert answer["count"] == len(answer["stories"])
    return [story["title"] for story in answer["stories"]]


async def make(db: AsyncSession, story: str, **values: object) -> None:
    await db.execute(update(Story).where(Story.id == UUID(story)).values(**values))
    await db.commit()


async def test_orders_and_pages(
    client: httpx2.AsyncClient, alice: Agent, world: str, db: AsyncSession
) -> None:
    liked, acclaimed, plain, admired = [
        await alice.tell(world, title=title) for title in ("liked", "acclaimed", "plain", "admired")
    ]
    await make(db, liked, reaction_count=5)
    await make(db, acclaimed, status=StoryStatus.ACCLAIMED)
    await make(db, admired, status=StoryStatus.ACCLAIMED, reaction_count=1)
    by_engagement = ["admired", "acclaimed", "liked", "plain"]
    newest_first = ["admired", "plain", "acclaimed", "liked"]
    for path in "", f"/worlds/{world}":
        assert await titles(client, path) == by_engagement
        assert await titles(client, path, sort="recent") == newest_first
        assert await titles(client, path, limit=3, offset=1) == by_engagement[1:]
        assert await titles(client, path, sort="recent", limit=1, offset=2) == ["acclaimed"]
        assert await titles(client, path, offset=4) == []
        assert await titles(client, path, status="acclaimed") == by_engagement[:2]
    await make(db, plain, created_at=(await record(db, liked)).created_at, reaction_count=5)
    tied = sorted([(UUID(plain), "plain"), (UUID(liked), "liked")], reverse=True)
    assert (await titles(client))[2:] == [title for _, title in tied]


async def test_filters(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    elsewhere = await alice.found()
    await alice.tell(world, title="by alice")
    await bob.tell(world, title="by bob", perspective="first_person_agent")
    there = await bob.tell(elsewhere, title="elsewhere")
    await make(db, there, status=StoryStatus.ACCLAIMED)
    for wanted, found in [
        ({"world_id": world}, ["by bob", "by alice"]),
        ({"author_id": bob.id}, ["elsewhere", "by bob"]),
        ({"perspective": "first_person_agent"}, ["by bob"]),
        ({"status": "published"}, ["by bob", "by alice"]),
        ({"status": "published", "author_id": alice.id}, ["by alice"]),
        ({"world_id": NOBODY}, []),
    ]:
        assert await titles(client, **wanted) == found
        filters = ok(await client.get("/api/stories", params=wanted))["filters"]
        assert {key: value for key, value in filters.items() if value} == {
            **wanted,
            "sort": "engagement",
        }
    assert await titles(client, f"/worlds/{elsewhere}") == ["elsewhere"]


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "popular"},
        {"limit": 0},
        {"limit": 51},
        {"offset": -1},
        {"offset": 2**63},
        {"status": "draft"},
    ],
)
async def test_a_listing_that_breaks_a_rule(
    client: httpx2.AsyncClient, world: str, query: Json
) -> None:
    for path in "", f"/worlds/{world}":
        response = await client.get(f"/api/stories{path}", params=query)
        assert unprocessable(response) == [f"query -> {name}" for name in query]


@pytest.mark.parametrize("query", [{"world_id": "x"}, {"author_id": "x"}, {"perspective": "x"}])
async def test_a_filter_that_breaks_a_rule(client: httpx2.AsyncClient, query: Json) -> None:
    response = await client.get("/api/stories", params=query)
    assert unprocessable(response) == [f"query -> {name}" for name in query]


async def test_detail(client: httpx2.AsyncClient, bob: Agent, world: str) -> None:
    story = await bob.tell(world, source_event_ids=[NOBODY], time_period_end="2099")
    [listed] = ok(await client.get("/api/stories"))["stories"]
    answer = ok(await client.get(f"/api/stories/{story}"))
    assert answer["story"]["updated_at"].endswith("Z")
    del listed["review_system"]
    assert answer == {
        "story": listed
        | {
            "world_year_setting": 2140,
            "content": bodies.story(world)["content"],
            "perspective_dweller_id": None,
            "x_published_at": None,
            "source_event_ids": [NOBODY],
            "source_action_ids": [],
            "source_events": [],
            "source_actions": [],
            "time_period_start": None,
            "time_period_end": "2099",
            "review_count": 0,
            "acclaim_count": 0,
            "revision_count": 0,
            "last_revised_at": None,
            "updated_at": answer["story"]["updated_at"],
        },
        "acclaim_eligibility": {"eligible": False, "reason": "No reviews yet"},
        "external_feedback_summary": None,
    }


async def test_sources_that_exist_are_named(
    client: httpx2.AsyncClient, alice: Agent, world: str, burble: str
) -> None:
    observed = (await act(alice, burble))["action"]["id"]
    spoken = (await act(alice, burble, action_type="speak"))["action"]["id"]
    story = await alice.tell(world, source_action_ids=[spoken, NOBODY, observed])
    shown = ok(await client.get(f"/api/stories/{story}"))["story"]
    assert shown["source_action_ids"] == [spoken, NOBODY, observed]
    assert shown["source_actions"] == [
        {"id": observed, "action_type": "observe", "dweller_name": "Burble Sillgate"},
        {"id": spoken, "action_type": "speak", "dweller_name": "Burble Sillgate"},
    ]


async def test_no_story_is_part_of_an_arc(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    story = await alice.tell(world)
    assert ok(await client.get(f"/api/stories/{story}/arc")) == {"arc": None}


async def test_reading_what_does_not_exist(client: httpx2.AsyncClient) -> None:
    for path in NOBODY, f"{NOBODY}/arc":
        refused(await client.get(f"/api/stories/{path}"), 404, story_id=NOBODY)
    refused(await client.get(f"/api/stories/worlds/{NOBODY}"), 404, world_id=NOBODY)
    for path in "x", "x/arc":
        assert unprocessable(await client.get(f"/api/stories/{path}")) == ["path -> story_id"]


async def test_writing_to_what_does_not_exist(alice: Agent, db: AsyncSession) -> None:
    async with nothing_written(db):
        for act, body in ("react", {"reaction_type": "fire"}), ("revise", {"title": "High Water"}):
            refused(await alice.post(f"/stories/{NOBODY}/{act}", body), 404, story_id=NOBODY)


# ── react ────────────────────────────────────────────────────────────────────────────────────────


async def count_in_feed(client: httpx2.AsyncClient) -> int:
    count: int = the_only(await feed(client), "story_created")["story"]["reaction_count"]
    return count


async def test_a_reaction_is_given_changed_and_taken_back(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    story = await alice.tell(world)
    published = the_only(await feed(client), "story_created")
    assert await alice.react(story, "heart") == {
        "action": "added",
        "reaction_type": "heart",
        "new_reaction_count": 1,
    }
    assert (await bob.react(story, "heart"))["new_reaction_count"] == 2
    assert await alice.react(story, "mind") == {
        "action": "changed",
        "from_type": "heart",
        "to_type": "mind",
        "new_reaction_count": 2,
    }
    item = the_only(await feed(client), "story_created")
    assert item == published | {"story": published["story"] | {"reaction_count": 2}}
    assert await alice.react(story, "mind") == {
        "action": "removed",
        "reaction_type": "mind",
        "new_reaction_count": 1,
    }
    await bob.react(story, "heart")
    assert the_only(await feed(client), "story_created") == published
    assert ok(await client.get(f"/api/stories/{story}"))["story"]["reaction_count"] == 0


async def test_reactions_are_remembered_once(alice: Agent, world: str, db: AsyncSession) -> None:
    story = await alice.tell(world)
    for reaction in "fire", "thinking":
        await alice.react(story, reaction)
    [stored] = await db.scalars(select(SocialInteraction))
    assert (stored.target_type, stored.target_id) == ("story", UUID(story))
    assert (stored.interaction_type, stored.data) == ("react", {"type": "thinking"})


async def test_a_count_never_falls_below_zero(
    client: httpx2.AsyncClient, alice: Agent, world: str, db: AsyncSession
) -> None:
    """Where an older database has counted too few."""
    story = await alice.tell(world)
    await alice.react(story)
    await make(db, story, reaction_count=0)
    assert (await alice.react(story))["new_reaction_count"] == 0
    assert await count_in_feed(client) == 0
    assert (await alice.react(story))["new_reaction_count"] == 1


@pytest.mark.parametrize("body", [{}, {"reaction_type": "rage"}, {"reaction_type": None}])
async def test_a_reaction_that_breaks_a_rule(
    alice: Agent, world: str, db: AsyncSession, body: Json
) -> None:
    story = await alice.tell(world)
    async with nothing_written(db):
        response = await alice.post(f"/stories/{story}/react", body)
    assert unprocessable(response) == ["body -> reaction_type"]


# ── revise ───────────────────────────────────────────────────────────────────────────────────────

REWRITTEN = "The gauge was dry, and the clerk read it all the same. " * 2


async def test_revise(
    client: httpx2.AsyncClient, alice: Agent, world: str, db: AsyncSession
) -> None:
    story = await alice.tell(world)
    changes = {"title": "High Water", "content": REWRITTEN, "summary": "It floats."}
    answer = await alice.rewrite(story, **changes)
    stored = await record(db, story)
    assert answer == {
        "success": True,
        "story_id": story,
        "changes": ["title", "content", "summary"],
        "revision_count": 1,
        "updated_at": answer["updated_at"],
        "message": answer["message"],
    }
    assert moment(answer["updated_at"]) == stored.updated_at
    shown = ok(await client.get(f"/api/stories/{story}"))["story"]
    assert shown | changes == shown
    assert shown["revision_count"] == 1
    assert stored.last_revised_at
    assert moment(shown["last_revised_at"]) == stored.last_revised_at
    [newest, card, *_] = await feed(client)
    assert newest == {
        "type": "story_revised",
        "id": f"{story}-revision",
        **dated(stored.last_revised_at),
        "story": {
            "id": story,
            "title": "High Water",
            "summary": "It floats.",
            "revision_count": 1,
            "status": "published",
        },
        "world": {"id": world, "name": "River Courts", "year_setting": 2140},
        "agent": alice.ref,
    }
    assert (card["type"], card["story"]["title"]) == ("story_created", "High Water")
    assert card["story"]["summary"] == "It floats."
    assert dated(stored.created_at).items() <= card.items()


async def test_the_next_revision_moves_the_item_up(
    client: httpx2.AsyncClient, alice: Agent, world: str
) -> None:
    story = await alice.tell(world)
    await alice.rewrite(story, title="High Water")
    before = the_only(await feed(client), "story_revised")
    later = await alice.tell(world, title="Ebb")
    assert (await alice.rewrite(story, title="Neap", summary="Less."))["revision_count"] == 2
    [after, newer, *_] = await feed(client)
    assert newer["id"] == later
    assert after["id"] == before["id"]
    assert after["sort_date"] > before["sort_date"]
    changed = {"title": "Neap", "summary": "Less.", "revision_count": 2}
    assert after["story"] == before["story"] | changed


async def test_a_new_title_shows_wherever_the_story_does(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, world: str
) -> None:
    story = await alice.tell(world)
    await bob.judge(story)
    points = await bob.review(story, "minor", "minor", kind="story")
    await alice.rewrite(story, content=REWRITTEN)
    await bob.resolve(points.items[0])
    before = {item["type"]: item for item in await feed(client, agent_id=bob.id)}
    await alice.rewrite(story, title="High Water")
    after = {item["type"]: item for item in await feed(client, agent_id=bob.id)}
    assert after == before | {
        "story_reviewed": before["story_reviewed"] | {"story_title": "High Water"},
        "review_submitted": before["review_submitted"] | {"content_name": "High Water"},
        "feedback_resolved": before["feedback_resolved"] | {"content_name": "High Water"},
    }


async def test_what_stays_as_it_is_is_no_revision(
    alice: Agent, world: str, db: AsyncSession
) -> None:
    story = await alice.tell(world)
    updated_at = (await record(db, story)).updated_at
    async with nothing_written(db):
        same = {key: bodies.story(world)[key] for key in ("title", "content", "summary")}
        answer = await alice.rewrite(story, **same)
    assert answer.keys() == {"success", "story_id", "changes", "updated_at", "message"}
    assert answer["changes"] == []
    assert moment(answer["updated_at"]) == updated_at


async def test_only_what_differs_is_a_change(alice: Agent, world: str) -> None:
    story = await alice.tell(world)
    answer = await alice.rewrite(story, title="Low Water", summary="It floats.", content=None)
    assert (answer["changes"], answer["revision_count"]) == (["summary"], 1)


@pytest.mark.parametrize(
    "body", [{}, {"title": None, "content": None}, {"title": "", "summary": ""}, {"world_id": "x"}]
)
async def test_a_revision_revises_something(
    alice: Agent, world: str, db: AsyncSession, body: Json
) -> None:
    story = await alice.tell(world)
    async with nothing_written(db):
        refused(await alice.post(f"/stories/{story}/revise", body), 400)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"content": "x" * 99}, "content"),
        ({"content": ""}, "content"),
        ({"summary": "x" * 501}, "summary"),
    ],
)
async def test_a_revision_that_breaks_a_rule(
    alice: Agent, world: str, db: AsyncSession, changes: Json, field: str
) -> None:
    story = await alice.tell(world)
    async with nothing_written(db):
        response = await alice.post(f"/stories/{story}/revise", changes)
    assert unprocessable(response) == [f"body -> {field}"]


async def test_only_its_author_revises(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    story = await alice.tell(world)
    async with nothing_written(db):
        response = await bob.post(f"/stories/{story}/revise", {"title": "High Water"})
        refused(response, 403, author_id=alice.id, your_id=bob.id)
