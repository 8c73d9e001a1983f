"""Contestants: the sides of a comparison, measured in short turns of one client process.

The clock of a machine and what else runs on it drift from second to second. Of two sides that are
measured one after the other, one has the worse seconds; in short turns both have them alike.
"""

import json
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

BACKEND = Path(__file__).parents[2]

TURN_SECONDS = 0.1
"""Short beside the drift of the machine's clock, long beside an answer: the one that a turn's end
cuts off is not counted, and the first ones pay for caches that another contestant has filled.
"""

Turn = Callable[[], Awaitable[None]]
"""Goes on until the tally says that the turn is over, and waits for the last answers."""


@dataclass(frozen=True)
class Load:
    """What came back within the measured time; `times` are microseconds, one list per path."""

    times: list[list[int]]
    statuses: dict[str, int]
    seconds: float

    @property
    def all_times(self) -> list[int]:
        return [time for times in self.times for time in times]

    @property
    def pages(self) -> int:
        return sum(map(len, self.times))

    @property
    def rate(self) -> float:
        """Pages per second."""
        return self.pages / self.seconds

    @property
    def p50(self) -> float:
        """Microseconds."""
        return median(self.all_times)

    @property
    def p99(self) -> float:
        """Microseconds."""
        return quantiles(self.all_times, n=100)[98]

    def p50_of(self, path: int) -> float:
        """Microseconds, of one of the paths."""
        return median(self.times[path])


class Tally:
    """Counts what comes back within the measured time of a contestant's turns."""

    def __init__(self, paths: int) -> None:
        self._times: list[list[int]] = [[] for _ in range(paths)]
        self._statuses: dict[str, int] = {}
        self._seconds = 0.0

    def begin(self, seconds: float, warm_seconds: float) -> None:
        """A turn, which warms up first."""
        self._begin = time.perf_counter() + warm_seconds
        self._end = self._begin + seconds
        self._seconds += seconds

    def answered(self, path: int, asked: float, status: str) -> bool:
        """Whether the turn goes on; `asked` is a time of `time.perf_counter`."""
        now = time.perf_counter()
        if now > self._end:
            return False
        if now >= self._begin:  # whenever it was asked: the slowest are asked long before
            self._times[path].append(round((now - asked) * 1e6))
            self._statuses[status] = self._statuses.get(status, 0) + 1
        return True

    def load(self) -> Load:
        return Load(self._times, self._statuses, self._seconds)


@dataclass(frozen=True)
class Contestant(ABC):
    """One side; its fields, all of which JSON can say, are what the client process is told of it.

    That process imports the module of the class and no other: the driver needs the platform, which
    takes long to import.
    """

    url: str
    paths: Sequence[str]

    @abstractmethod
    def connect(self, tally: Tally) -> AbstractAsyncContextManager[Turn]:
        """What it connects stays open from turn to turn."""


def in_turns(
    *contestants: Contestant,
    seconds: float = 2.0,
    warm_seconds: float = 0.3,
    rest_seconds: float = 0.0,
) -> list[Load]:
    """Measures each for so long. Raises RuntimeError when an answer is not 200, or none came.

    `rest_seconds` between two turns are for work that goes on after an answer: else the next
    contestant would pay for it.
    """
    named = [
        (f"{type(one).__module__}:{type(one).__qualname__}", asdict(one)) for one in contestants
    ]
    wanted = {
        "contestants": named,
        "seconds": seconds,
        "warm_seconds": warm_seconds,
        "rest_seconds": rest_seconds,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "bench.speed.turns"],
        input=json.dumps(wanted),
        cwd=BACKEND,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"the clients failed:\n{ran.stderr[-2000:]}")
    loads = [Load(**found) for found in json.loads(ran.stdout)]
    for contestant, found in zip(contestants, loads, strict=True):
        if not found.statuses:
            raise RuntimeError(f"no answer within a turn of {contestant.url}")
        if found.statuses.keys() != {"200"}:
            raise RuntimeError(f"answers other than 200 of {contestant.url}: {found.statuses}")
    return loads
