"""One reader of the live feed: what it wants, how far it is, and where its bytes go."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from feed.changes import Change, Message
from feed.filters import EVERYTHING, Filter
from feed.position import Position


class Outlet(Protocol):
    """Where the bytes of one subscriber go. No method waits."""

    def write(self, data: bytes) -> None: ...

    def waiting(self) -> int:
        """Bytes that the client has not taken yet."""

    def end(self, data: bytes, seconds: float) -> None:
        """Writes the last bytes and closes; cuts the client off if it takes longer to take them.

        May be called again with no bytes and less time.
        """


class Reader:
    """A position in the change log that moves on, under a filter.

    `until`: up to there, what the position's snapshot saw is on the reader's page already.
    """

    def __init__(self, wanted: Filter, start: Position, until: int) -> None:
        self.wanted = wanted
        self.epoch = start.epoch
        self.seq = self.prev = start.seq
        self._snapshot = start.snapshot
        self._until = until

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq, self._snapshot)

    @property
    def plain(self) -> bool:
        """Whether it gets what is ready for everybody."""
        return self.wanted == EVERYTHING and self.prev == self.seq and self._snapshot is None

    def skip_to(self, epoch: str, seq: int) -> None:
        self.epoch, self.seq, self.prev, self._snapshot = epoch, seq, seq, None

    def told(self, seq: int) -> None:
        """Notes that everything up to `seq` was sent, the last change included."""
        self.seq = self.prev = seq

    def render(self, changes: Sequence[Change]) -> Iterator[Message]:
        """What it is told of the changes that follow on its position."""
        for change in changes:
            known = self._snapshot and self._snapshot.sees(change.xid)
            message = None if known else change.message(self.epoch, self.prev, self.wanted)
            self.seq = change.seq
            if self.seq >= self._until:
                self._snapshot = None
            if message:
                self.prev = change.seq
                yield message


class Subscriber(Reader):
    """A reader whose messages go to an outlet as they come."""

    def __init__(self, wanted: Filter, start: Position, until: int, outlet: Outlet) -> None:
        super().__init__(wanted, start, until)
        self.outlet = outlet
        self.live = False
        """Whether it has caught up with the ring, and is written to without a task of its own."""
        self.fell_behind = False
        """Whether it had caught up once."""
