"""The bench at a tiny size: what it counts, and that its data are what it says. Never a time."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

import psycopg
import pytest

from bench.reading import chart, items, paths, rows_network, rows_writes, show
from bench.reading.figures import FILTERED, PAGES_APART, Finding
from bench.speed.driver import selection
from tests.support.machine import missing
from tests.support.pgbouncer import find_pgbouncer
from tests.support.postgres import PostgresServer
from tests.test_feed_plans import explain

ITEMS = 10_000


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer, template: str) -> Iterator[str]:
    """URL of a database with the bench's own feed."""
    with postgres.database(template) as name:
        items.fill(postgres.url(name), ITEMS, lambda _: None)
        yield postgres.url(name)


@pytest.fixture
def feed(filled: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(filled, autocommit=True, prepare_threshold=None) as connection:
        yield connection


def test_its_data_look_like_a_feed(feed: psycopg.Connection) -> None:
    rows = feed.execute(
        "SELECT event_type, created_at, length(payload::text) FROM platform_feed_events ORDER BY 2"
    ).fetchall()
    assert len(rows) == ITEMS
    assert 600 < mean(size for _, _, size in rows) < 800
    tied = sum(one[1] == other[1] for one, other in pairwise(rows))
    assert tied > ITEMS * 0.8
    types = [kind for kind, *_ in rows]
    assert types.count(items.COMMON_TYPE) > ITEMS * 0.3
    assert 0 < types.count(items.RARE_TYPE) < ITEMS / 400


def test_its_data_are_the_same_again(
    feed: psycopg.Connection, postgres: PostgresServer, template: str
) -> None:
    digest = (
        "SELECT md5(string_agg((id, event_type, created_at, payload, world_id, agent_id,"
        " dweller_id, story_id)::text, '' ORDER BY id)) FROM platform_feed_events"
    )
    with postgres.database(template) as name:
        items.fill(postgres.url(name), ITEMS, lambda _: None)
        with psycopg.connect(postgres.url(name)) as again:
            assert again.execute(digest).fetchone() == feed.execute(digest).fetchone()


def test_every_page_that_it_reads_is_full_and_found_by_index(feed: psycopg.Connection) -> None:
    filtered = paths.filters(feed)
    assert len(filtered) == 6
    for path in (paths.PAGE, paths.deep(feed, 0.5), *filtered.values()):
        statement = selection(path).statement
        assert len(feed.execute(*statement).fetchall()) == paths.LIMIT, path
        cost = explain(feed, *statement)
        assert "Seq Scan" not in cost.nodes, path
        assert cost.scanned <= 20 * paths.LIMIT, path
    assert len(set(paths.spread(feed, 500))) == 500


def test_a_page_is_one_round_trip_directly_and_pooled(filled: str) -> None:
    if find_pgbouncer() is None:
        missing("pgbouncer is not installed (apt-get install pgbouncer)")
    found = list(rows_network.round_trips(filled))
    assert [set(one.values) for one in found] == [{1.0}, {1.0}]
    assert {one.verdict for one in found} == {"aim"}


def test_an_item_adds_no_round_trip_to_its_write(database_url: str) -> None:
    for one in rows_writes.round_trips(database_url):
        assert set(one.values) == {0.0}, one.about


def test_findings_are_shown() -> None:
    found = [Finding(FILTERED, "10 k", [1.1, 1.3, 1.2], about="<&>")]
    assert show.as_json(found)["findings"][0]["verdict"] == "MISSED"
    # What is told beside a figure misses nothing.
    found.append(Finding(PAGES_APART, "10 k", [0.1]))
    assert show.as_json(found)["findings"][1]["verdict"] == "short"
    assert show.table(found).row_count == 2
    assert "&lt;&amp;&gt;" not in chart.svg(found)
    assert "1.20, must ≤ 1.15" in chart.svg(found)
