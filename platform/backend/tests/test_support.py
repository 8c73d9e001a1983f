"""Can the instruments be trusted? Each is held against something whose answer is known."""

import asyncio
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psycopg
import pytest
from psycopg.errors import DuplicatePreparedStatement
from sqlalchemy import text

from core.settings import Settings
from db.session import Database
from tests.support.machine import forget_settings, missing
from tests.support.postgres import PostgresServer, by_way_of
from tests.support.query import Query
from tests.support.server import ServerProcess, StartServer
from tests.support.statements import recorded_statements
from tests.support.tcp_proxy import TcpProxy

DELAY = 0.05  # seconds each way: well above what the machine itself takes

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""What PostgreSQL answers with one letter, before anybody has logged in."""


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """Without tables: the instruments have to work whatever state the schema is in."""
    with postgres.database() as name:
        yield name


@pytest.fixture
def proxied_url(database_url: str, proxy: TcpProxy) -> str:
    return by_way_of(database_url, proxy.port)


@pytest.fixture
def observer(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection that goes past the proxy."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def wait_until_alone(observer: psycopg.Connection) -> None:
    """Waits until the server has closed every connection to this database but the observer's."""
    others = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    while observer.execute(others).fetchone() != (0,):
        time.sleep(0.01)


def test_autocommit_statement_is_one_round_trip(proxied_url: str, proxy: TcpProxy) -> None:
    with psycopg.connect(proxied_url, autocommit=True, prepare_threshold=None) as connection:
        proxy.reset()
        assert connection.execute("SELECT %s + 1", [1]).fetchone() == (2,)
        assert proxy.round_trips == 1


def test_transaction_is_three_round_trips(proxied_url: str, proxy: TcpProxy) -> None:
    with psycopg.connect(proxied_url) as connection:
        proxy.reset()
        with connection.transaction():
            connection.execute("SELECT 1")
        assert proxy.round_trips == 3  # BEGIN, SELECT, COMMIT


def test_a_farewell_is_no_round_trip(
    proxied_url: str, proxy: TcpProxy, observer: psycopg.Connection
) -> None:
    with psycopg.connect(proxied_url):
        proxy.reset()
    wait_until_alone(observer)
    assert proxy.round_trips == 0


def test_news_unasked_for_are_no_round_trip(
    proxied_url: str, proxy: TcpProxy, observer: psycopg.Connection
) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        connection.execute("LISTEN news")
        proxy.reset()
        observer.execute("NOTIFY news, 'hello'")
        assert [n.payload for n in connection.notifies(stop_after=1)] == ["hello"]
        assert proxy.round_trips == 0


def test_pipeline_is_one_round_trip_and_one_delay(proxied_url: str, proxy: TcpProxy) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        proxy.delay = DELAY
        proxy.reset()
        start = time.monotonic()
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", [i]) for i in range(10)]
        elapsed = time.monotonic() - start
        assert [cursor.fetchone() for cursor in cursors] == [(i,) for i in range(10)]
        assert proxy.round_trips == 1
        assert 2 * DELAY <= elapsed < 10 * DELAY  # one by one: 20


def test_delay_costs_no_bandwidth(proxied_url: str, proxy: TcpProxy) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        proxy.delay = DELAY
        start = time.monotonic()
        row = connection.execute("SELECT repeat('x', 10_000_000)").fetchone()
        assert row == ("x" * 10_000_000,)
        # 10 MB are over 150 chunks: one after the other they would take 8 s.
        assert 2 * DELAY <= time.monotonic() - start < 2


def test_cut_drops_connections_and_new_ones_work(proxied_url: str, proxy: TcpProxy) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with psycopg.connect(proxied_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_cut_forgets_no_connection_that_is_being_opened(proxied_url: str, proxy: TcpProxy) -> None:
    """One that is neither served nor closed would keep its client waiting."""
    for number in range(300):
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
            time.sleep(number % 30 / 100_000)  # so that cuts fall into every phase of an opening
            proxy.cut()
            proxy.cut()
            with suppress(ConnectionError):
                client.sendall(SSL_REQUEST)
                assert client.recv(1) in (b"", b"N")


def test_cut_reaches_the_server(
    proxied_url: str, proxy: TcpProxy, observer: psycopg.Connection
) -> None:
    with psycopg.connect(proxied_url):
        proxy.cut()
        wait_until_alone(observer)


async def test_black_hole_holds_back_and_lets_go(proxied_url: str, proxy: TcpProxy) -> None:
    async with await psycopg.AsyncConnection.connect(proxied_url, autocommit=True) as connection:
        proxy.black_hole = True
        query = asyncio.create_task(connection.execute("SELECT 1"))
        done, _ = await asyncio.wait({query}, timeout=0.2)
        assert not done
        socket.create_connection(("127.0.0.1", proxy.port), timeout=1).close()
        proxy.black_hole = False
        assert await (await query).fetchone() == (1,)


def test_refuse_concerns_new_connections_only(proxied_url: str, proxy: TcpProxy) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        proxy.refuse = True
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=1)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.refuse = False
        psycopg.connect(proxied_url).close()


def test_the_end_of_one_side_reaches_the_other(proxied_url: str) -> None:
    with psycopg.connect(proxied_url, autocommit=True) as connection:
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_pgbouncer_gives_a_server_connection_per_transaction(pgbouncer_url: str) -> None:
    with ExitStack() as open_connections:
        clients = [open_connections.enter_context(psycopg.connect(pgbouncer_url)) for _ in range(6)]
        backends = []
        for client in clients:  # more than its pool: with one per session the fifth would wait
            backends.append(client.execute("SELECT pg_backend_pid()").fetchone())
            client.commit()
        assert len(set(backends)) < len(clients)


def test_named_statements_collide_behind_pgbouncer(pgbouncer_url: str) -> None:
    with (
        psycopg.connect(pgbouncer_url, autocommit=True) as one,
        psycopg.connect(pgbouncer_url, autocommit=True) as other,
    ):
        one.execute("SELECT 1", prepare=True)
        with pytest.raises(DuplicatePreparedStatement):
            other.execute("SELECT 1", prepare=True)


async def test_statements_of_both_pools_are_recorded(database_url: str) -> None:
    database = Database(Settings(database_url=database_url))
    page = Query("SELECT 'shared page'")
    await database.open()
    with recorded_statements() as seen:
        async with database.session() as session:
            await session.execute(text("SELECT 'session'"))
        async with database.pages.connection() as connection:
            await connection.execute("SELECT 'page'")
        await database.read_shared(page)
    await database.read_shared(page)
    async with database.pages.connection() as connection:
        await connection.execute("SELECT 'too late'")
    await database.close()
    assert seen == ["SELECT 'session'", "SELECT 'page'", page.text]


def test_a_database_goes_whoever_is_connected(postgres: PostgresServer) -> None:
    with postgres.database() as name:
        connection = psycopg.connect(postgres.url(name), autocommit=True)
    with connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(postgres.url(name))


def test_the_developers_environment_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://precious")
    monkeypatch.setenv("DSF_TEST_MODE_ENABLED", "true")
    monkeypatch.setenv("PGHOST", "precious")
    forget_settings(monkeypatch)
    assert Settings() == Settings.model_construct()
    assert "PGHOST" not in os.environ


def test_a_server_that_cannot_start_says_why(start_server: StartServer) -> None:
    with pytest.raises(pytest.fail.Exception, match="Connection refused"):
        start_server(DATABASE_URL="postgresql://127.0.0.1:1/nowhere")


def test_a_server_that_does_not_stop_is_noticed(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.server.STOP_SECONDS", 0.2)
    server.process.send_signal(signal.SIGSTOP)  # from now on it handles no signal but SIGKILL
    with pytest.raises(pytest.fail.Exception, match="outlived SIGTERM"):
        server.stop()
    assert server.process.returncode == -signal.SIGKILL


def test_what_is_missing_fails_in_ci_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such program"):
        missing("no such program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such program"):
        missing("no such program")
