"""How PostgreSQL finds a page among 100,000 rows: by index, however deep and however rare.

Small tables hide bad plans, so this one is big, and as uneven as a feed: half of it is of one type
and a fifth in one world, others appear five times in all, and seven rows at a time share a moment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest

from feed.filters import Filter, Links
from feed.page import Cursor, Selection
from tests.support.postgres import PostgresServer
from tests.support.rows import UNLINK

ROWS = 100_000
LIMIT = 20
COMMON, RARE, ABSENT = (UUID(int=n) for n in (1, 2, 3))

FILL = """
INSERT INTO platform_feed_events
    (id, event_type, created_at, payload, world_id, agent_id, dweller_id, story_id)
SELECT
    md5(n::text)::uuid,
    CASE WHEN n %% 5000 = 0 THEN 'story_reviewed' WHEN a < 0.5 THEN 'dweller_action'
         ELSE (ARRAY['agent_registered', 'story_created', 'review_submitted', 'conversation',
               'activity_group', 'dweller_created'])[1 + n %% 6] END,
    timestamptz '2026-01-01' + n / 7 * interval '1 s',
    jsonb_build_object('id', n::text, 'text', repeat('x', 400)),
    CASE WHEN n %% 20000 = 1 THEN %(rare)s WHEN b < 0.2 THEN %(common)s
         WHEN b < 0.6 THEN md5((b * 500)::int::text)::uuid END,
    CASE WHEN n %% 20000 = 2 THEN %(rare)s WHEN c < 0.2 THEN %(common)s
         ELSE md5((c * 1000)::int::text)::uuid END,
    CASE WHEN n %% 20000 = 3 THEN %(rare)s WHEN d < 0.1 THEN %(common)s
         WHEN d < 0.5 THEN md5((d * 1000)::int::text)::uuid END,
    CASE WHEN n %% 20000 = 4 THEN %(rare)s WHEN e < 0.02 THEN %(common)s
         WHEN e < 0.1 THEN md5((e * 10000)::int::text)::uuid END
FROM (
    SELECT n, random() AS a, random() AS b, random() AS c, random() AS d, random() AS e
    FROM generate_series(1, %(rows)s) AS n
) AS dice"""

LINKS = ("world_id", "agent_id", "dweller_id", "story_id")
ONE_LINK: list[dict[str, UUID]] = [
    {link: wanted} for link, wanted in product(LINKS, (COMMON, RARE, ABSENT))
]
TWO_LINKS = [
    {"world_id": COMMON, "agent_id": COMMON},
    {"world_id": COMMON, "agent_id": RARE},
    {"world_id": RARE, "story_id": COMMON},
]
PLAN = ["Sort", "Result", "Nested Loop", "Result", "Limit", "Index Scan"]
"""The position, then the page, whose order is stated once more for the join."""

ONE_TYPE = [["dweller_action"], ["agent_registered"], ["story_reviewed"], ["world_created"]]
SEVERAL_TYPES = [
    ["dweller_action", "agent_registered"],
    ["dweller_action", "story_reviewed"],
    ["story_reviewed", "world_created"],
    ["activity_group", "conversation", "dweller_action", "story_created", "story_reviewed"],
]


@pytest.fixture(scope="module")
def big_feed(postgres: PostgresServer, template: str) -> Iterator[psycopg.Connection]:
    """A connection as pages use it, to a database with all the rows."""
    with (
        postgres.database(template) as name,
        psycopg.connect(postgres.url(name), autocommit=True, prepare_threshold=None) as connection,
    ):
        connection.execute(UNLINK)
        connection.execute("SELECT setseed(0.25)")
        connection.execute(FILL, {"rare": RARE, "common": COMMON, "rows": ROWS})
        while stamped(connection):
            pass
        connection.execute("VACUUM ANALYZE platform_feed_events, platform_feed_changes")
        connection.execute("SELECT platform_feed_position()")  # its plan is made once per session
        yield connection


def stamped(db: psycopg.Connection) -> int:
    """Gives the next changes their numbers, as the live feed does all the time."""
    row = db.execute("SELECT stamped FROM platform_feed_stamp(10000)").fetchone()
    return row[0] if row else 0


@pytest.fixture(scope="module")
def cursors(big_feed: psycopg.Connection) -> list[Cursor | None]:
    """The first page, one in the middle and one near the end of the feed."""
    newest_first = "SELECT created_at, id FROM platform_feed_events ORDER BY 1 DESC, 2 DESC"
    rows = [
        big_feed.execute(f"{newest_first} OFFSET %s LIMIT 1", [depth]).fetchone()
        for depth in (ROWS // 2, ROWS * 95 // 100)
    ]
    return [None, *(Cursor(*row) for row in rows if row)]


@dataclass(frozen=True)
class Cost:
    """What one execution did."""

    nodes: list[str]
    scanned: int
    """Entries and rows that were looked at in indexes and in the table, the page's own included."""
    sorted: int
    buffers: int


def explain(db: psycopg.Connection, statement: str, params: Mapping[str, Any]) -> Cost:
    row = db.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", params).fetchone()
    assert row
    plan = row[0][0]["Plan"]
    nodes = list(_nodes(plan))
    scans = [node for node in nodes if node["Node Type"].endswith("Scan")]
    sorts = [node for node in nodes if node["Node Type"].endswith("Sort")]
    return Cost(
        nodes=[node["Node Type"] for node in nodes],
        scanned=sum(map(_looked_at, scans)),
        sorted=sum(_looked_at(node["Plans"][-1]) for node in sorts),  # a subselect comes first
        buffers=plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
    )


def _wanted(types: list[str], links: Mapping[str, UUID] | None = None) -> Filter:
    return Filter(tuple(types), Links(**links or {}))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _looked_at(node: dict[str, Any]) -> int:
    """Rows are given per loop, on average, as are those of a worker in a parallel plan."""
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + dropped) * node["Actual Loops"])


def test_a_bad_plan_is_noticed(big_feed: psycopg.Connection) -> None:
    """The instrument works: here is a page that no index helps with."""
    cost = explain(
        big_feed,
        "SELECT id FROM platform_feed_events ORDER BY payload ->> 'text', id LIMIT 20",
        {},
    )
    assert any("Seq Scan" in node for node in cost.nodes)
    assert cost.scanned > ROWS * 0.99
    assert cost.sorted > ROWS * 0.99


def test_a_page_reads_its_rows_and_no_others(
    big_feed: psycopg.Connection, cursors: list[Cursor | None]
) -> None:
    for cursor in cursors:
        cost = explain(big_feed, *Selection(LIMIT, cursor).statement)
        assert cost.nodes == PLAN
        assert cost.sorted == LIMIT
        assert cost.scanned == LIMIT
        assert cost.buffers < 2 * LIMIT


def test_one_filter_looks_at_little_more_than_the_page(
    big_feed: psycopg.Connection, cursors: list[Cursor | None]
) -> None:
    selections = [
        *(
            Selection(LIMIT, cursor, _wanted([], link))
            for cursor, link in product(cursors, ONE_LINK)
        ),
        *(Selection(LIMIT, cursor, _wanted(types)) for cursor, types in product(cursors, ONE_TYPE)),
    ]
    for selection in selections:
        cost = explain(big_feed, *selection.statement)
        assert "Seq Scan" not in cost.nodes, selection
        assert cost.scanned <= 20 * LIMIT, f"{selection}: {cost}"
        assert cost.sorted <= 20 * LIMIT, f"{selection}: {cost}"
        assert cost.buffers <= 10 * LIMIT, f"{selection}: {cost}"


def test_combined_filters_never_read_the_feed(
    big_feed: psycopg.Connection, cursors: list[Cursor | None]
) -> None:
    """A combination has no index of its own, so more rows are looked at; but never most of them."""
    links = [{}, *ONE_LINK, *TWO_LINKS]
    types = [[], *ONE_TYPE, *SEVERAL_TYPES]
    for cursor, kinds, link in product(cursors, types, links):
        selection = Selection(LIMIT, cursor, _wanted(kinds, link))
        cost = explain(big_feed, *selection.statement)
        assert "Seq Scan" not in cost.nodes, selection
        assert cost.scanned <= ROWS // 5, f"{selection}: {cost}"
        assert cost.sorted <= 20 * LIMIT, f"{selection}: {cost}"
        assert cost.buffers <= 75 * LIMIT, f"{selection}: {cost}"


def test_several_types_alone_cost_a_page_each_at_most(
    big_feed: psycopg.Connection, cursors: list[Cursor | None]
) -> None:
    for cursor, types in product(cursors, SEVERAL_TYPES):
        cost = explain(big_feed, *Selection(LIMIT, cursor, _wanted(types)).statement)
        assert cost.scanned <= 3 * len(types) * LIMIT, f"{types}: {cost}"
        assert cost.sorted <= 3 * LIMIT, f"{types}: {cost}"
