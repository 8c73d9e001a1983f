"""The fixtures of all tests; tests/support/ holds the machinery behind them.

    postgres ─ template ─ database_url ─┬─ settings ─ app ─┬─ client    requests without a network
      │                                 │                  └─ db        a look behind the API
      │                                 ├─ server, start_server         the real thing, for streams
      │                                 └─ proxy, pgbouncer_url         what may stand in between
      └─ empty_database_url

To run the app through the proxy or PgBouncer, a test module overrides `settings`:

    @pytest.fixture
    def settings(settings: Settings, pgbouncer_url: str) -> Settings:
        return settings.model_copy(update={"database_url": pgbouncer_url})
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.migrate import upgrade
from main import configure, create_app
from tests.support.browser import chromium, find_chromium
from tests.support.machine import forget_settings, missing
from tests.support.pgbouncer import find_pgbouncer, pgbouncer
from tests.support.postgres import PostgresServer, address, embedded_server
from tests.support.server import ServerProcess, StartServer
from tests.support.statements import recorded_statements
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The event loop that uvicorn uses, too."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_settings(monkeypatch)
        yield


@pytest.fixture(scope="session")
def postgres(clean_environment: None) -> Iterator[PostgresServer]:
    """One server per test process: TEST_DATABASE_URL, or else an embedded one."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield PostgresServer(url, url)
    else:
        with embedded_server() as server:
            yield server


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> Iterator[str]:
    """Name of a migrated database. Cloning it takes milliseconds, migrating one seconds."""
    with postgres.database() as name:
        upgrade(postgres.url(name))
        yield name


@pytest.fixture
def database(postgres: PostgresServer, template: str) -> Iterator[str]:
    """Name of the test's own database, migrated."""
    with postgres.database(template) as name:
        yield name


@pytest.fixture
def database_url(postgres: PostgresServer, database: str) -> str:
    return postgres.url(database)


@pytest.fixture
def empty_database_url(postgres: PostgresServer) -> Iterator[str]:
    """A database without a single table."""
    with postgres.database() as name:
        yield postgres.url(name)


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[TcpProxy]:
    """A proxy in front of PostgreSQL; `by_way_of(database_url, proxy.port)` leads through it."""
    with TcpProxy(address(postgres.socket_url)) as proxy:
        yield proxy


@pytest.fixture
def pgbouncer_url(postgres: PostgresServer, database: str) -> Iterator[str]:
    """The test's database behind a transaction pooler."""
    program = find_pgbouncer()
    if program is None:
        missing("pgbouncer is not installed (apt-get install pgbouncer)")
    with pgbouncer(program, postgres.tcp_url(database)) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Nothing in the background: a test that wants that work does it, and counts its statements."""
    return Settings(
        database_url=database_url,
        testing=True,
        test_mode=True,
        dedup_window_override_seconds=0,
        background_tasks=False,
        live=False,
    )


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """The application, put together once: its first request builds what all others use."""
    return create_app(Settings(database_url="postgresql:///unused"))


@pytest.fixture
async def app(application: FastAPI, settings: Settings) -> AsyncIterator[FastAPI]:
    """The application with the test's own settings and database, started."""
    configure(application, settings)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Calls the app in this process. An error that it lets escape is a 500, as on a real server.

    Not for streams: this transport hands a response over when its last byte is there, which an
    open stream never sends. They are tested on `server`.
    """
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def db(app: FastAPI) -> AsyncIterator[AsyncSession]:
    """A session of the app's database, to look behind the API."""
    async with app.state.database.session() as session:
        yield session


@pytest.fixture
async def observer(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection to the test's database that nobody else has, and that goes past the proxy."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """`with statements() as seen:` lists the SQL that the app sends meanwhile, text by text."""
    return recorded_statements


@pytest.fixture
def start_server(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartServer]:
    """For tests that need several servers, or special settings: `start_server(TESTING="false")`."""
    with ExitStack() as running:

        def start(**variables: str) -> ServerProcess:
            directory = tmp_path_factory.mktemp("server")
            environment = {
                "PORT": "0",
                "DATA_DIR": str(directory),
                "DATABASE_URL": database_url,
                "TESTING": "true",
                "DSF_TEST_MODE_ENABLED": "true",
                "DEDUP_WINDOW_OVERRIDE_SECONDS": "0",
            }
            server = ServerProcess(directory, environment | variables)
            running.callback(server.stop)
            return server

        yield start


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    """A real server on a free port, whose database is the test's."""
    return start_server()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. No longer than a module: no async test can run in a process where it is open."""
    program = find_chromium()
    if program is None:
        missing("chromium is not installed (apt-get install chromium)")
    with chromium(program) as browser:
        yield browser
