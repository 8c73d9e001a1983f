"""How much is measured."""

import os
from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]

WORKERS = os.cpu_count() or 1
"""Server processes where a row says "all workers that the machine bears"."""


@dataclass(frozen=True)
class Effort:
    """Sizes of the feed, and for how long and how often each side of a ratio is measured."""

    sizes: tuple[int, ...]
    history: int
    """Items of the feed that stands on records: for rivals that read those."""
    rebuilt: int
    """The same, where one is filled and checked: so many that starting the command is nothing."""
    repetitions: int = 5
    seconds: float = 1.5


QUICK = Effort((10_000,), 10_000, 50_000, seconds=1)
NORMAL = Effort((10_000, 100_000, 1_000_000), 100_000, 300_000)
LARGE = Effort((10_000, 100_000, 1_000_000, 10_000_000), 100_000, 300_000)


def place(items: int, workers: int = 0) -> str:
    """Where something was measured, as the table says it."""
    size = f"{items // 1_000_000} M" if items >= 1_000_000 else f"{items // 1000} k"
    return f"{size}, {workers} worker{'s' if workers > 1 else ''}" if workers else size
