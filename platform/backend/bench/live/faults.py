"""What goes wrong during a campaign. Each fault proves that it fired, or raises `Unproven`."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx2
import psycopg

from bench.live.database import CrashingPostgres
from bench.live.servers import Fleet, Server
from bench.live.writer import APPLICATION as WRITER
from tests.support.tcp_proxy import TcpProxy

TAIL = "worldfeed tail"
STAMP_LOCK = (2131623939, 1)
PATIENCE = 15.0
TRIES = 5

_UNSTAMPED = "SELECT id FROM platform_feed_changes WHERE seq IS NULL"
_STAMPING = """
SELECT usename, pid FROM pg_stat_activity
WHERE application_name = %s AND wait_event_type = 'Lock' AND query LIKE '%%platform_feed_stamp%%'
"""
_SINCE = "SELECT DISTINCT tx FROM campaign_audit WHERE id > %s"
_STILL_THERE = "SELECT DISTINCT tx FROM campaign_audit WHERE tx = ANY(%s)"


class Unproven(Exception):
    """A fault that did not do what it is there for."""


class Site(NamedTuple):
    """Where faults happen."""

    postgres: CrashingPostgres
    fleet: Fleet
    proxy: TcpProxy
    chance: random.Random
    unsafe: list[tuple[float, float]]
    """Filled with when acknowledged commits could be lost."""

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.postgres.url, autocommit=True, application_name="campaign")

    def some_server(self) -> Server:
        return self.chance.choice(self.fleet.servers)


def server_killed(site: Site) -> str:
    server = site.some_server()
    status = server.end(signal.SIGKILL)
    if status != -signal.SIGKILL:
        raise Unproven(f"{server.user} ended with {status}")
    _start(server)
    return f"{server.user} ended with {status} and came back"


def server_stopped(site: Site) -> str:
    """As an operator does it: its clients are told to come back later."""
    server = site.some_server()
    _until("it has some clients", lambda: server.live().get("clients", 0) >= 3)
    clients = int(server.live().get("clients", 0))
    status = server.end(signal.SIGTERM)
    if status not in (0, -signal.SIGTERM):
        raise Unproven(f"{server.user} ended with {status}")
    _start(server)
    return f"{server.user} said bye to {clients} clients"


def server_killed_in_stamp(site: Site) -> str:
    """Its backend holds the lock and has not committed; it goes on alone, for nobody."""
    with site.connect() as admin, _caught_in_stamp(site, admin) as (server, backend):
        server.end(signal.SIGKILL)
    _start(server)
    return f"{server.user} was killed while backend {backend} was stamping"


def tail_terminated_in_stamp(site: Site) -> str:
    """Its numbers vanish with its transaction, and somebody else has to give them."""
    with site.connect() as admin, _caught_in_stamp(site, admin) as (server, backend):
        _terminate(admin, "pid = %s", backend)
    return f"backend {backend} of {server.user} was ended while it was stamping"


def tails_terminated(site: Site) -> str:
    with site.connect() as admin:
        count = _terminate(admin, "application_name = %s", TAIL)
    return f"{count} tails lost their connections"


def backends_terminated(site: Site) -> str:
    """Some of everybody's connections, writers' in the middle of transactions."""
    with site.connect() as admin:
        writers = _terminate(admin, "application_name = %s AND random() < 0.5", WRITER)
        servers = _terminate(admin, "usename LIKE %s AND random() < 0.5", "server%")
    return f"{writers} writers and {servers} backends of servers lost their connections"


def postgres_crashed(site: Site) -> str:
    before = site.postgres.pid
    site.postgres.crash()
    with site.connect() as admin:
        row = admin.execute("SELECT pg_postmaster_start_time()").fetchone()
    if site.postgres.pid == before or row is None:
        raise Unproven("it is the same server")
    return f"process {before} crashed, {site.postgres.pid} recovered"


def postgres_restarted(site: Site) -> str:
    before = site.postgres.pid
    site.postgres.restart()
    if site.postgres.pid == before:
        raise Unproven("it is the same server")
    return f"process {before} was shut down, {site.postgres.pid} took over"


def listeners_deaf(site: Site) -> str:
    """The listening connections stay open while nothing passes: servers must notice, and poll."""
    _until("every server listens", lambda: _wake_ups(site) == {"listen"})
    site.proxy.black_hole = True
    try:
        _until("every server polls", lambda: _wake_ups(site) == {"poll"})
        told = _delivered(site)
    finally:
        site.proxy.black_hole = False
    _until("every server listens again", lambda: _wake_ups(site) == {"listen"})
    return f"servers polled, and told {told} changes meanwhile"


def transaction_elsewhere(site: Site) -> str:
    """A transaction of another database holds the horizon of the whole cluster back."""
    url = site.postgres.url.replace("/platform?", "/elsewhere?")
    with site.connect() as admin, psycopg.connect(url) as other:
        row = other.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert row is not None
        told = _delivered(site)
        horizon = admin.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())").fetchone()
        if horizon is None or int(horizon[0]) > row[0]:
            raise Unproven(f"the horizon passed transaction {row[0]}")
    return f"{told} changes were told while transaction {row[0]} was open"


def snapshot_held(site: Site) -> str:
    with psycopg.connect(site.postgres.url) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = holder.execute("SELECT count(*) FROM campaign_audit").fetchone()
        told = _delivered(site)
        after = holder.execute("SELECT count(*) FROM campaign_audit").fetchone()
        if before != after:
            raise Unproven("the snapshot moved")
    return f"{told} changes were told while a snapshot was held"


def asynchronous_commits_lost(site: Site) -> str:
    """Commits are acknowledged before they are on disk, and a crash undoes them; but none that a
    client was told of.
    """
    told = 0
    for _ in range(TRIES):
        with _asynchronous_commits(site):
            told += _delivered(site)
            if lost := _commits_lost(site):
                return f"{told} changes were told, then {lost} commits were lost untold"
    raise Unproven(f"no commit was lost in {TRIES} crashes")


def _commits_lost(site: Site) -> int:
    """How many a crash undid. Before it nobody may stamp for a moment, because that saves what was
    committed earlier; a reader who is told of an item that is ahead of its change saves all, too.
    """
    with site.connect() as admin:
        admin.execute("SELECT pg_advisory_lock(%s, %s)", STAMP_LOCK)
        row = admin.execute("SELECT max(id) FROM campaign_audit").fetchone()
        time.sleep(0.3)
        untold = [tx for (tx,) in admin.execute(_SINCE, row)]
        site.postgres.crash()
    with site.connect() as admin:
        return len(untold) - len(admin.execute(_STILL_THERE, [untold]).fetchall())


def log_trimmed(site: Site) -> str:
    """At the very end: old positions are answered by `gone`, on every server."""
    with site.connect() as admin:
        admin.execute("SELECT platform_feed_trim(10, '1 day', 1000000)")
    for server in site.fleet.servers:
        _ask_for_what_is_forgotten(server)
    return f"position 1 is gone on {len(site.fleet.servers)} servers"


def _ask_for_what_is_forgotten(server: Server) -> None:
    _until("the floor has risen", lambda: server.live().get("floor", 0) > 1)
    query = {"after": f"{server.live()['epoch']}.1"}
    answer = httpx2.get(f"{server.url}/api/feed/changes", params=query, timeout=10).json()
    if [told["event"] for told in answer["messages"]] != ["gone"]:
        raise Unproven(f"{server.user} answered {answer}")


CHEAP: tuple[Callable[[Site], str], ...] = (
    tails_terminated,
    transaction_elsewhere,
    server_killed,
    tail_terminated_in_stamp,
    listeners_deaf,
    asynchronous_commits_lost,
    server_stopped,
)
"""What takes a few seconds each."""

ALL = (
    *CHEAP,
    server_killed_in_stamp,
    backends_terminated,
    postgres_crashed,
    postgres_restarted,
    snapshot_held,
)


def _start(server: Server) -> None:
    server.launch()
    server.wait_until_ready()


def _terminate(admin: psycopg.Connection, which: str, value: object) -> int:
    """Ends the backends of such sessions; how many, at least one."""
    if count := _end_backends(admin, which, value):
        return count
    raise Unproven(f"there is no backend of {value}")


def _end_backends(admin: psycopg.Connection, which: str, value: object) -> int:
    """But for our own."""
    rows = admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND {which}",
        [value],
    ).fetchall()
    return len(rows)


@contextmanager
def _asynchronous_commits(site: Site) -> Iterator[None]:
    """Everybody commits asynchronously in the block, and synchronously again after it."""
    began = time.monotonic()
    with site.connect() as admin:
        admin.execute("ALTER DATABASE platform SET synchronous_commit = off")
        _end_backends(admin, "datname = %s", "platform")
    try:
        yield
    finally:
        with site.connect() as admin:
            admin.execute("ALTER DATABASE platform RESET synchronous_commit")
            _end_backends(admin, "datname = %s", "platform")
        site.unsafe.append((began, time.monotonic()))


@contextmanager
def _caught_in_stamp(site: Site, admin: psycopg.Connection) -> Iterator[tuple[Server, int]]:
    """Holds a change that has no number yet: whoever stamps then waits for it, inside.

    Yields that server and the number of its backend; lets go of the change afterwards.
    """
    with site.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s, %s)", STAMP_LOCK)
        _until("there is an unstamped change", lambda: bool(holder.execute(_UNSTAMPED).fetchone()))
        with holder.transaction():
            holder.execute(f"{_UNSTAMPED} FOR UPDATE")
            holder.execute("SELECT pg_advisory_unlock(%s, %s)", STAMP_LOCK)
            user, backend = _stamping(admin)
            yield next(server for server in site.fleet.servers if server.user == user), backend


def _stamping(admin: psycopg.Connection) -> tuple[str, int]:
    """The user and the backend that wait inside the stamping."""
    found: list[tuple[str, int]] = []

    def look() -> bool:
        found.extend(admin.execute(_STAMPING, [TAIL]))
        return bool(found)

    _until("somebody stamps", look)
    return found[0]


def _wake_ups(site: Site) -> set[str]:
    return {str(server.live().get("wake_up")) for server in site.fleet.servers}


def _delivered(site: Site) -> int:
    """Waits until every server has told of 20 changes more."""
    before = site.fleet.heads()
    _until(
        "servers tell of changes",
        lambda: all(now >= then + 20 for then, now in zip(before, site.fleet.heads(), strict=True)),
    )
    return min(now - then for then, now in zip(before, site.fleet.heads(), strict=True))


def _until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Unproven(f"after {PATIENCE:.0f} s it is not true that {what}")
        time.sleep(0.1)
