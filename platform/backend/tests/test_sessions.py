"""Sessions whose connections the database ends: what the next request gets."""

import asyncio
import select
from typing import Any

import httpx2
import psycopg
from fastapi import FastAPI
from sqlalchemy import event

from tests.support.answers import refused

PATHS = ("/api/worlds", "/metrics", "/health")


def end(observer: psycopg.Connection, connection: Any) -> None:
    """Ends a connection as the database does, and waits until its client can know."""
    driver = getattr(connection, "driver_connection", connection)
    observer.execute("SELECT pg_terminate_backend(%s)", (driver.info.backend_pid,))
    select.select([driver.fileno()], [], [], 10)


async def test_a_connection_that_died_while_idle_is_replaced(
    app: FastAPI, client: httpx2.AsyncClient, database_url: str
) -> None:
    for path in PATHS:
        with psycopg.connect(database_url, autocommit=True) as observer:
            pids = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            ours = " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            assert observer.execute(pids + ours).fetchone() != (0,)
            left = "SELECT count(*) FROM pg_stat_activity"
            while observer.execute(left + ours).fetchone() != (0,):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        assert (await client.get(path)).status_code == 200


async def test_a_database_that_hangs_up_at_once_is_away(
    app: FastAPI, client: httpx2.AsyncClient, database_url: str
) -> None:
    """It goes down just then, or a pooler in front of it has nothing behind it."""
    engine = app.state.database.engine.sync_engine
    await app.state.database.engine.dispose()
    with psycopg.connect(database_url, autocommit=True) as observer:

        def hang_up(connection: Any, _: Any) -> None:
            end(observer, connection)

        event.listen(engine, "connect", hang_up)
        try:
            for path in PATHS:
                refused(await client.get(path), 503)
        finally:
            event.remove(engine, "connect", hang_up)
    assert (await client.get("/api/worlds")).status_code == 200
