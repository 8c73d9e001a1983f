"""What is measured against what; the goals are those of the table in docs/performance.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A figure as a ratio to something measured in the same run; or a count."""

    figure: str
    against: str
    must: float
    aim: float
    at_least: bool = False
    """More is better; else less is."""
    counted: bool = False
    """A number of things, not a ratio."""
    demanded: bool = True
    """Else it is another reading of a figure, told beside it."""

    def met(self, value: float, limit: float) -> bool:
        # As precise as the table shows it.
        value = round(value, 2)
        return value >= limit if self.at_least else value <= limit

    def verdict(self, value: float) -> str:
        if self.met(value, self.aim):
            return "aim"
        if self.met(value, self.must):
            return "must"
        return "MISSED" if self.demanded else "short"


@dataclass(frozen=True)
class Finding:
    """What came out: one value for each repetition, and the samples behind it."""

    goal: Goal
    where: str
    """The size of the feed, and how many server processes there were."""
    values: Sequence[float]
    samples: dict[str, Any] = field(default_factory=dict)
    """Times in microseconds, rates per second; as each measurement says."""
    about: str = ""
    """The median of both sides in plain figures."""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def verdict(self) -> str:
        return self.goal.verdict(self.value)


ONE_READER = Goal("page, 1 connection, p50", "the same select, bare driver", 2.0, 1.5)
PAGES_SHARED = Goal("pages/s, 16 connections, head page", "pgbench, prepared", 0.35, 0.6, True)
PAGES_APART = Goal(
    "pages/s, 16 connections, all apart", "pgbench, prepared", 0.35, 0.6, True, demanded=False
)
"""pgbench's clients ask for one page all of them; ours ask for pages that none can share."""
NAIVE = Goal(
    "pages/s, 16 connections, head page", "naive endpoint on the feed's table", 8, 15, True
)
ASSEMBLY = Goal("pages/s, 16 connections, head page", "assembly by 15 queries", 300, 1000, True)
DEEP = Goal("deep page (50 % down), p50", "first page", 1.15, 1.05)
FILTERED = Goal("page under a filter, the slowest, p50", "first page", 1.15, 1.05)
LARGE = Goal("page, p50", "page at 10,000 items", 1.2, 1.1)
ROUND_TRIPS = Goal("round trips per page", "", 1, 1, counted=True)
FAR = Goal("page, 20 ms added to the database, p50", "the added delay", 1.15, 1.05)
CROWD = Goal("256 connections, p99", "p50 of the same run", 10, 4)
COLD = Goal("first page once /health is green", "steady p50", 5, 2)
WRITE_TIME = Goal("a write with its item, p50", "the same without emit", 1.15, 1.08)
WRITE_TRIPS = Goal(
    "round trips that an item adds to a write", "the same without emit", 1, 0, counted=True
)
HEAD = Goal("head page, 64 connections, 200 writes/s", "the same, reads not shared", 3, 3, True)
BACKFILL = Goal("backfill, items/s", "COPY of the finished rows", 0.25, 0.5, True)
VERIFY = Goal("verify, items/s", "COPY of the finished rows", 0.25, 0.5, True)
LIVE_GENERATOR = Goal("live deliveries/s, 1,000 clients", "FastAPI's own generator", 4, 8, True)
LIVE_RAW = Goal("live deliveries/s, 1,000 clients", "bare ASGI stream", 0.9, 1.5, True)
LIVE_NCHAN = Goal("live deliveries/s, 5,000 clients", "Nchan (nginx)", 0.25, 1.0, True)
LIVE_MEMORY = Goal("memory per idle live client", "bare ASGI stream", 1.3, 1.0)
