"""The live feed's fan-out beside other ways to send, as rows of the same table."""

from collections.abc import Iterator
from typing import Any

from bench.reading import figures
from bench.reading.effort import Say
from bench.reading.figures import Finding, Goal
from bench.speed import fanout
from bench.speed.fanout import GENERATOR, NCHAN, RAW

FEW, MANY, CHANGES = 1000, 5000, 200
RATE, MEMORY = "deliveries_per_second", "kib_per_client"


def of_fanout(say: Say) -> Iterator[Finding]:
    """Nchan for as many clients as it is made for. The others would take minutes for them."""
    found = fanout.measure(FEW, CHANGES, say, (GENERATOR, RAW))
    yield _beside(found, figures.LIVE_GENERATOR, GENERATOR, RATE)
    yield _beside(found, figures.LIVE_RAW, RAW, RATE)
    yield _beside(found, figures.LIVE_MEMORY, RAW, MEMORY)
    found = fanout.measure(MANY, CHANGES, say, (NCHAN,))
    if NCHAN in found:
        yield _beside(found, figures.LIVE_NCHAN, NCHAN, RATE)


def _beside(found: dict[str, Any], goal: Goal, rival: str, what: str) -> Finding:
    ours, theirs = found["live feed"][what], found[rival][what]
    samples = {name: found[name] for name in ("live feed", rival)}
    return Finding(goal, "1 worker", [ours / theirs], samples, f"{ours:,.0f} : {theirs:,.0f}")
