"""Writes with their item, beside the same writes with emit switched off (variants.py).

Two of them: a registration, which does the least that a write can do, and a story, which does what
most writes do. Both sides take turns, on a database of their own each, and every repetition starts
with the same few records, so that none is slower for coming later. The live feed is switched off,
and then on: its stamping shares processor and disk with the writer, and without emit has nothing to
stamp.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from urllib.request import Request, urlopen
from uuid import UUID, uuid4

import psycopg

from api.deps import hash_key
from bench.reading import figures
from bench.reading.effort import Effort, Say
from bench.reading.figures import Finding
from bench.reading.rows_network import NOTHING_ELSE
from bench.speed import stage
from bench.speed.client import Clients
from bench.speed.contest import Load, in_turns
from tests.support.postgres import address, by_way_of
from tests.support.tcp_proxy import TcpProxy

PROGRAMS = {"with": "cli.py", "without": "-m bench.reading.variants silent"}
FREELY = {"DEDUP_WINDOW_OVERRIDE_SECONDS": "0"}
LIVE_REST_SECONDS = 0.1
"""The live feed works on for 0.05 seconds after a write; the other side is not to pay for it."""

COUNTED = 5
"""Writes whose round trips are counted."""

KEY, WORLD = "dsf_bench", UUID(int=1)

_AUTHOR = UUID(int=1)

_PREPARE = f"""
    INSERT INTO platform_users (id, type, username, name)
        VALUES ('{_AUTHOR}', 'AGENT', 'author', 'Author');
    INSERT INTO platform_api_keys (user_id, key_hash, key_prefix)
        VALUES ('{_AUTHOR}', '{hash_key(KEY)}', 'dsf_');
    INSERT INTO platform_worlds (id, name, premise, year_setting, created_by)
        VALUES ('{WORLD}', 'World', 'A premise.', 2100, '{_AUTHOR}')
"""

_BEGIN_ANEW = f"""
    SET session_replication_role = replica;
    DELETE FROM platform_feed_events;
    DELETE FROM platform_stories;
    DELETE FROM platform_api_keys WHERE user_id <> '{_AUTHOR}';
    DELETE FROM platform_users WHERE id <> '{_AUTHOR}';
    VACUUM platform_feed_events, platform_stories, platform_api_keys, platform_users
"""
"""Without triggers: the live feed is not to be told of what is cleared away."""


@dataclass(frozen=True)
class Write:
    name: str
    path: str
    fields: dict[str, str]
    """Of its body; `%d` is a number that is never the same."""

    def body(self) -> str:
        """With names that no other run has."""
        return json.dumps(self.fields).replace("%r", uuid4().hex[:8])


WRITES = (
    Write("registration", "/api/auth/agent", {"name": "A %r %d", "username": "a%r_%d"}),
    Write(
        "story",
        "/api/stories",
        {
            "world_id": str(WORLD),
            "title": "Story %r %d",
            "content": "It was the year in which the tides came back. " * 20,
            "summary": "Of tides that came back, and of those who had waited for them.",
            "perspective": "third_person_omniscient",
            "video_prompt": "Wide shot of a grey sea at dawn; slow, low, without a cut.",
        },
    ),
)


def of_items(url: str, effort: Effort, say: Say) -> Iterator[Finding]:
    """The database must be migrated and empty, and nobody connected to it."""
    urls = [url, stage.another(url, "writes_beside")]
    with ExitStack() as connected:
        dbs = [connected.enter_context(psycopg.connect(one, autocommit=True)) for one in urls]
        for db in dbs:
            _run(db, _PREPARE)
        for mode, live, rest_seconds in (
            ("live feed off", NOTHING_ELSE, 0.0),
            ("live feed on", {}, LIVE_REST_SECONDS),
        ):
            say(f"writes with their item and without, {mode}")
            yield from _times(mode, live, rest_seconds, urls, dbs, effort)
        for write in WRITES:
            yield _round_trips(url, dbs[0], write)


def round_trips(url: str) -> Iterator[Finding]:
    """By themselves, of an empty database."""
    with psycopg.connect(url, autocommit=True) as db:
        _run(db, _PREPARE)
        for write in WRITES:
            yield _round_trips(url, db, write)


def _times(
    mode: str,
    live: dict[str, str],
    rest_seconds: float,
    urls: Sequence[str],
    dbs: Sequence[psycopg.Connection],
    effort: Effort,
) -> Iterator[Finding]:
    """Every repetition has new servers, because one start differs from the next by more than turns
    do; and the sides change places, because who starts first was seen to be slower by up to a
    twentieth. So there are many, and an even number.
    """
    loads: dict[str, dict[str, list[Load]]] = {
        write.name: {side: [] for side in PROGRAMS} for write in WRITES
    }
    for repetition in range(2 * effort.repetitions):
        sides = list(PROGRAMS)[:: -1 if repetition % 2 else 1]
        with ExitStack() as stack:
            servers = [
                stack.enter_context(stage.platform(url, PROGRAMS[side], **FREELY, **live)).url
                for side, url in zip(sides, urls, strict=True)
            ]
            for write in WRITES:
                for db in dbs:
                    _run(db, _BEGIN_ANEW)
                clients = [
                    Clients(server, [write.path], body=write.body(), key=KEY) for server in servers
                ]
                found = in_turns(*clients, seconds=2 * effort.seconds, rest_seconds=rest_seconds)
                for side, one in zip(sides, found, strict=True):
                    loads[write.name][side].append(one)
    for name, runs in loads.items():
        pairs = zip(runs["with"], runs["without"], strict=True)
        yield Finding(
            figures.WRITE_TIME,
            f"{name}, {mode}, 1 worker",
            [one.p50 / other.p50 for one, other in pairs],
            {f"{side}_us": [run.all_times for run in many] for side, many in runs.items()},
            " : ".join(f"{median(run.p50 for run in many):,.0f} µs" for many in runs.values()),
        )


def _round_trips(url: str, db: psycopg.Connection, write: Write) -> Finding:
    """Between server and database, of the write as a whole."""
    counts: dict[str, list[int]] = {}
    for name, program in PROGRAMS.items():
        with (
            TcpProxy(address(url)) as proxy,
            stage.platform(by_way_of(url, proxy.port), program, **NOTHING_ELSE, **FREELY) as server,
        ):
            _run(db, _BEGIN_ANEW)
            counts[name] = [_counted(server.url, write, proxy) for _ in range(COUNTED)]
    pairs = zip(counts["with"], counts["without"], strict=True)
    return Finding(
        figures.WRITE_TRIPS,
        write.name,
        [float(one - other) for one, other in pairs],
        dict(counts),
        " : ".join(f"{median(count):.0f}" for count in counts.values()),
    )


def _counted(server: str, write: Write, proxy: TcpProxy) -> int:
    headers = {"Content-Type": "application/json", "X-API-Key": KEY}
    body = write.body().replace("%d", "0").encode()
    request = Request(server + write.path, body, headers)  # noqa: S310 - our own server
    proxy.reset()
    with urlopen(request) as answer:  # noqa: S310 - our own server
        answer.read()
    return proxy.round_trips


def _run(db: psycopg.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.execute(statement.encode())
