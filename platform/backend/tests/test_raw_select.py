"""A select without a cursor: the same answers, and the same failures, as with one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.pq.abc import PGresult

from db.raw_select import raw_select
from feed.page import Selection
from tests.support.slow_queries import ASLEEP, until_queries

Connection = psycopg.AsyncConnection[Any]


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """As the pool of pages makes them."""
    async with await psycopg.AsyncConnection.connect(
        database_url, autocommit=True, prepare_threshold=None
    ) as connection:
        yield connection


def values(result: PGresult) -> list[list[str | None]]:
    def text(row: int, column: int) -> str | None:
        value = result.get_value(row, column)
        return None if value is None else value.decode()

    return [[text(row, n) for n in range(result.nfields)] for row in range(result.ntuples)]


async def test_parameters_go_by_their_names(connection: Connection) -> None:
    statement = """
        SELECT %(text)s::text, %(id)s::uuid, %(number)s::int, %(nothing)s::text, %(text)s || '%'
        UNION ALL SELECT NULL, NULL, %(number)s + 1, %(time)s::timestamptz::text, ''
    """
    id, time = UUID(int=7), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    params = {"time": time, "nothing": None, "number": 7, "id": id, "text": "Grüße 🪐"}
    (first, second) = values(await raw_select(connection, statement, params))
    assert first == ["Grüße 🪐", str(id), "7", None, "Grüße 🪐%"]
    assert second[:3] == [None, None, "8"]
    assert datetime.fromisoformat(str(second[3])) == time


VALUES = (
    1,
    40_000,
    2**40,
    "Grüße",
    UUID(int=7),
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    None,
)


@pytest.mark.parametrize("value", VALUES)
async def test_parameters_have_the_types_that_a_cursor_gives_them(
    connection: Connection, value: object
) -> None:
    seen = "coalesce(%(value)s, %(value)s)"  # by itself the type of text would be left open
    asked = f"SELECT pg_typeof({seen})::text, {seen}::text", {"value": value}
    found = await (await connection.execute(*asked)).fetchall()
    assert values(await raw_select(connection, *asked)) == [list(row) for row in found]


async def test_no_rows_are_an_answer(connection: Connection) -> None:
    assert values(await raw_select(connection, "SELECT 1 WHERE false", {})) == []


async def test_a_refusal_says_what_a_cursors_says(connection: Connection) -> None:
    asked = "SELECT 1 / %(zero)s::int", {"zero": 0}
    with pytest.raises(psycopg.errors.DivisionByZero) as refusal:
        await raw_select(connection, *asked)
    with pytest.raises(psycopg.errors.DivisionByZero) as same:
        await connection.execute(*asked)
    assert str(refusal.value) == str(same.value)
    assert refusal.value.sqlstate == same.value.sqlstate
    assert refusal.value.diag.message_primary == same.value.diag.message_primary
    assert values(await raw_select(connection, "SELECT 1", {})) == [["1"]]


async def test_what_is_no_select_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.InternalError):
        await raw_select(connection, "SET search_path TO public", {})


async def test_a_page_without_a_position_is_none(connection: Connection) -> None:
    nothing = await raw_select(connection, "SELECT NULL, NULL, NULL, NULL", {})
    with pytest.raises(psycopg.InternalError):
        Selection().answer(nothing)


async def test_whoever_leaves_cancels_the_query(
    connection: Connection, observer: Connection
) -> None:
    query = asyncio.create_task(raw_select(connection, "SELECT pg_sleep(60)", {}))
    await until_queries(observer, 1, ASLEEP)
    query.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query
    await until_queries(observer, 0, ASLEEP)
    assert values(await raw_select(connection, "SELECT 1", {})) == [["1"]]


@pytest.mark.parametrize("at_work", [False, True])
async def test_a_connection_that_is_gone_is_known_to_be(
    connection: Connection, observer: Connection, at_work: bool
) -> None:
    asked = "SELECT pg_sleep(60)" if at_work else "SELECT 1"
    query: Awaitable[PGresult] = raw_select(connection, asked, {})
    if at_work:
        query = asyncio.ensure_future(query)
        await until_queries(observer, 1, ASLEEP)
    await observer.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        await query
    assert connection.broken


MOMENTS = (
    "0001-01-02T00:00:00Z",
    "1883-11-18T12:03:58Z",
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.600000Z",
    "2026-01-02T03:04:05.678912Z",
    "9999-12-30T23:59:59Z",
)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_cursor_is_the_same_in_every_time_zone(
    connection: Connection, zone: str, moment: str
) -> None:
    await connection.execute(
        "INSERT INTO platform_feed_events (event_type, payload, created_at)"
        " VALUES ('agent_registered', '{}', %s)",
        [moment],
    )
    await connection.execute(f"SET TimeZone = '{zone}'".encode())
    asked = Selection(1)
    page = asked.answer(await raw_select(connection, *asked.statement))
    assert str(page.next_cursor).startswith(f"{moment}~")
