"""A feed that stands on records: beside the assembly that it replaces, and how fast it is made."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import fmean, median
from typing import Any

from bench import rebuild
from bench.history import fill
from bench.reading import figures, paths
from bench.reading.effort import WORKERS, Effort, Say, place
from bench.reading.figures import Finding
from bench.reading.rows_pages import READERS
from bench.speed import stage
from bench.speed.client import load

SLOW = 6
"""How many times longer the assembly is measured: it answers a few pages per second."""


def beside_assembly(url: str, effort: Effort, say: Say) -> Iterator[Finding]:
    """The database must be migrated and empty."""
    say(f"a history of {effort.history:,} items")
    asyncio.run(fill(url, effort.history))
    subprocess.run(
        [sys.executable, "cli.py", "backfill"],
        cwd=stage.BACKEND,
        env=os.environ | {"DATABASE_URL": url},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    say("the page beside its assembly by 15 queries")
    ours, theirs, alone = [], [], []
    with (
        stage.platform(url, WORKERS=str(WORKERS)) as server,
        stage.rival("bench.reading.assembly:app", WORKERS, DATABASE_URL=url) as assembly,
    ):
        for _ in range(max(2, effort.repetitions // 2)):
            seconds = effort.seconds
            ours.append(load(server.url, [paths.PAGE], connections=READERS, seconds=seconds).rate)
            slow = load(
                assembly.url,
                [paths.PAGE],
                connections=READERS,
                seconds=SLOW * seconds,
                warm_seconds=2,
            )
            theirs.append(slow.rate)
            alone.append(load(assembly.url, [paths.PAGE], seconds=2 * seconds).p50)
    yield Finding(
        figures.ASSEMBLY,
        place(effort.history, WORKERS),
        [one / other for one, other in zip(ours, theirs, strict=True)],
        {"per_second": ours, "assembly_per_second": theirs, "assembly_alone_us": alone},
        f"{median(ours):,.0f}/s : {fmean(theirs):,.1f}/s; alone {median(alone) / 1000:,.0f} ms",
    )


def rebuilding(effort: Effort, say: Say) -> Iterator[Finding]:
    found: dict[str, Any] = rebuild.measure(effort.rebuilt, say)
    copied = found["copy"]["into_the_feed"]
    for goal, name in ((figures.BACKFILL, "backfill"), (figures.VERIFY, "verify")):
        rate = found[name]["items_per_second"]
        yield Finding(
            goal,
            place(effort.rebuilt),
            [rate / copied],
            {"items_per_second": rate, "copy_per_second": found["copy"]},
            f"{rate:,.0f}/s : {copied:,.0f}/s",
        )
