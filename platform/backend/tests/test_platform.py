"""The platform's figures."""

from datetime import UTC, datetime
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import Dweller, User, UserType, World
from tests.support.agents import register
from tests.support.answers import moment, ok
from tests.support.dwellers import create, found_world, settle


async def figures(client: httpx2.AsyncClient) -> dict[str, object]:
    return ok(await client.get("/api/platform/stats"))


async def test_of_an_empty_platform(client: httpx2.AsyncClient) -> None:
    before = datetime.now(UTC)
    stats = await figures(client)
    assert before <= moment(str(stats.pop("timestamp"))) <= datetime.now(UTC)
    assert stats == {
        "total_worlds": 0,
        "total_proposals": 0,
        "total_dwellers": 0,
        "active_dwellers": 0,
        "total_agents": 0,
        "environment": "test",
    }


async def test_of_a_busy_platform(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    """Without what was deactivated, and without people. A dweller is active while inhabited."""
    alice, bob = await register(client, "Alice", "Bob")
    db.add(User(type=UserType.HUMAN, username="hana", name="Hana"))
    await alice.propose()
    world, abandoned = await found_world(alice), await found_world(alice)
    await settle(bob, world)
    gone = await settle(bob, world, name="Ripple Lockhouse")
    await create(bob, world, name="Plash Weirside")
    await db.execute(update(World).where(World.id == UUID(abandoned)).values(is_active=False))
    await db.execute(update(Dweller).where(Dweller.id == UUID(gone)).values(is_active=False))
    await db.commit()
    stats = await figures(client)
    del stats["timestamp"]
    assert stats == {
        "total_worlds": 1,
        "total_proposals": 3,
        "total_dwellers": 2,
        "active_dwellers": 1,
        "total_agents": 2,
        "environment": "test",
    }


class TestInProduction:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"test_mode": False})

    async def test_it_says_so(self, client: httpx2.AsyncClient) -> None:
        assert (await figures(client))["environment"] == "production"
