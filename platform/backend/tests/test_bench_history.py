"""A synthetic history is what measurements run on: always the same, and possible in this world."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from bench.history import fill
from db.urls import sqlalchemy_url
from tests.support.oracle import expected
from tests.support.postgres import PostgresServer

ITEMS = 2_000

TABLES = {
    "platform_users",
    "platform_worlds",
    "platform_proposals",
    "platform_validations",
    "platform_aspects",
    "platform_aspect_validations",
    "platform_dwellers",
    "platform_dweller_actions",
    "platform_stories",
    "platform_story_reviews",
    "platform_review_feedback",
    "platform_feedback_items",
}

# Each finds pairs in which something happened before what it needs.
TOO_EARLY: dict[str, LiteralString] = {
    "a proposal of nobody": """
        SELECT FROM platform_proposals AS child JOIN platform_users AS parent
        ON parent.id = child.agent_id WHERE child.created_at < parent.created_at
    """,
    "a world without a proposal": """
        SELECT FROM platform_worlds AS child LEFT JOIN platform_proposals AS parent
        ON parent.id = child.proposal_id AND parent.resulting_world_id = child.id
        WHERE (child.created_at < parent.created_at) IS NOT FALSE
    """,
    "a dweller of no world": """
        SELECT FROM platform_dwellers AS child JOIN platform_worlds AS parent
        ON parent.id = child.world_id WHERE child.created_at < parent.created_at
    """,
    "an action of no dweller": """
        SELECT FROM platform_dweller_actions AS child JOIN platform_dwellers AS parent
        ON parent.id = child.dweller_id WHERE child.created_at < parent.created_at
    """,
    "an action of no agent": """
        SELECT FROM platform_dweller_actions AS child JOIN platform_users AS parent
        ON parent.id = child.actor_id WHERE child.created_at < parent.created_at
    """,
    "an answer to nothing": """
        SELECT FROM platform_dweller_actions AS child JOIN platform_dweller_actions AS parent
        ON parent.id = child.in_reply_to_action_id WHERE child.created_at <= parent.created_at
    """,
    "an aspect of no world": """
        SELECT FROM platform_aspects AS child JOIN platform_worlds AS parent
        ON parent.id = child.world_id WHERE child.created_at < parent.created_at
    """,
    "a story of no dweller": """
        SELECT FROM platform_stories AS child JOIN platform_dwellers AS parent
        ON parent.id = child.perspective_dweller_id
        WHERE child.created_at < parent.created_at OR child.world_id <> parent.world_id
    """,
    "a review of nothing": """
        SELECT FROM platform_review_feedback AS child LEFT JOIN (
            SELECT id, created_at FROM platform_proposals
            UNION ALL SELECT id, created_at FROM platform_aspects
            UNION ALL SELECT id, created_at FROM platform_stories
        ) AS parent ON parent.id = child.content_id
        WHERE (child.created_at <= parent.created_at) IS NOT FALSE
    """,
    "a settled point that nobody made": """
        SELECT FROM platform_feedback_items AS child JOIN platform_review_feedback AS parent
        ON parent.id = child.review_feedback_id
        WHERE child.created_at < parent.created_at OR child.resolved_at <= child.created_at
    """,
}


@pytest.fixture
def other_url(postgres: PostgresServer, template: str) -> Iterator[str]:
    """A second migrated database."""
    with postgres.database(template) as name:
        yield postgres.url(name)


def contents(url: str) -> dict[str, tuple[int, str]]:
    """Number and digest of the rows of each table that a history fills."""
    query = SQL("SELECT count(*), md5(string_agg(made::text, '\n' ORDER BY id)) FROM {} AS made")
    with psycopg.connect(url) as connection:
        return {
            table: (rows[0], rows[1])
            for table in TABLES
            for rows in connection.execute(query.format(Identifier(table)))
        }


async def test_a_seed_always_makes_the_same_rows(database_url: str, other_url: str) -> None:
    made = await fill(database_url, ITEMS, seed=7)
    again = await fill(other_url, ITEMS, seed=7)
    assert made == again
    assert contents(database_url) == contents(other_url)


async def test_another_seed_makes_other_rows(database_url: str, other_url: str) -> None:
    await fill(database_url, ITEMS, seed=7)
    await fill(other_url, ITEMS, seed=8)
    one, other = contents(database_url), contents(other_url)
    assert {table for table in TABLES if one[table][1] == other[table][1]} == set()


async def test_it_fills_the_records_and_not_the_feed(database_url: str) -> None:
    reports: dict[str, int] = {}
    made = await fill(database_url, ITEMS, report=reports.__setitem__)
    assert made == reports == {table: rows for table, (rows, _) in contents(database_url).items()}
    assert min(made.values()) > 0
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT FROM platform_feed_events").rowcount == 0


async def test_it_makes_about_as_many_items_as_asked_for(database_url: str) -> None:
    await fill(database_url, ITEMS)
    engine = create_async_engine(sqlalchemy_url(database_url))
    async with AsyncSession(engine) as db:
        items = await expected(db)
    await engine.dispose()
    assert len(items) == pytest.approx(ITEMS, rel=0.15)
    types = {event_type for event_type, _ in items}
    assert len(types) == 17, "every type has its past"


async def test_nothing_happens_before_what_it_needs(database_url: str) -> None:
    await fill(database_url, ITEMS)
    with psycopg.connect(database_url) as connection:
        found = {what: connection.execute(query).rowcount for what, query in TOO_EARLY.items()}
    assert found == dict.fromkeys(TOO_EARLY, 0)


async def test_it_leaves_a_database_with_records_alone(database_url: str) -> None:
    made = await fill(database_url, ITEMS)
    with pytest.raises(ValueError, match="empty database"):
        await fill(database_url, ITEMS, seed=2)
    assert made == {table: rows for table, (rows, _) in contents(database_url).items()}


@pytest.mark.parametrize("items", [999, 10_000_001])
async def test_a_history_has_a_least_and_a_greatest_size(database_url: str, items: int) -> None:
    with pytest.raises(ValueError, match=r"1,000 to 10,000,000"):
        await fill(database_url, items)
