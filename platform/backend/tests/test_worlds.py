"""Reading worlds."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Story, StoryPerspective, User, UserType, World

Client = httpx2.AsyncClient

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def founder(db: AsyncSession) -> User:
    founder = User(type=UserType.AGENT, username="ada", name="Ada")
    db.add(founder)
    await db.commit()
    return founder


async def make_world(db: AsyncSession, founder: User, name: str, **values: Any) -> World:
    world = World(
        name=name, premise=f"{name}'s premise", year_setting=2100, created_by=founder.id, **values
    )
    db.add(world)
    await db.commit()
    await db.refresh(world)
    return world


async def write_story(db: AsyncSession, world: World) -> None:
    db.add(
        Story(
            world_id=world.id,
            author_id=world.created_by,
            title="A day",
            content="It rained.",
            perspective=StoryPerspective.FIRST_PERSON_AGENT,
        )
    )
    await db.commit()


async def names(client: Client, query: str) -> list[str]:
    response = await client.get(f"/api/worlds?{query}")
    return [world["name"] for world in response.json()["worlds"]]


async def test_world_shows_everything(client: Client, db: AsyncSession, founder: User) -> None:
    steps = [{"year": 2030, "event": "Rain stops", "reasoning": "Clouds are sold"}]
    region = {"name": "North", "location": "up"}
    proposal_id = uuid4()
    world = await make_world(
        db,
        founder,
        "Dry",
        causal_chain=steps,
        regions=[region],
        scientific_basis="Physics",
        canon_summary="It is dry.",
        cover_image_url="https://example.org/dry.png",
        proposal_id=proposal_id,
        dweller_count=1,
        follower_count=2,
        comment_count=3,
        reaction_counts={"fire": 4, "mind": 0, "heart": 0, "thinking": 0},
    )
    await write_story(db, world)
    shown = (await client.get(f"/api/worlds/{world.id}")).json()["world"]
    assert datetime.fromisoformat(shown.pop("created_at")) == world.created_at
    assert datetime.fromisoformat(shown.pop("updated_at")) == world.updated_at
    assert shown == {
        "id": str(world.id),
        "name": "Dry",
        "premise": "Dry's premise",
        "canon_summary": "It is dry.",
        "year_setting": 2100,
        "causal_chain": steps,
        "scientific_basis": "Physics",
        "regions": [region],
        "created_by": str(founder.id),
        "proposal_id": str(proposal_id),
        "cover_image_url": "https://example.org/dry.png",
        "dweller_count": 1,
        "follower_count": 2,
        "comment_count": 3,
        "reaction_counts": {"fire": 4, "mind": 0, "heart": 0, "thinking": 0},
        "story_count": 1,
    }


async def test_list_shows_the_same_but_updated_at(
    client: Client, db: AsyncSession, founder: User
) -> None:
    world = await make_world(db, founder, "Dry")
    await write_story(db, world)
    detail = (await client.get(f"/api/worlds/{world.id}")).json()["world"]
    (listed,) = (await client.get("/api/worlds")).json()["worlds"]
    detail.pop("updated_at")
    assert listed == detail


async def test_new_world_is_empty(client: Client, db: AsyncSession, founder: User) -> None:
    world = await make_world(db, founder, "New")
    shown = (await client.get(f"/api/worlds/{world.id}")).json()["world"]
    assert shown["canon_summary"] == shown["premise"] == "New's premise"
    assert (shown["regions"], shown["causal_chain"], shown["proposal_id"]) == ([], [], None)
    assert shown["reaction_counts"] == {"fire": 0, "mind": 0, "heart": 0, "thinking": 0}
    assert shown["dweller_count"] == shown["follower_count"] == shown["story_count"] == 0


async def test_unknown_world(client: Client) -> None:
    response = await client.get(f"/api/worlds/{uuid4()}")
    assert (response.status_code, response.json()) == (404, {"detail": "World not found"})


async def test_orders(client: Client, db: AsyncSession, founder: User) -> None:
    def day(number: int) -> datetime:
        return DAY_ONE + timedelta(days=number)

    for name, created, followers, updated in (("a", 1, 5, 9), ("b", 2, 7, 8), ("c", 3, 6, 7)):
        await make_world(
            db,
            founder,
            name,
            created_at=day(created),
            follower_count=followers,
            updated_at=day(updated),
        )
    assert await names(client, "") == await names(client, "sort=recent") == ["c", "b", "a"]
    assert await names(client, "sort=popular") == ["b", "c", "a"]
    assert await names(client, "sort=active") == ["a", "b", "c"]


async def test_equals_are_ordered_by_id(client: Client, db: AsyncSession, founder: User) -> None:
    worlds = [
        await make_world(db, founder, name, created_at=DAY_ONE, updated_at=DAY_ONE)
        for name in "abcd"
    ]
    expected = [world.name for world in sorted(worlds, key=lambda world: world.id, reverse=True)]
    for sort in ("recent", "popular", "active"):
        assert await names(client, f"sort={sort}") == expected


async def test_pages(client: Client, db: AsyncSession, founder: User) -> None:
    for number in range(5):
        await make_world(db, founder, str(number), created_at=DAY_ONE - timedelta(days=number))
    pages = [
        (await client.get(f"/api/worlds?limit=2&offset={offset}")).json() for offset in (0, 2, 3, 9)
    ]
    assert [[world["name"] for world in page["worlds"]] for page in pages] == [
        ["0", "1"],
        ["2", "3"],
        ["3", "4"],
        [],
    ]
    assert [page["has_more"] for page in pages] == [True, True, False, False]
    assert [page["total"] for page in pages] == [5] * 4


async def test_inactive_world_is_not_listed_but_shown(
    client: Client, db: AsyncSession, founder: User
) -> None:
    world = await make_world(db, founder, "Gone", is_active=False)
    assert (await client.get("/api/worlds")).json() == {
        "worlds": [],
        "total": 0,
        "has_more": False,
    }
    assert (await client.get(f"/api/worlds/{world.id}")).status_code == 200


async def test_stories_are_counted_world_by_world(
    client: Client, db: AsyncSession, founder: User
) -> None:
    for count in range(3):
        world = await make_world(db, founder, str(count))
        for _ in range(count):
            await write_story(db, world)
    worlds = (await client.get("/api/worlds")).json()["worlds"]
    assert {world["name"]: world["story_count"] for world in worlds} == {"0": 0, "1": 1, "2": 2}


async def test_statements(
    client: Client,
    db: AsyncSession,
    founder: User,
    statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    for name in "abc":
        await write_story(db, world := await make_world(db, founder, name))
    with statements() as of_list:
        await client.get("/api/worlds")
    with statements() as of_one:
        await client.get(f"/api/worlds/{world.id}")
    assert (len(of_list), len(of_one)) == (2, 1)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?sort=best", "query -> sort"),
        ("?limit=0", "query -> limit"),
        ("?limit=51", "query -> limit"),
        ("?offset=-1", "query -> offset"),
        (f"?offset={2**63}", "query -> offset"),
        ("/dry", "path -> world_id"),
    ],
)
async def test_invalid_requests(client: Client, path: str, field: str) -> None:
    response = await client.get(f"/api/worlds{path}")
    assert response.status_code == 422
    assert response.json()["error"] == "Validation Error"
    assert [detail["field"] for detail in response.json()["details"]] == [field]


async def test_largest_offset(client: Client) -> None:
    assert (await client.get(f"/api/worlds?offset={2**63 - 1}")).json()["worlds"] == []


@pytest.mark.parametrize("slash", ["", "/"])
async def test_slash_at_the_end_makes_no_difference(
    client: Client, db: AsyncSession, founder: User, slash: str
) -> None:
    world = await make_world(db, founder, "Dry")
    listed = await client.get(f"/api/worlds{slash}?sort=popular")
    shown = await client.get(f"/api/worlds/{world.id}{slash}")
    posted = await client.post(f"/api/auth/agent{slash}", json={"name": "a", "username": "a"})
    assert [response.status_code for response in (listed, shown, posted)] == [200, 200, 200]
