"""The change log where no server has a live feed."""

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.agents import register
from tests.support.live import by_hand, until
from tests.support.server import StartServer
from utils import feed_log

UNNUMBERED = "SELECT count(*) FROM platform_feed_changes WHERE seq IS NULL"


async def log(db: AsyncSession) -> list[int | None]:
    """The numbers of all changes that are kept."""
    found = await db.scalars(text("SELECT seq FROM platform_feed_changes ORDER BY id"))
    numbers: list[int | None] = list(found)
    await db.rollback()
    return numbers


async def test_changes_get_numbers_and_are_forgotten(
    app: FastAPI, client: httpx2.AsyncClient, db: AsyncSession
) -> None:
    database, settings = app.state.database, app.state.settings
    await register(client, "Ada", "Bob", "Cyd", "Dot", "Eve")
    assert await log(db) == [None] * 5
    assert not await feed_log.step(database, settings)
    assert await log(db) == [1, 2, 3, 4, 5]
    few = settings.model_copy(update={"live_keep_changes": 2})
    assert not await feed_log.step(database, few)
    assert await log(db) == [4, 5]


async def test_there_is_more_than_one_step_does(
    app: FastAPI, client: httpx2.AsyncClient, db: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_log, "AT_ONCE", 2)
    await register(client, "Ada", "Bob", "Cyd")
    steps = [await feed_log.step(app.state.database, app.state.settings) for _ in range(2)]
    assert steps == [True, False]
    assert await log(db) == [1, 2, 3]


def test_a_server_without_a_live_feed_does_it(start_server: StartServer, database_url: str) -> None:
    with by_hand(database_url) as db:
        db.execute(
            "INSERT INTO platform_feed_events (event_type, payload, created_at)"
            " VALUES ('agent_registered', '{\"id\": \"1\"}', now())"
        )
        assert db.execute(UNNUMBERED).fetchone() == (1,)
        start_server(LIVE="false")
        until(lambda: db.execute(UNNUMBERED).fetchone() == (0,))
