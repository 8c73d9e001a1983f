"""One page and many: beside the driver, the database, and the usual way; deep, filtered, large."""

from collections.abc import Iterator, Sequence
from statistics import median

import psycopg
from psycopg import ClientCursor

from bench.reading import figures, paths
from bench.reading.effort import WORKERS, Effort, Say, place
from bench.reading.figures import Finding
from bench.speed import stage
from bench.speed.client import Clients, load
from bench.speed.contest import Load, in_turns
from bench.speed.driver import Driver, selection
from bench.speed.pgbench import transactions_per_second

READERS = 16
APART = 2000
"""Pages that nobody shares, and too many for anything to be remembered of them."""


def of_size(url: str, items: int, effort: Effort, say: Say) -> Iterator[Finding]:
    """All rows that are measured at each size of the feed."""
    with stage.platform(url) as server:
        say("one reader")
        yield _one_reader(url, server.url, items, effort)
        say("deep pages, filters")
        yield from _depth_and_filters(url, server.url, items, effort)
    say(f"{READERS} readers")
    yield from _many_readers(url, items, effort)


def _one_reader(url: str, server: str, items: int, effort: Effort) -> Finding:
    sides = Clients(server, [paths.PAGE]), Driver(url, [paths.PAGE])
    runs = [in_turns(*sides, seconds=effort.seconds) for _ in range(effort.repetitions)]
    http, bare = zip(*runs, strict=True)
    return Finding(
        figures.ONE_READER,
        place(items, 1),
        [one.p50 / limit.p50 for one, limit in zip(http, bare, strict=True)],
        {"http_us": _times(http), "driver_us": _times(bare)},
        f"{_p50(http):,.0f} µs : {_p50(bare):,.0f} µs",
    )


def _depth_and_filters(url: str, server: str, items: int, effort: Effort) -> Iterator[Finding]:
    """Page by page in turns, so that whatever else happens on the machine happens to all alike."""
    with psycopg.connect(url) as db:
        filtered = paths.filters(db)
        pages = [paths.PAGE, paths.deep(db, 0.5), *filtered.values()]
    runs = [load(server, pages, seconds=2 * effort.seconds) for _ in range(effort.repetitions)]

    def ratios(page: int) -> list[float]:
        return [run.p50_of(page) / run.p50_of(0) for run in runs]

    names = ["deep", *filtered]
    samples = {name: {"us": [run.times[n] for run in runs]} for n, name in enumerate(names, 1)}
    first = f"{median(run.p50_of(0) for run in runs):,.0f} µs first"
    yield Finding(figures.DEEP, place(items, 1), ratios(1), {"deep": samples["deep"]}, first)
    slowest = max(range(2, len(pages)), key=lambda page: median(ratios(page)))
    about = f"{first}; slowest: {names[slowest - 1]}"
    yield Finding(figures.FILTERED, place(items, 1), ratios(slowest), samples, about)


def _many_readers(url: str, items: int, effort: Effort) -> Iterator[Finding]:
    with psycopg.connect(url) as db:
        apart = paths.spread(db, APART)
        script = _script(db)
    rates: dict[str, list[float]] = {"pgbench": [], "head": [], "apart": [], "naive": []}
    with (
        stage.platform(url, WORKERS=str(WORKERS)) as server,
        stage.rival("bench.reading.naive:app", WORKERS, DATABASE_URL=url) as naive,
    ):
        for _ in range(effort.repetitions):
            rates["pgbench"].append(
                transactions_per_second(
                    url, script, clients=READERS, seconds=effort.seconds, prepared=True
                )
            )
            for name, target, pages in (
                ("head", server, [paths.PAGE]),
                ("apart", server, apart),
                ("naive", naive, [paths.PAGE]),
            ):
                many = load(target.url, pages, connections=READERS, seconds=effort.seconds)
                rates[name].append(many.rate)

    def finding(goal: figures.Goal, ours: str, theirs: str) -> Finding:
        ratios = [one / other for one, other in zip(rates[ours], rates[theirs], strict=True)]
        about = f"{median(rates[ours]):,.0f}/s : {median(rates[theirs]):,.0f}/s"
        samples = {"per_second": {name: rates[name] for name in (ours, theirs)}}
        return Finding(goal, place(items, WORKERS), ratios, samples, about)

    yield finding(figures.PAGES_SHARED, "head", "pgbench")
    yield finding(figures.PAGES_APART, "apart", "pgbench")
    yield finding(figures.NAIVE, "head", "naive")


def large(urls: dict[int, str], effort: Effort, say: Say) -> Iterator[Finding]:
    """Each size beside the smallest, on servers that run at the same time."""
    smallest, *larger = urls
    with stage.platform(urls[smallest]) as small:
        for items in larger:
            say(f"{items:,} items beside {smallest:,}")
            with stage.platform(urls[items]) as big:
                sides = [Clients(server.url, [paths.PAGE]) for server in (big, small)]
                runs = [in_turns(*sides, seconds=effort.seconds) for _ in range(effort.repetitions)]
            many, few = zip(*runs, strict=True)
            yield Finding(
                figures.LARGE,
                place(items, 1),
                [one.p50 / other.p50 for one, other in zip(many, few, strict=True)],
                {"large_us": _times(many), "small_us": _times(few)},
                f"{_p50(many):,.0f} µs : {_p50(few):,.0f} µs",
            )


def _script(db: psycopg.Connection) -> str:
    """The select of the newest page, as pgbench takes it."""
    text = ClientCursor(db).mogrify(*selection(paths.PAGE).statement)
    return " ".join(text.split()) + ";\n"


def _times(loads: Sequence[Load]) -> list[list[int]]:
    return [one.all_times for one in loads]


def _p50(loads: Sequence[Load]) -> float:
    return median(one.p50 for one in loads)
