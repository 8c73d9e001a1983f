"""Regions, and who lives in them: creating, listing, claiming and releasing dwellers."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import Dweller, DwellerAction, FeedEvent, World
from feed.catalogue import activity_group, conversation, dweller_action, dweller_created
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import dated, ok, refused, unprocessable
from tests.support.dwellers import (
    act,
    add_region,
    claim,
    create,
    detail,
    found_world,
    inhabit,
    look,
    release,
    settle,
)
from tests.support.feed import feed, of_type, the_only
from tests.support.tables import nothing_written
from utils.feed_events import refresh_feed_events
from utils.names import AI_DEFAULT_FIRST_NAMES, AI_DEFAULT_LAST_NAMES, SCIFI_SLOP_NAMES

Client = httpx2.AsyncClient

NOBODY = UUID(int=0)


@pytest.fixture
async def alice(client: Client) -> Agent:
    [alice] = await register(client, "Alice")
    return alice


@pytest.fixture
async def bob(client: Client, alice: Agent) -> Agent:
    [bob] = await register(client, "Bob")
    return bob


@pytest.fixture
async def world(alice: Agent) -> str:
    """Alice's, with one region: Upper Reach."""
    return await found_world(alice)


# ── regions ──────────────────────────────────────────────────────────────────────────────────────


async def test_anybody_adds_a_region(client: Client, bob: Agent, world: str) -> None:
    body = bodies.region(name="Delta")
    added = ok(await bob.post(f"/dwellers/worlds/{world}/regions", body))
    assert added == {"region": body, "world_id": world, "total_regions": 2}
    listed = ok(await client.get(f"/api/dwellers/worlds/{world}/regions"))
    assert listed == {
        "world_id": world,
        "world_name": "River Courts",
        "year_setting": 2140,
        "regions": [bodies.region(), body],
    }
    assert ok(await client.get(f"/api/worlds/{world}"))["world"]["regions"] == listed["regions"]


async def test_region_names_are_unique(alice: Agent, world: str, db: AsyncSession) -> None:
    async with nothing_written(db):
        for name in ("Upper Reach", " uPPER rEACH "):
            answer = await alice.post(f"/dwellers/worlds/{world}/regions", bodies.region(name=name))
            refused(answer, 400, existing_regions=["Upper Reach"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("location", ""),
        ("population_origins", [1]),
        ("cultural_blend", "x" * 19),
        ("naming_conventions", "x" * 29),
        ("language", "x" * 9),
    ],
)
async def test_bad_region(alice: Agent, world: str, field: str, value: Any) -> None:
    body = bodies.region(**{field: value})
    fields = unprocessable(await alice.post(f"/dwellers/worlds/{world}/regions", body))
    assert fields[0].startswith(f"body -> {field}")


async def test_regions_of_no_world(client: Client, alice: Agent) -> None:
    path = f"/dwellers/worlds/{NOBODY}"
    for answer in (
        await alice.post(f"{path}/regions", bodies.region()),
        await client.get(f"/api{path}/regions"),
        await alice.post(f"{path}/dwellers", bodies.dweller()),
        await client.get(f"/api{path}/dwellers"),
        await client.get(f"/api{path}/activity"),
    ):
        refused(answer, 404, world_id=str(NOBODY))


# ── names ────────────────────────────────────────────────────────────────────────────────────────


async def test_blocked_names_are_told(client: Client) -> None:
    told = ok(await client.get("/api/dwellers/blocked-names"))
    assert told.keys() == {
        "ai_default_first_names",
        "ai_default_last_names",
        "scifi_slop_names",
        "how_it_works",
    }
    assert told["ai_default_first_names"] == list(AI_DEFAULT_FIRST_NAMES)


@pytest.mark.parametrize("names", [AI_DEFAULT_FIRST_NAMES, AI_DEFAULT_LAST_NAMES, SCIFI_SLOP_NAMES])
def test_lists_can_match(names: tuple[str, ...]) -> None:
    """A name with a space, a capital or a hyphen at its end would never be found."""
    assert all(name == name.lower().strip("-'") and len(name.split()) == 1 for name in names)
    assert len(set(names)) == len(names) >= 30


@pytest.mark.parametrize(
    ("name", "matched"),
    [
        ("Elara Voss", ["elara", "voss"]),
        ("Sill  KAEL", ["kael"]),
        ("'Chen- Sillgate", ["chen"]),
    ],
)
async def test_blocked_name(
    alice: Agent, world: str, db: AsyncSession, name: str, matched: list[str]
) -> None:
    async with nothing_written(db):
        answer = await alice.post(f"/dwellers/worlds/{world}/dwellers", bodies.dweller(name=name))
        refused(answer, 400, matched=matched)


@pytest.mark.parametrize("name", ["Elaraine Chenoweth", "Kael-Voss", " Burble "])
async def test_names_that_only_look_alike(alice: Agent, world: str, name: str) -> None:
    assert (await create(alice, world, name=name))["name"] == name.strip()


# ── creating ─────────────────────────────────────────────────────────────────────────────────────


async def test_create(client: Client, bob: Agent, alice: Agent, world: str) -> None:
    before = the_only(await feed(client), "world_created")
    answer = ok(await bob.post(f"/dwellers/worlds/{world}/dwellers", bodies.dweller()))
    made = answer["dweller"]
    message = answer.pop("message")
    assert "Burble Sillgate" in message
    assert answer == {
        "dweller": {
            "id": made["id"],
            "name": "Burble Sillgate",
            "origin_region": "Upper Reach",
            "generation": "second after the flood",
            "role": "gauge reader",
            "current_region": "Upper Reach",
            "specific_location": None,
            "is_available": True,
            "portrait_url": None,
            "created_at": made["created_at"],
        },
        "world_id": world,
        "region_naming_conventions": bodies.region()["naming_conventions"],
    }
    items = await feed(client)
    assert items[0] == {
        "type": "dweller_created",
        "id": made["id"],
        **dated(made["created_at"]),
        "dweller": {
            "id": made["id"],
            "name": "Burble Sillgate",
            "role": "gauge reader",
            "origin_region": "Upper Reach",
            "is_available": True,
            "portrait_url": None,
        },
        "world": {"id": world, "name": "River Courts", "year_setting": 2140},
        "agent": bob.ref,
    }
    after = the_only(items, "world_created")
    assert after == before | {"world": before["world"] | {"dweller_count": 1}}
    for filters in ({"world_id": world}, {"agent_id": bob.id}, {"dweller_id": made["id"]}):
        assert of_type(await feed(client, **filters), "dweller_created") == [items[0]]


async def test_everything_that_was_sent_is_kept(alice: Agent, world: str) -> None:
    await add_region(alice, world, name="Delta")
    sent = bodies.dweller(
        core_memories=["The night the sill broke"],
        personality_blocks={"values": ["exactness"], "depth": {"of": [1, 2.5, None, True]}},
        relationship_memories={"Ferry": {"current_status": "rival", "history": []}},
        current_situation="Summoned to read a gauge in court.",
        current_region="delta",
        specific_location="The third berth",
        image_prompt="A woman bent over a brass gauge",
    )
    dweller = await settle(alice, world, **sent)
    shown = await detail(alice, dweller)
    kept = {key: value for key, value in shown.items() if key in sent}
    assert kept == {
        key: value
        for key, value in (sent | {"current_region": "Delta"}).items()
        if key not in ("core_memories", "image_prompt")
    }
    memory = ok(await alice.get(f"/dwellers/{dweller}/memory"))
    assert memory["core_memories"] == sent["core_memories"]


async def test_a_dweller_for_all_to_see(client: Client, alice: Agent, world: str) -> None:
    made = await create(alice, world)
    shown = ok(await client.get(f"/api/dwellers/{made['id']}"))["dweller"]
    sent = bodies.dweller()
    assert shown == {
        **sent,
        "id": made["id"],
        "world_id": world,
        "world_name": "River Courts",
        "current_region": "Upper Reach",
        "specific_location": None,
        "current_situation": "",
        "personality_blocks": {},
        "relationship_memories": {},
        "memory_summaries": [],
        "episodic_memory_count": 0,
        "is_available": True,
        "inhabited_by": None,
        "portrait_url": None,
        "created_at": made["created_at"],
        "updated_at": shown["updated_at"],
    }


@pytest.mark.parametrize(
    ("query", "region"),
    [
        ("Upper Reach", "Upper Reach"),
        ("upper REACH ", "Upper Reach"),
        ("delt", "Delta"),
        ("the reed delta by the sea", "Delta"),
        ("Reach", "Reach"),
        ("Re", None),
        ("between upper reach and delta", None),
        ("Elsewhere", None),
        ("", None),
        (" ", None),
    ],
)
async def test_region_match(alice: Agent, query: str, region: str | None) -> None:
    """Exact; or part of one name only; or holding one name only."""
    world = await found_world(alice, "Upper Reach", "Lower Reach", "Reach", "Delta")
    answer = await alice.post(
        f"/dwellers/worlds/{world}/dwellers", bodies.dweller(origin_region=query)
    )
    if region:
        assert ok(answer)["dweller"]["origin_region"] == region
    else:
        available = ["Upper Reach", "Lower Reach", "Reach", "Delta"]
        refused(answer, 400, available_regions=available)


async def test_current_region_must_exist_too(alice: Agent, world: str) -> None:
    body = bodies.dweller(current_region="Elsewhere")
    answer = await alice.post(f"/dwellers/worlds/{world}/dwellers", body)
    refused(answer, 400, available_regions=["Upper Reach"])


async def test_regions_of_aspects_may_have_any_shape(
    client: Client, alice: Agent, world: str, db: AsyncSession
) -> None:
    """What approved aspects add to a world's regions is free-form."""
    odd: list[dict[str, Any]] = [
        *({"title": "Nameless"}, {"name": 7}, {"name": " "}, {"name": "x" * 300}, {"name": "Sea"}),
        {"name": "Shore", "naming_conventions": {"given": "one syllable"}},
    ]
    await db.execute(update(World).where(World.id == UUID(world)).values(regions=odd))
    await db.commit()
    await add_region(alice, world)
    answer = ok(
        await alice.post(f"/dwellers/worlds/{world}/dwellers", bodies.dweller(origin_region="sea"))
    )
    assert answer["dweller"]["origin_region"] == "Sea"
    assert answer["region_naming_conventions"] is None
    refusal = await alice.post(
        f"/dwellers/worlds/{world}/dwellers", bodies.dweller(origin_region="x")
    )
    refused(refusal, 400, available_regions=["Sea", "Shore", "Upper Reach"])
    assert ok(await client.get(f"/api/dwellers/worlds/{world}/regions"))["regions"][:6] == odd
    shore = bodies.dweller(origin_region="Shore")
    answer = ok(await alice.post(f"/dwellers/worlds/{world}/dwellers", shore))
    assert answer["region_naming_conventions"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("origin_region", "x" * 256),
        ("name_context", "x" * 19),
        ("cultural_identity", "x" * 19),
        ("role", ""),
        ("age", -1),
        ("age", 201),
        ("age", 10**30),
        ("personality", "x" * 49),
        ("background", "x" * 49),
        ("current_region", "x" * 256),
        ("image_prompt", "x" * 1001),
        ("core_memories", "one"),
        ("personality_blocks", []),
        ("personality_blocks", {"number": 10**30}),
        ("personality_blocks", {"number": -(2**63) - 1}),
        ("relationship_memories", {"deep": [[]] * 2}),
    ],
)
async def test_bad_dweller(alice: Agent, world: str, field: str, value: Any) -> None:
    if field == "relationship_memories":
        for _ in range(40):
            value = {"deep": value}
    body = bodies.dweller(**{field: value})
    fields = unprocessable(await alice.post(f"/dwellers/worlds/{world}/dwellers", body))
    assert fields == [f"body -> {field}"]


async def test_text_that_cannot_be_stored(alice: Agent, world: str) -> None:
    nul = "\x00"
    for changes in ({"name": nul}, {"personality_blocks": {nul: ""}}, {"core_memories": [nul]}):
        body = bodies.dweller(**changes)
        assert unprocessable(await alice.post(f"/dwellers/worlds/{world}/dwellers", body))


async def test_a_nest_of_the_largest_depth_and_number(alice: Agent, world: str) -> None:
    nest: Any = [2**63 - 1, -(2**63), 1e308]
    for _ in range(30):
        nest = {"deeper": nest}
    dweller = await create(alice, world, personality_blocks=nest)
    assert (await detail(alice, dweller["id"]))["personality_blocks"] == nest


async def test_needs_a_key(client: Client, alice: Agent, world: str) -> None:
    dweller = (await create(alice, world))["id"]
    for path in (
        f"worlds/{world}/regions",
        f"worlds/{world}/dwellers",
        f"{dweller}/claim",
        f"{dweller}/release",
        f"{NOBODY}/claim",
    ):
        refused(await client.post(f"/api/dwellers/{path}", json={}), 401)


# ── listing ──────────────────────────────────────────────────────────────────────────────────────


async def test_list(client: Client, alice: Agent, world: str, db: AsyncSession) -> None:
    free = await create(alice, world)
    taken = await settle(alice, world, name="Ferry")
    gone = await create(alice, world, name="Gone")
    await db.execute(update(Dweller).where(Dweller.id == UUID(gone["id"])).values(is_active=False))
    await db.commit()
    path = f"/api/dwellers/worlds/{world}/dwellers"
    listed = ok(await client.get(path))
    [second, first] = listed.pop("dwellers")
    assert listed == {"world_id": world, "world_name": "River Courts", "total": 2, "available": 1}
    assert first == {
        "id": free["id"],
        "name": "Burble Sillgate",
        "origin_region": "Upper Reach",
        "generation": "second after the flood",
        "role": "gauge reader",
        "age": 41,
        "current_region": "Upper Reach",
        "specific_location": None,
        "is_available": True,
        "inhabited_by": None,
        "portrait_url": None,
    }
    assert (second["id"], second["is_available"], second["inhabited_by"]) == (
        taken,
        False,
        alice.id,
    )
    available = ok(await client.get(path, params={"available_only": True}))
    assert available == {
        "world_id": world,
        "world_name": "River Courts",
        "dwellers": [first],
        "total": 1,
        "available": 1,
    }


async def test_list_costs_two_statements(
    client: Client,
    alice: Agent,
    world: str,
    statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    for _ in range(3):
        await create(alice, world)
    with statements() as seen:
        ok(await client.get(f"/api/dwellers/worlds/{world}/dwellers"))
    assert len(seen) == 2
    assert "episodic_memories" not in seen[1]


# ── claiming ─────────────────────────────────────────────────────────────────────────────────────


async def test_claim_and_release(client: Client, alice: Agent, bob: Agent, world: str) -> None:
    dweller = (await create(alice, world))["id"]
    published = the_only(await feed(client), "dweller_created")
    claimed = await claim(bob, dweller)
    assert claimed.pop("message")
    assert claimed == {"claimed": True, "dweller_id": dweller, "dweller_name": "Burble Sillgate"}
    shown = await detail(bob, dweller)
    assert (shown["is_available"], shown["inhabited_by"]) == (False, bob.id)
    taken = published | {"dweller": published["dweller"] | {"is_available": False}}
    assert the_only(await feed(client), "dweller_created") == taken
    released = await release(bob, dweller)
    assert released.pop("message")
    assert released == {"released": True, "dweller_id": dweller, "dweller_name": "Burble Sillgate"}
    shown = await detail(bob, dweller)
    assert (shown["is_available"], shown["inhabited_by"]) == (True, None)
    assert the_only(await feed(client), "dweller_created") == published


async def test_a_claim_counts_as_an_act(bob: Agent, world: str) -> None:
    dweller = await settle(bob, world)
    session = ok(await bob.get(f"/dwellers/{dweller}/state"))["session"]
    assert session["last_action_at"] is not None
    assert session["hours_until_timeout"] == 24


async def test_only_who_is_free_can_be_claimed(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    dweller = await settle(alice, world)
    gone = (await create(alice, world))["id"]
    await db.execute(update(Dweller).where(Dweller.id == UUID(gone)).values(is_active=False))
    await db.commit()
    async with nothing_written(db):
        refused(await bob.post(f"/dwellers/{dweller}/claim"), 400)
        refused(await alice.post(f"/dwellers/{dweller}/claim"), 400)
        refused(await bob.post(f"/dwellers/{gone}/claim"), 400)
        refused(await bob.post(f"/dwellers/{NOBODY}/claim"), 404, dweller_id=str(NOBODY))


async def test_only_the_inhabitant_releases(
    alice: Agent, bob: Agent, world: str, db: AsyncSession
) -> None:
    dweller = await settle(alice, world)
    free = (await create(alice, world))["id"]
    async with nothing_written(db):
        refused(await bob.post(f"/dwellers/{dweller}/release"), 403, dweller_id=dweller)
        refused(await alice.post(f"/dwellers/{free}/release"), 403, dweller_id=free)
        refused(await bob.post(f"/dwellers/{NOBODY}/release"), 404, dweller_id=str(NOBODY))


async def test_five_dwellers_are_enough(alice: Agent, bob: Agent, world: str) -> None:
    dwellers = [await settle(alice, world) for _ in range(5)]
    sixth = (await create(alice, world))["id"]
    answer = await alice.post(f"/dwellers/{sixth}/claim")
    refused(answer, 400, current_count=5, max_allowed=5)
    await claim(bob, sixth)
    await release(bob, sixth)
    await release(alice, dwellers[0])
    await claim(alice, sixth)


async def test_who_comes_after_needs_a_context_of_its_own(
    alice: Agent, bob: Agent, world: str
) -> None:
    dweller = await settle(alice, world)
    token = (await look(alice, dweller))["context_token"]
    await release(alice, dweller)
    await claim(bob, dweller)
    refused(await bob.post(f"/dwellers/{dweller}/act", bodies.act(token)), 400)


# ── activity ─────────────────────────────────────────────────────────────────────────────────────


async def test_activity(client: Client, alice: Agent, bob: Agent, world: str) -> None:
    burble = await settle(alice, world)
    ferry = await settle(bob, world, name="Ferry")
    first = await act(alice, burble, content="Reads.", target="the gauge")
    second = await act(
        bob,
        ferry,
        action_type="speak",
        content="Says what it is.",
        dialogue="Low.",
        stage_direction="without looking",
        in_reply_to_action_id=first["action"]["id"],
    )
    path = f"/api/dwellers/worlds/{world}/activity"
    shown = ok(await client.get(path))
    assert shown == {
        "world_id": world,
        "world_name": "River Courts",
        "activity": [
            {
                "id": second["action"]["id"],
                "dweller": {"id": ferry, "name": "Ferry"},
                "action_type": "speak",
                "target": None,
                "content": "Says what it is.",
                "dialogue": "Low.",
                "stage_direction": "without looking",
                "in_reply_to_action_id": first["action"]["id"],
                "created_at": second["action"]["created_at"],
            },
            {
                "id": first["action"]["id"],
                "dweller": {"id": burble, "name": "Burble Sillgate"},
                "action_type": "observe",
                "target": "the gauge",
                "content": "Reads.",
                "dialogue": None,
                "stage_direction": None,
                "in_reply_to_action_id": None,
                "created_at": first["action"]["created_at"],
            },
        ],
        "total": 2,
    }
    page = ok(await client.get(path, params={"limit": 1}))
    assert (page["activity"], page["total"]) == (shown["activity"][:1], 2)
    for limit in (0, 101):
        answer = await client.get(path, params={"limit": limit})
        assert unprocessable(answer) == ["query -> limit"]


# ── the feed ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("single_or_group", [dweller_action, activity_group], ids=lambda e: e.name)
async def test_items_are_what_their_history_says(
    client: Client, alice: Agent, bob: Agent, world: str, db: AsyncSession, single_or_group: Any
) -> None:
    """Single actions and groups have one source: either entry brings back both."""
    await inhabit(world, alice, bob)
    live = await feed(client)
    assert len(of_type(live, "dweller_created")) == 3
    assert the_only(live, "conversation")["action_count"] == 2
    assert the_only(live, "activity_group")["action_count"] == 2
    assert the_only(live, "dweller_action")["action"]["target"] == "the gauge"
    await db.execute(delete(FeedEvent).where(FeedEvent.dweller_id.is_not(None)))
    for entry, record in (
        (dweller_created, Dweller),
        (single_or_group, DwellerAction),
        (conversation, DwellerAction),
    ):
        await refresh_feed_events(db, entry, *await db.scalars(select(record.id)))
    await db.commit()
    assert await feed(client) == live


# ── at the same time ─────────────────────────────────────────────────────────────────────────────


async def statuses(*requests: Any) -> list[int]:
    return sorted(answer.status_code for answer in await asyncio.gather(*requests))


async def test_two_claims_of_one_dweller(client: Client, alice: Agent, world: str) -> None:
    rivals = await register(client, *(f"Rival {number}" for number in range(6)))
    dweller = (await create(alice, world))["id"]
    claims = [rival.post(f"/dwellers/{dweller}/claim") for rival in rivals]
    assert await statuses(*claims) == [200] + [400] * 5
    assert (await detail(alice, dweller))["inhabited_by"] in {rival.id for rival in rivals}
    assert the_only(await feed(client), "dweller_created")["dweller"]["is_available"] is False


async def test_eight_claims_of_one_agent(client: Client, alice: Agent, world: str) -> None:
    dwellers = [(await create(alice, world))["id"] for _ in range(8)]
    claims = [alice.post(f"/dwellers/{dweller}/claim") for dweller in dwellers]
    assert await statuses(*claims) == [200] * 5 + [400] * 3
    listed = ok(await alice.get(f"/dwellers/worlds/{world}/dwellers"))
    assert (listed["total"], listed["available"]) == (8, 3)
    cards = of_type(await feed(client), "dweller_created")
    assert sum(card["dweller"]["is_available"] for card in cards) == 3


async def test_claims_and_releases_crosswise(
    client: Client, alice: Agent, bob: Agent, world: str
) -> None:
    """Whatever order they take, the record and its card agree in the end."""
    dwellers = [await settle(alice, world) for _ in range(4)]
    await asyncio.gather(
        *(
            agent.post(f"/dwellers/{dweller}/{verb}")
            for dweller in dwellers
            for agent, verb in ((alice, "release"), (bob, "claim"), (alice, "claim"))
        )
    )
    listed = ok(await alice.get(f"/dwellers/worlds/{world}/dwellers"))["dwellers"]
    cards = of_type(await feed(client), "dweller_created")
    assert {card["id"]: card["dweller"]["is_available"] for card in cards} == {
        dweller["id"]: dweller["is_available"] for dweller in listed
    }


async def test_no_dweller_is_lost_in_the_count(client: Client, world: str) -> None:
    agents = await register(client, *(f"Parent {number}" for number in range(4)))
    path = f"/dwellers/worlds/{world}/dwellers"
    births = [
        agent.post(path, bodies.dweller(name=f"{agent.name} {number}"))
        for agent in agents
        for number in range(4)
    ]
    assert await statuses(*births) == [200] * 16
    items = await feed(client)
    assert len(of_type(items, "dweller_created")) == 16
    assert the_only(items, "world_created")["world"]["dweller_count"] == 16
    assert ok(await client.get(f"/api/worlds/{world}"))["world"]["dweller_count"] == 16


async def test_no_region_is_lost(client: Client, alice: Agent, world: str) -> None:
    names = [f"Reach {number}" for number in range(8)]
    path = f"/dwellers/worlds/{world}/regions"
    added = [alice.post(path, bodies.region(name=name)) for name in (*names, *names)]
    assert await statuses(*added) == [200] * 8 + [400] * 8
    regions = ok(await client.get(f"/api{path}"))["regions"]
    assert sorted(region["name"] for region in regions) == [*names, "Upper Reach"]


class TestWithDedupWindow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"dedup_window_override_seconds": None})

    async def test_one_dweller_a_minute(
        self, client: Client, alice: Agent, bob: Agent, world: str, db: AsyncSession
    ) -> None:
        first = (await create(alice, world))["id"]
        again = await alice.post(f"/dwellers/worlds/{world}/dwellers", bodies.dweller(name="Other"))
        refused(again, 429, existing_dweller_id=first)
        await create(bob, world)
        await create(alice, await found_world(alice))
        earlier = Dweller.created_at - timedelta(seconds=60)
        await db.execute(
            update(Dweller).where(Dweller.id == UUID(first)).values(created_at=earlier)
        )
        await db.commit()
        await create(alice, world)

    async def test_at_the_same_time(self, client: Client, alice: Agent, world: str) -> None:
        path = f"/dwellers/worlds/{world}/dwellers"
        births = [alice.post(path, bodies.dweller()) for _ in range(5)]
        assert await statuses(*births) == [200] + [429] * 4
        assert the_only(await feed(client), "world_created")["world"]["dweller_count"] == 1
