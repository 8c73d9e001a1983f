"""One campaign, from an empty database to the verdict."""

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg

from bench.live import audit, notes, readers, writer
from bench.live.database import CrashingPostgres
from bench.live.faults import ALL, CHEAP, Site, Unproven, log_trimmed
from bench.live.oracle import check
from bench.live.servers import BACKEND, Fleet, Server
from bench.live.truth import Truth
from db.migrate import upgrade
from tests.support.postgres import by_way_of
from tests.support.tcp_proxy import TcpProxy

SETTLE_SECONDS = 20.0
"""What the last changes may take to reach every server."""

FINISH_SECONDS = 60.0
SHOWN = 20


class Size(NamedTuple):
    """How much of everything. `pause`: seconds between two transactions of a writer."""

    writers: int
    servers: int
    pause: float
    items: int
    streams: int
    filtered: int
    polls: int
    pages: int
    slow: int
    ring_bytes: int
    calm: float
    """Seconds between two faults."""
    faults: Sequence[Callable[[Site], str]]
    seconds: float
    """All faults come once, and again until so long has passed."""


SLICE = Size(
    writers=5,
    servers=2,
    pause=0.06,
    items=40,
    streams=4,
    filtered=4,
    polls=2,
    pages=3,
    slow=0,
    ring_bytes=16 * 1024,
    calm=0.3,
    faults=CHEAP,
    seconds=0,
)
"""What CI has time for."""


def long(minutes: float, writers: int, servers: int) -> Size:
    """What it has no time for."""
    return Size(
        writers=writers,
        servers=servers,
        pause=0.15,
        items=60,
        streams=6,
        filtered=8,
        polls=3,
        pages=4,
        slow=2,
        ring_bytes=128 * 1024,
        calm=4.0,
        faults=ALL,
        seconds=60 * minutes,
    )


def run(size: Size, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Plays it; the figures as JSON. `ok` is the verdict."""
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated, no secret
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="worldfeed-live-") as name, ExitStack() as stack:
        directory = Path(name)
        postgres = stack.enter_context(CrashingPostgres(directory))
        users = [f"server{number}" for number in range(1, size.servers + 1)]
        _prepare(postgres.url, users)
        proxy = stack.enter_context(TcpProxy(postgres.socket))
        fleet = stack.enter_context(Fleet(_servers(size, directory, postgres, proxy, users)))
        site = Site(postgres, fleet, proxy, chance, [])
        say(f"{size.writers} writers and {size.servers} servers")
        with _readers(size, seed, directory, fleet) as finish:
            with _writers(size, seed, directory, postgres.url):
                fired, failed = _wreak(size, site, say)
            head = _settled(site)
            say(f"all is written: {head} changes")
            finish(head)
        with site.connect() as connection:
            table, changes = audit.table(connection), audit.changes(connection)
        _try(log_trimmed, site, fired, failed, say)
        truth = Truth(changes, notes.transactions(directory), table, site.unsafe)
        counts = notes.counts(directory)
        failed += _unseen(size, counts)
        failed += [
            f"{one.user} logged {one.errors()} errors" for one in fleet.servers if one.errors()
        ]
        say("the oracle")
        violations = check(truth, notes.Sessions(directory))
        logs = [server.said() for server in fleet.servers if violations or failed]
    outcomes = Counter(note.outcome for note in truth.transactions)
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "transactions": dict(outcomes),
        "changes": dict(Counter(change.op for change in changes)),
        "imported": sum(change.imported for change in changes),
        "readers": counts,
        "faults": fired,
        "unproven": failed,
        "violations": dict(Counter(violation.law for violation in violations)),
        "details": [f"{law}: {detail}" for law, detail in violations[:SHOWN]],
        "logs": logs,
        "ok": not violations and not failed,
    }


def _prepare(url: str, users: Sequence[str]) -> None:
    upgrade(url)
    audit.install(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE elsewhere")
        for user in users:
            admin.execute(f"CREATE ROLE {user} SUPERUSER LOGIN")


def _servers(
    size: Size, directory: Path, postgres: CrashingPostgres, proxy: TcpProxy, users: Sequence[str]
) -> list[Server]:
    """They listen for notifications by way of the proxy, and do everything else directly."""
    common = {
        "TESTING": "true",
        "BACKGROUND_TASKS": "false",
        "DB_POOL_SIZE": "2",
        "PAGE_POOL_SIZE": "2",
        "LIVE_RING_BYTES": str(size.ring_bytes),
    }
    return [
        Server(
            directory,
            user,
            common
            | {
                "DATABASE_URL": postgres.url_of(user),
                "DATABASE_DIRECT_URL": by_way_of(postgres.url_of(user), proxy.port),
            },
        )
        for user in users
    ]


# ── the processes ────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _writers(size: Size, seed: int, directory: Path, url: str) -> Iterator[None]:
    """They write until the end of the block."""
    with ExitStack() as running:
        for number in range(size.writers):
            name = f"w{number}"
            file = str(directory / f"writer-{name}.notes")
            config = writer.Config(name, url, seed * 1000 + number, size.pause, size.items, file)
            process = running.enter_context(_python(writer.__name__, config._asdict()))
            running.callback(process.terminate)
        yield


@contextmanager
def _readers(
    size: Size, seed: int, directory: Path, fleet: Fleet
) -> Iterator[Callable[[int], None]]:
    """They read until they are told the number of the last change, by what this yields."""
    config = readers.Config(
        [server.url for server in fleet.servers],
        seed * 1000 + 999,
        str(directory),
        size.streams,
        size.filtered,
        size.polls,
        size.pages,
        size.slow,
    )
    with _python(readers.__name__, config._asdict()) as process:
        if not process.stdout or not process.stdout.readline():
            raise RuntimeError("the readers do not begin")

        def finish(head: int) -> None:
            process.communicate(b"%d\n" % head, timeout=FINISH_SECONDS)
            if process.returncode:
                raise RuntimeError(f"the readers ended with {process.returncode}")

        try:
            yield finish
        finally:
            process.kill()


def _python(module: str, config: dict[str, Any]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", module, orjson.dumps(config)],
        cwd=BACKEND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────


def _wreak(
    size: Size, site: Site, say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Every fault in a random order, again and again, for as long as all of them fire."""
    fired: list[dict[str, Any]] = []
    failed: list[str] = []
    ends = time.monotonic() + size.seconds
    while True:
        for fault in site.chance.sample(size.faults, len(size.faults)):
            if len(fired) >= len(size.faults) and time.monotonic() > ends:
                return fired, failed
            time.sleep(size.calm * site.chance.uniform(0.5, 1.5))
            _try(fault, site, fired, failed, say)
            if failed:
                return fired, failed


def _try(
    fault: Callable[[Site], str],
    site: Site,
    fired: list[dict[str, Any]],
    failed: list[str],
    say: Callable[[str], None],
) -> None:
    name, began = fault.__name__.replace("_", " "), time.monotonic()
    try:
        proof = fault(site)
    except Unproven as error:
        failed.append(f"{name}: {error}")
        say(f"NOT PROVEN {failed[-1]}")
    else:
        fired.append({"fault": name, "proof": proof, "seconds": round(time.monotonic() - began, 1)})
        say(f"{name}: {proof}")


def _unseen(size: Size, counts: dict[str, int]) -> list[str]:
    """What the readers should have met, and did not."""
    names = ["connections", "messages", "pages", "pages_with_snapshot", "bye"]
    if size.slow:
        names.append("slow")
    return [f"readers: {name}" for name in names if not counts.get(name)]


def _settled(site: Site) -> int:
    """The number of the last change, when it has reached every server, or should have."""
    with site.connect() as connection:
        head = audit.count(connection)
    deadline = time.monotonic() + SETTLE_SECONDS
    while set(site.fleet.heads()) != {head} and time.monotonic() < deadline:
        time.sleep(0.1)
    return head
