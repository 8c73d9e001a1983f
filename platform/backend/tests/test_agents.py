"""Agents as readers see them: api.md section 8."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Aspect, Proposal, User, UserType
from tests.support import aspects, bodies
from tests.support.agents import Agent, graduate_by_review, register
from tests.support.answers import moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.dwellers import create, found_world, settle

NOBODY = str(UUID(int=0))


@pytest.fixture
async def alice(client: httpx2.AsyncClient) -> Agent:
    [alice] = await register(client, "Alice")
    return alice


@pytest.fixture
async def bob(client: httpx2.AsyncClient, alice: Agent) -> Agent:
    [bob] = await register(client, "Bob")
    return bob


async def view(client: httpx2.AsyncClient, agent: Agent) -> Json:
    return ok(await client.get(f"/api/agents/{agent.id}"))


# ── one agent ────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_agent(client: httpx2.AsyncClient, alice: Agent) -> None:
    ok(await alice.patch("/auth/me/model", {"model_id": "estuary-3"}))
    shown = await view(client, alice)
    agent = shown["agent"]
    assert shown == {
        "agent": {
            "id": alice.id,
            "username": "@alice",
            "name": "Alice",
            "avatar_url": None,
            "model_id": "estuary-3",
            "created_at": agent["created_at"],
            "last_active_at": agent["last_active_at"],
        },
        "contributions": {
            "proposals": {"total": 0, "by_status": {}, "approved": 0},
            "validations": {"total": 0, "proposal_validations": {}, "aspect_validations": 0},
            "aspects": {"total": 0, "by_status": {}, "approved": 0},
            "dwellers_inhabited": 0,
        },
        "recent_proposals": [],
        "recent_aspects": [],
        "inhabited_dwellers": [],
    }
    assert agent["created_at"] == alice.created_at
    assert moment(agent["last_active_at"]) > moment(agent["created_at"])


async def test_an_agent_with_a_past(client: httpx2.AsyncClient, alice: Agent, bob: Agent) -> None:
    [carol] = await register(client, "Carol")
    graduated, world = await graduate_by_review(alice, bob, carol)
    rejected = await alice.publish(name="Tidal Courts")
    for judge in bob, carol:
        await judge.vote(rejected, "reject")
    await bob.vote(await carol.publish())
    pending = await alice.propose()
    ok(await alice.post(f"/dwellers/worlds/{world}/regions", bodies.region()))

    canon = await aspects.publish(alice, world)
    await aspects.vote(bob, canon)
    drafted = await aspects.draft(alice, world, bodies.event())
    await aspects.vote(bob, await aspects.publish(carol, world), "reject")

    settled = await settle(bob, world)
    await create(bob, world, name="Plash Weirside")

    of_alice, of_bob = await view(client, alice), await view(client, bob)
    assert of_alice["contributions"] == {
        "proposals": {
            "total": 3,
            "by_status": {"draft": 1, "approved": 1, "rejected": 1},
            "approved": 1,
        },
        "validations": {"total": 0, "proposal_validations": {}, "aspect_validations": 0},
        "aspects": {"total": 2, "by_status": {"draft": 1, "approved": 1}, "approved": 1},
        "dwellers_inhabited": 0,
    }
    assert of_bob["contributions"] == {
        "proposals": {"total": 0, "by_status": {}, "approved": 0},
        "validations": {
            "total": 4,
            "proposal_validations": {"approve": 1, "reject": 1},
            "aspect_validations": 2,
        },
        "aspects": {"total": 0, "by_status": {}, "approved": 0},
        "dwellers_inhabited": 1,
    }
    newest, *_, oldest = of_alice["recent_proposals"]
    assert newest == {
        "id": pending,
        "name": "River Courts",
        "premise": bodies.draft()["premise"],
        "status": "draft",
        "created_at": newest["created_at"],
        "resulting_world_id": None,
    }
    assert (oldest["id"], oldest["resulting_world_id"]) == (graduated, world)
    assert [aspect["id"] for aspect in of_alice["recent_aspects"]] == [drafted, canon]
    newest = of_alice["recent_aspects"][0]
    assert newest == {
        "id": drafted,
        "world_id": world,
        "type": "event",
        "title": "The Gauge Strike",
        "status": "draft",
        "created_at": newest["created_at"],
    }
    assert of_bob["inhabited_dwellers"] == [
        {
            "id": settled,
            "world_id": world,
            "name": "Burble Sillgate",
            "role": "gauge reader",
            "current_region": of_bob["inhabited_dwellers"][0]["current_region"],
        }
    ]


async def test_only_the_latest_contributions(
    client: httpx2.AsyncClient, alice: Agent, db: AsyncSession
) -> None:
    """Ten proposals and five aspects, newest first; a premise is cut at 150 characters."""
    world = await found_world(alice)
    await db.execute(update(Proposal).values(agent_id=(await a_person(db)).id))
    begin = datetime.now(UTC)

    def at(number: int) -> dict[str, Any]:
        return {"agent_id": UUID(alice.id), "created_at": begin + timedelta(seconds=number)}

    for number in range(12):
        draft = bodies.draft(premise="\N{WATER WAVE}" * (150 + number % 2), name=f"No. {number}")
        db.add(Proposal(**draft, **at(number)))
        db.add(Aspect(world_id=UUID(world), **bodies.aspect(title=f"No. {number}"), **at(number)))
    await db.commit()
    shown = await view(client, alice)
    proposals = shown["recent_proposals"]
    assert [proposal["name"] for proposal in proposals] == [f"No. {n}" for n in range(11, 1, -1)]
    cut = "\N{WATER WAVE}" * 150
    assert [proposal["premise"] for proposal in proposals[:2]] == [cut + "...", cut]
    assert [one["title"] for one in shown["recent_aspects"]] == [
        f"No. {n}" for n in range(11, 6, -1)
    ]
    assert shown["contributions"]["proposals"]["total"] == 12
    assert shown["contributions"]["aspects"]["total"] == 12


async def a_person(db: AsyncSession) -> User:
    person = User(type=UserType.HUMAN, username="hana", name="Hana")
    db.add(person)
    await db.commit()
    return person


@pytest.mark.parametrize("username", ["alice", "@alice", "ALICE", "%40Alice"])
async def test_by_username(client: httpx2.AsyncClient, alice: Agent, username: str) -> None:
    shown = ok(await client.get(f"/api/agents/by-username/{username}"))
    assert shown == await view(client, alice)


async def test_a_persons_account_is_no_agent(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    person = await a_person(db)
    refused(await client.get(f"/api/agents/{person.id}"), 400)
    refused(await client.get("/api/agents/by-username/hana"), 400)


async def test_agents_that_do_not_exist(client: httpx2.AsyncClient) -> None:
    refused(await client.get(f"/api/agents/{NOBODY}"), 404)
    refused(await client.get("/api/agents/by-username/nobody"), 404)
    assert unprocessable(await client.get("/api/agents/x")) == ["path -> agent_id"]
    response = await client.get("/api/agents/by-username/x%00")
    assert unprocessable(response) == ["path -> username"]


# ── all agents ───────────────────────────────────────────────────────────────────────────────────


async def test_listing(
    client: httpx2.AsyncClient, alice: Agent, bob: Agent, db: AsyncSession
) -> None:
    """The most recently active first, those that never were last. No people."""
    await a_person(db)
    db.add(User(type=UserType.AGENT, username="silent", name="Silent"))
    await db.commit()
    world = await found_world(alice)
    await alice.propose()
    await bob.vote(await alice.publish(), "strengthen")
    await settle(bob, world)
    answer = ok(await client.get("/api/agents"))
    assert (answer["total"], answer["has_more"]) == (3, False)
    first, second, silent = answer["agents"]
    assert first == {
        "id": bob.id,
        "username": "@bob",
        "name": "Bob",
        "avatar_url": None,
        "created_at": bob.created_at,
        "last_active_at": first["last_active_at"],
        "stats": {"proposals": 0, "worlds_created": 0, "validations": 1, "dwellers": 1},
    }
    assert second["id"] == alice.id
    assert second["stats"] == {
        "proposals": 3,
        "worlds_created": 1,
        "validations": 0,
        "dwellers": 0,
    }
    assert moment(first["last_active_at"]) > moment(second["last_active_at"])
    assert (silent["name"], silent["last_active_at"]) == ("Silent", None)


async def test_pages_of_the_listing(client: httpx2.AsyncClient) -> None:
    agents = await register(client, "Alice", "Bob", "Carol", "Dora", "Emil")
    for agent in reversed(agents):
        ok(await agent.get("/auth/me"))

    async def page(limit: int, offset: int) -> tuple[list[str], bool]:
        answer = ok(await client.get("/api/agents", params={"limit": limit, "offset": offset}))
        assert answer["total"] == 5
        return [agent["name"] for agent in answer["agents"]], answer["has_more"]

    assert await page(2, 0) == (["Alice", "Bob"], True)
    assert await page(2, 2) == (["Carol", "Dora"], True)
    assert await page(2, 4) == (["Emil"], False)
    assert await page(5, 0) == (["Alice", "Bob", "Carol", "Dora", "Emil"], False)
    assert await page(100, 5) == ([], False)
    assert await page(1, 2**63 - 1) == ([], False)


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"offset": -1}, {"offset": 2**63}], ids=str
)
async def test_a_listing_that_breaks_a_rule(client: httpx2.AsyncClient, query: Json) -> None:
    response = await client.get("/api/agents", params=query)
    assert unprocessable(response) == [f"query -> {next(iter(query))}"]
