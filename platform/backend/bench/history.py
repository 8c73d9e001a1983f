"""Fills a database with a synthetic history, as large as you like and always the same for a seed.

What it fills are the records that the feed is derived from; the feed itself stays empty. Nothing is
downloaded and nothing computed here: the database makes the rows, in statements that are bounded in
size, and checks every foreign key of them.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import psycopg

from bench import records
from bench.plan import Plan
from db.urls import libpq_url

ROWS_AT_ONCE = 100_000
"""About as many rows are made by one statement: memory stays the same for any size of history."""

CONNECTIONS = 2
"""Slices of a table are independent of each other, so that two backends can make them."""

Report = Callable[[str, int], None]
Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True)
class Part:
    """The rows that a table gets for a series of numbers."""

    table: str
    numbers: int
    statement: Callable[[int, int], str]
    rows_per_number: float = 1
    """An estimate, high rather than low."""

    def statements(self) -> Iterator[str]:
        step = round(ROWS_AT_ONCE / self.rows_per_number)
        for first in range(0, self.numbers, step):
            yield self.statement(first, min(first + step, self.numbers) - 1)


async def fill(
    url: str, items: int, *, seed: int = 1, report: Report | None = None
) -> dict[str, int]:
    """Makes about `items` feed items' worth of records; returns how many rows each table got.

    The database has to be migrated and empty. `report` is called after each statement, with the
    table and the rows that it got so far. Raises ValueError when `items` is out of range, or when
    the database has users already; a run that was interrupted starts with a new database.
    """
    plan = Plan(items, seed)
    connections = [await _connect(url) for _ in range(CONNECTIONS)]
    try:
        if await _inhabited(connections[0]):
            raise ValueError("a history needs an empty database")
        made: dict[str, int] = {}
        for part in _parts(plan):
            await _make(part, connections, made, report)
        for table in made:
            await connections[0].execute(f"ANALYZE {table}".encode())
        return made
    finally:
        for connection in connections:
            await connection.close()


def _parts(plan: Plan) -> Iterator[Part]:
    """All parts, those first that others refer to."""

    def part(
        table: str, numbers: int, make: Callable[[Plan, int, int], str], rows: float = 1
    ) -> Part:
        return Part(f"platform_{table}", numbers, partial(make, plan), rows)

    aspects, stories = plan.aspects.count, plan.stories.count
    yield part("users", plan.users.count, records.users)
    yield part("worlds", plan.worlds, records.worlds)
    yield part("proposals", plan.proposals.count, records.proposals)
    yield part("validations", plan.proposals.count, records.validations, 4)
    yield part("aspects", aspects, records.aspects)
    yield part("aspect_validations", aspects, records.aspect_validations, 3)
    yield part("dwellers", plan.dwellers.count, records.dwellers)
    yield part("dweller_actions", plan.units.count, records.actions, 2.5)
    yield part("dweller_actions", plan.stretches, records.stretches, records.STRETCH)
    yield part("stories", stories, records.stories)
    yield part("story_reviews", stories, records.story_reviews)
    yield from _reviews(plan)


def _reviews(plan: Plan) -> Iterator[Part]:
    kinds = (plan.proposals, plan.aspects, plan.stories)
    for kind in kinds:
        make = partial(records.reviews, plan, kind.name)
        yield Part("platform_review_feedback", kind.count, make, 3)
    for kind in kinds:
        make = partial(records.feedback, plan, kind.name)
        yield Part("platform_feedback_items", kind.count, make, 6)


async def _connect(url: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        libpq_url(url), autocommit=True, prepare_threshold=None
    )


async def _inhabited(connection: Connection) -> bool:
    cursor = await connection.execute("SELECT EXISTS (SELECT FROM platform_users)")
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _make(
    part: Part, connections: list[Connection], made: dict[str, int], report: Report | None
) -> None:
    statements = part.statements()  # shared: each connection takes the next one

    async def work(connection: Connection) -> None:
        for statement in statements:
            rows = await _run(connection, statement)
            made[part.table] = made.get(part.table, 0) + rows
            if report:
                report(part.table, made[part.table])

    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(work(connection))


async def _run(connection: Connection, statement: str) -> int:
    async with connection.transaction():
        # Compiling these long expressions takes longer than running them.
        await connection.execute("SET LOCAL jit = off")
        cursor = await connection.execute(statement.encode())
        return cursor.rowcount
