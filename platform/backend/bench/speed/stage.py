"""What measurements stand on: a PostgreSQL of their own with every safety on, and real servers."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx2
import psycopg
from sqlalchemy import make_url

from db.embedded import EmbeddedPostgres
from db.migrate import upgrade

BACKEND = Path(__file__).parents[2]
START_SECONDS = 60

UNLINK = """
ALTER TABLE platform_feed_events
    DROP CONSTRAINT platform_feed_events_world_id_fkey,
    DROP CONSTRAINT platform_feed_events_agent_id_fkey,
    DROP CONSTRAINT platform_feed_events_dweller_id_fkey,
    DROP CONSTRAINT platform_feed_events_story_id_fkey
"""
"""Lets an item be written by itself."""


def another(url: str, name: str) -> str:
    """Makes another database on the same server, migrated and empty as this one is; its URL."""
    with psycopg.connect(_of(url, "postgres"), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {make_url(url).database}".encode())
    return _of(url, name)


def _of(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def resident(pid: int) -> float:
    """Resident memory of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float(re.findall(r"VmRSS:\s+(\d+)", status)[0])


@contextmanager
def database() -> Iterator[str]:
    """URL of a migrated, empty database that flushes every commit to disk."""
    with tempfile.TemporaryDirectory(prefix="worldfeed-speed-") as directory:
        Path(directory).chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        with EmbeddedPostgres(Path(directory), options={"shared_buffers": "512MB"}) as url:
            upgrade(url)
            yield url


class Server:
    """A process that serves HTTP on a free port."""

    def __init__(self, command: list[str], ready: str, **environment: str) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *command],
            cwd=BACKEND,
            env=os.environ | environment,
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )
        self.url = self._wait(ready)

    def memory(self) -> float:
        """Resident memory in KiB."""
        return resident(self.process.pid)

    def wait_until_open(self) -> None:
        parts = urlsplit(self.url)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((parts.hostname, parts.port or 80), timeout=5).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._said.close()

    def _wait(self, ready: str) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            said = self._output()
            if found := re.search(ready, said):
                return found[1]
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError(f"the server does not start:\n{self._output()}")

    def _output(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace")


@contextmanager
def platform(url: str, program: str = "cli.py", **environment: str) -> Iterator[Server]:
    """The platform as an operator runs it, on this database; `program` may be a variant of it."""
    own = {"DATABASE_URL": url, "PORT": "0", "TESTING": "true", "LOG_LEVEL": "warning"}
    server = Server([*program.split(), "serve"], r"ready: (http://\S+)", **(own | environment))
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def rival(name: str, workers: int = 1, **environment: str) -> Iterator[Server]:
    """An application under plain uvicorn: one of rivals.py, or of another module if it says so."""
    app = name if ":" in name else f"bench.speed.rivals:{name}"
    options = ["--workers", str(workers), "--log-level", "info", "--no-access-log"]
    server = Server(
        ["-m", "uvicorn", app, "--port", "0", *options],
        r"running on (http://\S+)",
        **environment,
    )
    server.wait_until_open()  # several workers open the port after it is announced
    try:
        yield server
    finally:
        server.stop()


def live(server: Server) -> dict[str, object]:
    """What /health says of the live feed."""
    found: dict[str, object] = httpx2.get(f"{server.url}/health").json()["live"]
    return found
