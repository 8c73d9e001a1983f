"""What a page costs on the network between server and database. Counted, and with a delay felt."""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from urllib.request import urlopen

from bench.reading import figures, paths
from bench.reading.effort import Effort, Say, place
from bench.reading.figures import Finding
from bench.speed import stage
from bench.speed.client import load
from bench.speed.driver import loop
from tests.support.pgbouncer import find_pgbouncer, pgbouncer
from tests.support.postgres import address, by_way_of
from tests.support.tcp_proxy import TcpProxy

NOTHING_ELSE = {"LIVE": "false", "BACKGROUND_TASKS": "false"}
"""No work in the background whose round trips would be counted, too."""

ADDED = 0.02
"""Seconds that the network adds to each round trip."""

PAGES = 10


def of_pages(url: str, items: int, effort: Effort, say: Say) -> Iterator[Finding]:
    say("round trips")
    yield from round_trips(url, items)
    say("a database far away")
    yield _far(url, items, effort)


def round_trips(url: str, items: int = 0) -> Iterator[Finding]:
    """Directly and through PgBouncer; the first page that a server serves counts, too."""
    with ExitStack() as stack:
        direct = stack.enter_context(TcpProxy(address(url)))
        yield _counted("direct", by_way_of(url, direct.port), direct, url, items)
        if program := find_pgbouncer():
            # PgBouncer runs as another user, who may not enter the private folder of the socket.
            bridge = stack.enter_context(TcpProxy(address(url)))
            pooled = stack.enter_context(pgbouncer(program, by_way_of(url, bridge.port)))
            proxy = stack.enter_context(TcpProxy(address(pooled)))
            yield _counted("PgBouncer", by_way_of(pooled, proxy.port), proxy, url, items)


def _counted(name: str, through: str, proxy: TcpProxy, direct: str, items: int) -> Finding:
    with stage.platform(through, DATABASE_DIRECT_URL=direct, **NOTHING_ELSE) as server:
        counts = []
        for _ in range(PAGES):
            proxy.reset()
            with urlopen(server.url + paths.PAGE) as answer:  # noqa: S310 - our own server
                answer.read()
            counts.append(float(proxy.round_trips))
    where = f"{place(items)}, {name}, 1 worker"
    return Finding(figures.ROUND_TRIPS, where, counts, {"first_page_first": counts})


def _far(url: str, items: int, effort: Effort) -> Finding:
    """The delay is what the bare driver feels of it: timers and the proxy add to it."""
    near, far, pages = [], [], []
    with TcpProxy(address(url)) as proxy:
        through = by_way_of(url, proxy.port)
        with stage.platform(through) as server:
            for _ in range(effort.repetitions):
                near.append(loop(url, [paths.PAGE], seconds=effort.seconds))
                proxy.delay = ADDED / 2
                far.append(loop(through, [paths.PAGE], seconds=2 * effort.seconds))
                pages.append(load(server.url, [paths.PAGE], seconds=2 * effort.seconds))
                proxy.delay = 0
    added = [one.p50 - other.p50 for one, other in zip(far, near, strict=True)]
    return Finding(
        figures.FAR,
        place(items, 1),
        [page.p50 / delay for page, delay in zip(pages, added, strict=True)],
        {"us": [page.all_times for page in pages], "added_us": added},
        f"{median(page.p50 for page in pages) / 1000:.1f} ms : {median(added) / 1000:.1f} ms",
    )
