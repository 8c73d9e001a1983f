"""Many at once: whether anybody starves, and what it brings that simultaneous readers share."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from bench.reading import figures, paths
from bench.reading.effort import WORKERS, Effort, Say, place
from bench.reading.figures import Finding
from bench.speed import stage
from bench.speed.client import load

CROWD = 256
HEAD_READERS = 64
WRITES = 200
"""Items per second that arrive at the head of the feed."""

UNSHARED = "-m bench.reading.variants unshared"

_SCANS = (
    "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname = 'feed_events_page_idx'"
)


def of_readers(url: str, items: int, effort: Effort, say: Say) -> Iterator[Finding]:
    for workers in sorted({1, WORKERS}):
        say(f"{CROWD} readers, {workers} workers")
        yield _crowd(url, items, workers, effort)
    say("the head of the feed")
    yield _head(url, items, effort)


def _crowd(url: str, items: int, workers: int, effort: Effort) -> Finding:
    with stage.platform(url, WORKERS=str(workers)) as server:
        runs = [
            load(server.url, [paths.PAGE], connections=CROWD, seconds=2 * effort.seconds)
            for _ in range(effort.repetitions)
        ]
    p50, p99 = median(run.p50 for run in runs), median(run.p99 for run in runs)
    return Finding(
        figures.CROWD,
        place(items, workers),
        [run.p99 / run.p50 for run in runs],
        {"us": [run.all_times for run in runs]},
        f"{p99 / 1000:.1f} ms : {p50 / 1000:.1f} ms",
    )


def _head(url: str, items: int, effort: Effort) -> Finding:
    """One worker: a variant of the server is one process."""
    samples: dict[str, list[dict[str, float]]] = {"shared": [], "unshared": []}
    for _ in range(effort.repetitions):
        for name, program in (("unshared", UNSHARED), ("shared", "cli.py")):
            with stage.platform(url, program) as server, writing(url):
                samples[name].append(_watched(url, server.url, 2 * effort.seconds))
    pairs = list(zip(samples["shared"], samples["unshared"], strict=True))

    def typical(name: str, what: str) -> float:
        return median(one[what] for one in samples[name])

    rates = " : ".join(f"{typical(name, 'pages_per_second'):,.0f}/s" for name in samples)
    selects = " : ".join(f"{typical(name, 'selects_per_second'):,.0f}/s" for name in samples)
    return Finding(
        figures.HEAD,
        place(items, 1),
        [one["pages_per_second"] / other["pages_per_second"] for one, other in pairs],
        dict(samples),
        f"{rates}; selects {selects}",
    )


def _watched(url: str, server: str, seconds: float) -> dict[str, float]:
    with psycopg.connect(url, autocommit=True) as db:
        load(server, [paths.PAGE], connections=HEAD_READERS, seconds=0.5)
        before, began = _scans(db), time.monotonic()
        run = load(server, [paths.PAGE], connections=HEAD_READERS, seconds=seconds, warm_seconds=0)
        spent = time.monotonic() - began
        time.sleep(1.1)  # backends report what they did once a second
        return {
            "pages_per_second": run.rate,
            "selects_per_second": (_scans(db) - before) / spent,
            "p50_us": run.p50,
            "p99_us": run.p99,
        }


def _scans(db: psycopg.Connection) -> int:
    row = db.execute(_SCANS).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def writing(url: str) -> Iterator[None]:
    """Items arrive all the time, at a steady rate."""
    over = threading.Event()
    writer = threading.Thread(target=_write, args=(url, over))
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def _write(url: str, over: threading.Event) -> None:
    began, number = time.monotonic(), 0
    with psycopg.connect(url, autocommit=True) as db:
        while not over.wait(max(0.0, began + number / WRITES - time.monotonic())):
            item: dict[str, Any] = {"id": f"{began}/{number}", "text": "x" * 650}
            db.execute(
                "INSERT INTO platform_feed_events (event_type, payload)"
                " VALUES ('agent_registered', %s)",
                (Jsonb(item),),
            )
            number += 1
