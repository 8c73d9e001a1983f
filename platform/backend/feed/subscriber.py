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
        self.seq = start.seq
        self._told = start.seq
        self._last_id: str | None = str(start)
        self._snapshot = start.snapshot
        self._until = until
        self._passed_over = False

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq, self._snapshot)

    @property
    def plain(self) -> bool:
        """Whether it gets what is ready for everybody."""
        return self.wanted == EVERYTHING and self._told == self.seq and self._snapshot is None

    @property
    def silent(self) -> bool:
        """Whether the position has moved on since the last message."""
        return self._told != self.seq

    def skip_to(self, epoch: str, seq: int) -> None:
        self.epoch, self._snapshot = epoch, None
        self.told(seq)

    def told(self, seq: int) -> None:
        """Notes that everything up to `seq` was sent, the last change included."""
        self.seq = self._told = seq
        self._last_id = None

    def render(self, changes: Sequence[Change]) -> Iterator[Message]:
        """What it is told of the changes that follow on its position."""
        for change in changes:
            known = self._snapshot is not None and self._snapshot.sees(change.xid)
            message = None if known else change.message(self.epoch, self._prev, self.wanted)
            self.seq = change.seq
            if self.seq >= self._until:
                self._snapshot = None
            self._passed_over = known is True
            if message:
                self._told, self._last_id = change.seq, message.id
                yield message

    @property
    def _prev(self) -> str:
        return self._last_id or f"{self.epoch}.{self._told}"

    def passed_over(self) -> bytes:
        """A block that moves a browser's position past what its page showed already; or nothing."""
        if not self._passed_over:
            return b""
        self._passed_over = False
        return b"id: %b\n\n" % str(self.position).encode()


class Subscriber(Reader):
    """A reader whose messages go to an outlet as they come."""

    def __init__(self, wanted: Filter, start: Position, until: int, outlet: Outlet) -> None:
        super().__init__(wanted, start, until)
        self.outlet = outlet
        self.live = False
        """Whether it has caught up with the ring, and is written to without a task of its own."""
        self.fell_behind = False
        """Whether it had caught up once."""
