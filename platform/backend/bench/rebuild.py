"""How fast a feed is filled and checked, beside the bare COPY of its finished rows.

Everything in one run on one machine: a synthetic history in a PostgreSQL of its own, `backfill` and
`verify` as an operator runs them, each a process whose memory is watched, and the same rows copied:
into the feed's table itself, which also checks foreign keys and writes the change log, into one
with its indexes alone, and into one without any.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.history import fill
from bench.speed.stage import resident
from db.embedded import EmbeddedPostgres
from db.migrate import upgrade

BACKEND = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Ran:
    """A command: how long it took; its memory in a first tenth of that and at most, in MiB."""

    seconds: float
    early: float
    peak: float
    stdout: str


def measure(items: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs it all for a history of about `items` items; figures as JSON."""
    with tempfile.TemporaryDirectory(prefix="worldfeed-rebuild-") as directory:
        Path(directory).chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        with EmbeddedPostgres(Path(directory), options={"shared_buffers": "1GB"}) as url:
            upgrade(url)
            say(f"making a history of about {items:,} items")
            asyncio.run(fill(url, items))
            say("backfill")
            filled = _run(url, "backfill")
            say("verify")
            checked = _run(url, "verify", "--json")
            report = json.loads(checked.stdout)
            say("bare COPY")
            return {
                "items": report["items"],
                "drift": report["drift"],
                "backfill": _figures(filled, report["items"]),
                "verify": _figures(checked, report["items"]),
                "copy": {name: report["items"] / s for name, s in _copies(url).items()},
            }


def _figures(ran: Ran, items: int) -> dict[str, float]:
    return {
        "seconds": ran.seconds,
        "items_per_second": items / ran.seconds,
        "early_mib": ran.early,
        "peak_mib": ran.peak,
    }


def _run(url: str, *words: str) -> Ran:
    began = time.monotonic()
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "cli.py", *words],
            cwd=BACKEND,
            env=os.environ | {"DATABASE_URL": url},
            stdout=said,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            samples.append((time.monotonic() - began, _memory(process.pid)))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - began
        said.seek(0)
        stdout = said.read()
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    early = max(memory for at, memory in samples if at <= max(seconds / 10, samples[0][0]))
    return Ran(seconds, early, max(memory for _, memory in samples), stdout)


def _memory(pid: int) -> float:
    """Resident memory in MiB; 0 when the process has just gone."""
    try:
        return resident(pid) / 1024
    except (FileNotFoundError, IndexError):
        return 0


def _copies(url: str) -> dict[str, float]:
    """Seconds to COPY the rows of the feed into its own table, and into others that do less.

    The feed that was there is gone then, and comes back without its marks of an import.
    """
    with tempfile.TemporaryFile() as rows, psycopg.connect(url, autocommit=True) as connection:
        with connection.cursor().copy("COPY platform_feed_events TO STDOUT (FORMAT BINARY)") as out:
            for block in out:
                rows.write(block)
        connection.execute("TRUNCATE platform_feed_events")
        seconds = {"into_the_feed": _copy(connection, rows, b"platform_feed_events")}
        for name, including in (("with_indexes", b"INCLUDING ALL"), ("without_indexes", b"")):
            connection.execute(b"CREATE TABLE copied (LIKE platform_feed_events %b)" % including)
            seconds[name] = _copy(connection, rows, b"copied")
            connection.execute("DROP TABLE copied")
        return seconds


def _copy(connection: psycopg.Connection, rows: Any, table: bytes) -> float:
    connection.execute("CHECKPOINT")
    rows.seek(0)
    began = time.monotonic()
    with connection.cursor().copy(b"COPY %b FROM STDIN (FORMAT BINARY)" % table) as copy:
        while block := rows.read(1 << 20):
            copy.write(block)
    return time.monotonic() - began
