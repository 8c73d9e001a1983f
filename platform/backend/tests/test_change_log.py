"""The change log in the database: what is written down, and in which order it is numbered."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.changes import LOOK, READ, STAMP
from feed.position import Position, Snapshot
from tests.support.live import Connection, add, by_hand, drop, touch, until
from tests.support.postgres import PostgresServer

LOGGED = "SELECT op, item_id FROM platform_feed_changes ORDER BY id"
SCANS_OF_THE_LOG = (
    "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'platform_feed_changes'"
)
NUMBERED = "SELECT seq, item_id FROM platform_feed_changes WHERE seq IS NOT NULL ORDER BY seq"


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with by_hand(database_url) as connection:
        yield connection


@pytest.fixture
def other(database_url: str) -> Iterator[Connection]:
    """Another connection, which begins a transaction with its first statement."""
    with psycopg.connect(database_url) as connection:
        yield connection


def stamp(db: Connection, most: int = 1000) -> int | None:
    row = db.execute("SELECT stamped FROM platform_feed_stamp(%s)", (most,)).fetchone()
    assert row
    count: int | None = row[0]
    return count


def add_many(db: Connection, count: int, prefix: str = "") -> None:
    """Items in one statement, named by their numbers."""
    db.execute(
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'agent_registered', jsonb_build_object('id', %s::text || n)"
        " FROM generate_series(1, %s) AS n",
        (prefix, count),
    )


def value(db: Connection, query: str, *params: Any) -> Any:
    row = db.execute(query, params).fetchone()
    return row[0] if row else None


# ── what is written down ─────────────────────────────────────────────────────────────────────────


def test_every_change_is_logged_once(db: Connection) -> None:
    add(db, "a", created_at="2026-01-01")
    touch(db, "a", text="other")
    db.execute("UPDATE platform_feed_events SET created_at = '2026-01-02'")
    db.execute("UPDATE platform_feed_events SET created_at = '2026-01-01'")
    drop(db, "a")
    assert db.execute(LOGGED).fetchall() == [
        ("new", "a"),
        ("patch", "a"),
        ("new", "a"),  # it moved to a later time
        ("patch", "a"),
        ("remove", "a"),
    ]


def test_what_changes_nothing_is_no_change(db: Connection) -> None:
    add(db, "a")
    db.execute("UPDATE platform_feed_events SET payload = payload, created_at = created_at")
    assert db.execute(LOGGED).fetchall() == [("new", "a")]


def test_an_item_that_becomes_another_goes_and_comes(db: Connection) -> None:
    add(db, "a")
    touch(db, "a", id="b")
    db.execute("UPDATE platform_feed_events SET event_type = 'world_created'")
    logged = db.execute("SELECT op, event_type, item_id FROM platform_feed_changes ORDER BY id")
    assert logged.fetchall() == [
        ("new", "agent_registered", "a"),
        ("remove", "agent_registered", "a"),
        ("new", "agent_registered", "b"),
        ("remove", "agent_registered", "b"),
        ("new", "world_created", "b"),
    ]


def test_what_is_rolled_back_is_not_logged(db: Connection, other: Connection) -> None:
    add(other, "kept")
    with pytest.raises(ZeroDivisionError), other.transaction():
        add(other, "dropped")
        raise ZeroDivisionError
    other.commit()
    add(other, "dropped too")
    other.rollback()
    assert db.execute(LOGGED).fetchall() == [("new", "kept")]


def test_cascades_and_lost_links_are_logged(database_url: str) -> None:
    """Foreign keys change the feed as well; who loses a link is remembered."""
    with psycopg.connect(database_url, autocommit=True) as db:
        agent = value(
            db,
            "INSERT INTO platform_users (type, username, name) VALUES ('AGENT', 'ada', 'Ada')"
            " RETURNING id",
        )
        world = value(
            db,
            "INSERT INTO platform_worlds (id, name, premise, year_setting, causal_chain,"
            " created_by) VALUES (gen_random_uuid(), 'W', 'P', 2100, '[]', %s) RETURNING id",
            agent,
        )
        add(db, "of the world", world_id=world)
        add(db, "of the agent", agent_id=agent)
        db.execute("DELETE FROM platform_worlds")
        db.execute("DELETE FROM platform_users")
        logged = db.execute(
            "SELECT op, item_id, former ->> 'agent_id' FROM platform_feed_changes ORDER BY id"
        ).fetchall()
    assert logged[2:] == [
        ("remove", "of the world", None),
        ("patch", "of the agent", str(agent)),
    ]


def test_imports_are_marked_until_their_transaction_ends(db: Connection, other: Connection) -> None:
    other.execute("SELECT set_config('feed.import', 'on', true)")
    add(other, "imported")
    other.commit()
    add(other, "news")
    other.commit()
    marked = db.execute("SELECT item_id, imported FROM platform_feed_changes ORDER BY id")
    assert marked.fetchall() == [("imported", True), ("news", False)]


def test_emptying_the_table_begins_a_new_history(db: Connection) -> None:
    add(db, "a")
    stamp(db)
    before = value(db, "SELECT epoch FROM platform_feed_log")
    db.execute("TRUNCATE platform_feed_events")
    after, floor = db.execute("SELECT epoch, floor FROM platform_feed_log").fetchall()[0]
    assert (after != before, floor) == (True, 1)


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────


def test_numbers_are_dense_and_in_the_order_of_writing(db: Connection) -> None:
    add(db, "a", "b", "c")
    assert stamp(db, 2) == 2
    add(db, "d")
    assert stamp(db) == 2
    assert stamp(db) == 0
    assert db.execute(NUMBERED).fetchall() == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_who_commits_late_comes_late(db: Connection, other: Connection) -> None:
    """Its id was drawn first; whoever remembers the highest one seen never sees it."""
    add(other, "late")
    add(db, "early")
    assert stamp(db) == 1
    other.commit()
    assert stamp(db) == 1
    assert db.execute(NUMBERED).fetchall() == [(1, "early"), (2, "late")]


def test_one_stamps_at_a_time_and_nobody_waits(db: Connection, other: Connection) -> None:
    add(db, "a")
    assert stamp(other) == 1
    db.execute("SET lock_timeout = '1s'")
    add(db, "b")  # writers do not wait either
    assert stamp(db) is None
    other.commit()
    assert stamp(db) == 1
    assert db.execute(NUMBERED).fetchall() == [(1, "a"), (2, "b")]


def test_a_stamper_that_dies_leaves_nothing_behind(db: Connection, other: Connection) -> None:
    add(db, "a")
    assert stamp(other) == 1
    other.rollback()
    assert stamp(db) == 1
    assert db.execute(NUMBERED).fetchall() == [(1, "a")]


def test_a_snapshot_from_before_the_lock_is_refused(db: Connection, other: Connection) -> None:
    add(db, "a")
    other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(psycopg.errors.RaiseException, match="READ COMMITTED"):
        stamp(other)


def test_numbers_outlive_a_crash(db: Connection, other: Connection) -> None:
    """They are flushed before anybody gets them, whatever the database does with other commits."""
    add(db, "a")
    other.execute("SET LOCAL synchronous_commit = off")
    stamp(other)
    assert value(other, "SHOW synchronous_commit") == "on"


def test_the_start_of_reading_never_passes_a_writer_in_flight(
    db: Connection, other: Connection
) -> None:
    add(other, "straggler")
    for round_ in range(3):
        add_many(db, 1500, f"{round_}/")
        while stamp(db):
            pass
    assert value(db, "SELECT settled FROM platform_feed_log") == 0
    assert value(db, "SELECT mark FROM platform_feed_log") > 1
    other.commit()
    assert stamp(db) == 1
    assert value(db, "SELECT item_id FROM platform_feed_changes WHERE seq = 4501") == "straggler"
    assert value(db, "SELECT settled FROM platform_feed_log") > 1


def test_a_transaction_in_another_database_holds_nothing_up(
    db: Connection, postgres: PostgresServer
) -> None:
    with postgres.database() as name, psycopg.connect(postgres.url(name)) as elsewhere:
        elsewhere.execute("CREATE TABLE t ()")
        add(db, "a")
        assert stamp(db) == 1


def test_another_origin_is_another_history(db: Connection) -> None:
    """A restored backup, a promoted standby, a loaded dump: its writers may have lost changes."""
    add(db, "a")
    stamp(db)
    before = value(db, "SELECT epoch FROM platform_feed_log")
    assert stamp(db) == 0
    assert value(db, "SELECT epoch FROM platform_feed_log") == before
    db.execute("UPDATE platform_feed_log SET origin = 'elsewhere'")
    stamp(db)
    after, floor, origin = db.execute(
        "SELECT epoch, floor, origin FROM platform_feed_log"
    ).fetchall()[0]
    assert (after != before, floor) == (True, 1)
    assert origin == value(db, "SELECT platform_feed_origin()")


def trim(db: Connection, keep: int, age: str = "1 day", most: int = 100) -> int:
    gone: int = value(db, "SELECT platform_feed_trim(%s, %s, %s)", keep, age, most)
    return gone


def test_the_log_is_kept_by_number_and_by_age(db: Connection) -> None:
    add(db, *"abcdefghij")
    stamp(db)
    add(db, "not stamped yet")
    assert trim(db, keep=6, most=3) == 3
    assert trim(db, keep=6, most=3) == 1
    assert trim(db, keep=6) == 0
    assert value(db, "SELECT floor FROM platform_feed_log") == 4
    db.execute("UPDATE platform_feed_changes SET at = at - interval '2 days' WHERE seq <= 6")
    assert trim(db, keep=6) == 2
    assert trim(db, keep=6, age="0") == 3
    assert db.execute(NUMBERED).fetchall() == [(10, "j")], "the newest holds the head"
    assert stamp(db) == 1
    assert value(db, "SELECT max(seq) FROM platform_feed_changes") == 11


def test_a_backlog_is_numbered_by_the_index(db: Connection) -> None:
    """Else each call would sort all that is left."""
    add_many(db, 5000)
    db.execute("ANALYZE platform_feed_changes")
    [source] = db.execute("SELECT prosrc FROM pg_proc WHERE proname = 'platform_feed_stamp'")
    query = source[0].split("rows := ARRAY(")[1].split(");")[0]
    plan = db.execute("EXPLAIN " + query.replace("log.settled", "0").replace("most", "1000"))
    told = "\n".join(line for (line,) in plan)
    assert "feed_changes_seq_idx" in told
    assert "Sort" not in told


# ── how it is read ───────────────────────────────────────────────────────────────────────────────


def test_few_changes_of_many_are_read_by_index(db: Connection) -> None:
    """With a plan that was made for empty tables, and with one that knows what is in them."""

    def blocks() -> int:
        explain, few = "EXPLAIN (ANALYZE, BUFFERS, FORMAT json)", {"after": 4990, "most": 1000}
        db.execute(READ, few)  # planning reads blocks of the catalogue
        [[[told]]] = db.execute(f"{explain} {READ}", few).fetchall()
        hit, fetched = told["Plan"]["Shared Hit Blocks"], told["Plan"]["Shared Read Blocks"]
        return int(hit + fetched)

    blocks()
    add_many(db, 5000)
    while stamp(db):
        pass
    assert value(db, "SELECT count(*) FROM platform_feed_read(4990, 1000)") == 10
    assert blocks() < 150
    db.execute("ANALYZE")
    assert blocks() < 150


def test_who_finds_nothing_new_waits_for_no_lock(db: Connection, other: Connection) -> None:
    add(db, "a")
    assert stamp(db) == 1
    other.execute("LOCK TABLE platform_feed_events")
    db.execute("SET lock_timeout = '1s'")
    assert db.execute(READ, {"after": 1, "most": 1000}).fetchall() == []
    with pytest.raises(psycopg.errors.LockNotAvailable):
        db.execute(READ, {"after": 0, "most": 1000})


def test_the_log_is_read_by_index_whatever_statistics_say(db: Connection) -> None:
    """A backfill without a server leaves them so: that nothing has a number, and all is to come."""
    add_many(db, 20000)
    db.execute("ANALYZE platform_feed_changes")
    while stamp(db):
        pass
    for statement, params in (
        ("SELECT platform_feed_position()", {}),
        (READ, {"after": 19990, "most": 1000}),
        (STAMP, {"most": 1000}),
    ):
        with db.transaction():
            before = value(db, SCANS_OF_THE_LOG)
            db.execute(statement, params)
            assert value(db, SCANS_OF_THE_LOG) == before, statement


def test_who_hangs_while_it_reads_keeps_nobody_from_stamping(
    db: Connection, database_url: str
) -> None:
    db.execute(
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'agent_registered', jsonb_build_object('id', n, 'text', repeat('x', 50000))"
        " FROM generate_series(1, 500) AS n"
    )
    waits_for = "SELECT wait_event FROM pg_stat_activity WHERE pid = %s"
    with closing(psycopg.connect(database_url, autocommit=True)) as stuck:
        look = psycopg.ClientCursor(stuck).mogrify(LOOK, {"after": 0, "most": 1000})
        stuck.pgconn.send_query(look.encode())
        until(lambda: value(db, waits_for, stuck.info.backend_pid) == "ClientWrite")
        add(db, "later")
        assert stamp(db) == 1


# ── positions ────────────────────────────────────────────────────────────────────────────────────


def position(db: Connection) -> Position:
    return Position.parse(value(db, "SELECT platform_feed_position()"))


def test_a_position_tells_what_its_snapshot_saw(
    db: Connection, other: Connection, database_url: str
) -> None:
    """Committed, numbered or not: seen. In flight: not seen."""
    epoch = value(db, "SELECT epoch FROM platform_feed_log")
    assert position(db) == Position(epoch, 0)
    add(db, "numbered")
    stamp(db)
    epoch = value(db, "SELECT epoch FROM platform_feed_log")
    assert position(db) == Position(epoch, 1)

    with ExitStack() as open_:
        flying = open_.enter_context(psycopg.connect(database_url))
        add(other, "in flight")
        add(flying, "in flight too")
        add(db, "seen")
        here = position(db)
        other.commit()
        flying.commit()
    add(db, "later")
    assert (here.epoch, here.seq) == (epoch, 1)
    assert here.snapshot
    seen = {
        name: here.snapshot.sees(xid)
        for name, xid in db.execute("SELECT item_id, xid FROM platform_feed_changes")
    }
    assert seen == {
        "numbered": True,
        "seen": True,
        "in flight": False,
        "in flight too": False,
        "later": False,
    }


@given(
    st.integers(1, 2**62), st.integers(0, 40), st.sets(st.integers(0, 40)), st.integers(0, 10**9)
)
def test_positions_survive_being_written(
    xmin: int, length: int, running: set[int], seq: int
) -> None:
    snapshot = Snapshot(xmin, xmin + length, frozenset(xmin + n for n in running))
    for found in snapshot, None:
        wanted = Position("0123abcd", seq, found)
        assert Position.parse(str(wanted)) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "1", "0123abcd", "0123abcd.", "0123ABCD.1", "0123abcd.-1", "0123abcd.1~", "0123abcd.1~1",
     "0123abcd.1~1:2", "0123abcd.1~:::", "0123abcd.1 ", "0123abcd.1~1:2:x", f"0123abcd.{'1' * 19}",
     str(UUID(int=0)), f"0123abcd.1~1:1:{'1' * 15000}:"],
)  # fmt: skip
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        Position.parse(text)
