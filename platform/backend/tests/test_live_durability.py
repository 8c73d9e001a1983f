"""What a crash of PostgreSQL may take back, and what not once a client has been told of it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from bench.live.database import CrashingPostgres
from db.migrate import upgrade
from db.session import RawJson
from feed.changes import Change, read_changes
from tests.support.live import add, by_hand, drop

STAMP = "SELECT stamped FROM platform_feed_stamp(1000)"


@pytest.fixture
def postgres() -> Iterator[CrashingPostgres]:
    with (
        TemporaryDirectory(prefix="worldfeed-crash-") as name,
        CrashingPostgres(Path(name)) as server,
    ):
        upgrade(server.url)
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("ALTER DATABASE platform SET synchronous_commit = off")
        yield server


async def told(url: str) -> list[Change]:
    """What a tail reads now."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        connection.adapters.register_loader("jsonb", RawJson)

        async def ask(statement: str, params: dict[str, Any]) -> list[Any]:
            return await (await connection.execute(statement, params)).fetchall()

        return await read_changes(ask, 0, 1000)


def items(url: str) -> list[str]:
    with by_hand(url) as db:
        rows = db.execute("SELECT payload ->> 'id' FROM platform_feed_events ORDER BY 1")
        return [row[0] for row in rows]


def test_an_asynchronous_commit_may_be_lost(postgres: CrashingPostgres) -> None:
    """Else the tests below show nothing."""
    with by_hand(postgres.url) as db:
        add(db, "a")
    postgres.crash()
    assert items(postgres.url) == []


def test_a_number_survives_with_its_change(postgres: CrashingPostgres) -> None:
    with by_hand(postgres.url) as db:
        add(db, "a")
        db.execute(STAMP)
    postgres.crash()
    with by_hand(postgres.url) as db:
        numbered = db.execute("SELECT seq, item_id FROM platform_feed_changes").fetchall()
    assert (numbered, items(postgres.url)) == ([(1, "a")], ["a"])


async def test_an_item_survives_as_it_was_told(postgres: CrashingPostgres) -> None:
    """Its removal has no number yet, but is what readers see: it must not be undone."""
    with by_hand(postgres.url) as db:
        add(db, "a")
        add(db, "b")
        db.execute(STAMP)
        drop(db, "a")
        changes = await told(postgres.url)
    assert [change.event for change in changes] == ["remove", "item"]
    postgres.crash()
    assert items(postgres.url) == ["b"]
