"""Positions in the live feed.

`<epoch>.<seq>` stands after change number `seq` of a history. Numbers are given after changes are
committed, so a page may show changes that have none yet. The position that it hands out then names
the snapshot in which it was read, `<epoch>.<seq>~<xmin>:<xmax>:<xids>`: what that snapshot saw need
not be told again.
"""

import re
from dataclasses import dataclass

_POSITION = re.compile(
    r"(?P<epoch>[0-9a-f]{8})\.(?P<seq>[0-9]{1,18})(?:~(?P<snapshot>[0-9:,]{3,20000}))?"
)
# Each repetition ends in one way only: anybody may send this, of any length.
_SNAPSHOT = re.compile(
    r"(?P<xmin>[0-9]{1,19}):(?P<xmax>[0-9]{1,19}):(?P<running>(?:[0-9]{1,19}(?:,[0-9]{1,19})*)?)"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions a reader saw, as `pg_current_snapshot()` tells it."""

    xmin: int
    xmax: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Raises ValueError."""
        match = _SNAPSHOT.fullmatch(text)
        if match is None:
            raise ValueError(f"not a snapshot: {text!r}")
        running = frozenset(int(xid) for xid in match["running"].split(",") if xid)
        return cls(int(match["xmin"]), int(match["xmax"]), running)

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"

    def sees(self, xid: int) -> bool:
        """Whether the transaction had been committed, if it ever was."""
        return xid < self.xmin or (xid < self.xmax and xid not in self.running)


@dataclass(frozen=True, slots=True)
class Position:
    epoch: str
    seq: int
    snapshot: Snapshot | None = None

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Reads the id of a message, or the `live_from` of a page. Raises ValueError."""
        match = _POSITION.fullmatch(text)
        if match is None:
            raise ValueError(f"not a position: {text!r}")
        snapshot = Snapshot.parse(match["snapshot"]) if match["snapshot"] else None
        return cls(match["epoch"], int(match["seq"]), snapshot)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}" + (f"~{self.snapshot}" if self.snapshot else "")
