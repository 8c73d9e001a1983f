"""The PostgreSQL server that tests use, and the databases on it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from db.embedded import EmbeddedPostgres
from tests.support.tcp_proxy import Target, TcpProxy

# The databases of tests need not survive a power cut.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True)
class PostgresServer:
    """A server on which databases may be created. Both URLs name one that is there already."""

    socket_url: str
    loopback_url: str

    def url(self, database: str) -> str:
        """libpq URL of a database, as the platform gets it: by unix socket, if there is one."""
        return _with_database(self.socket_url, database)

    def tcp_url(self, database: str) -> str:
        """The same by TCP, for programs that may not enter the socket's private directory."""
        return _with_database(self.loopback_url, database)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Creates a database, yields its name and drops it, whoever is still connected."""
        name = f"test_{uuid4().hex[:12]}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        try:
            yield name
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(self.socket_url, autocommit=True) as admin:
            admin.execute(SQL(statement).format(*map(Identifier, names)))


@contextmanager
def embedded_server() -> Iterator[PostgresServer]:
    """Starts the platform's own embedded server, tuned for tests.

    It listens on a unix socket only, so a proxy makes it reachable by TCP.
    """
    with tempfile.TemporaryDirectory(prefix="test-postgres-") as directory:
        Path(directory).chmod(0o755)  # started by root, PostgreSQL may run as somebody else
        with (
            EmbeddedPostgres(Path(directory), options=OPTIONS) as url,
            TcpProxy(address(url)) as proxy,
        ):
            yield PostgresServer(url, by_way_of(url, proxy.port))


def address(url: str) -> Target:
    """Where the server of a libpq URL listens; what a TcpProxy in front of it needs."""
    parts = conninfo_to_dict(url)
    host, port = str(parts["host"]), int(parts.get("port") or 5432)
    return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, port)


def by_way_of(url: str, port: int) -> str:
    """The URL of the same database through something that listens on a loopback port."""
    through = make_url(url).difference_update_query(["host", "port"])
    return through.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


def _with_database(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
