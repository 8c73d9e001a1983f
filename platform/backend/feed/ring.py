"""Changes without a hole between them, as ready bytes that all clients share."""

from collections.abc import Sequence

from feed.changes import Change
from feed.filters import EVERYTHING

CHUNK_BYTES = 64 * 1024
"""About what one client is given at once."""

CHUNK_CHANGES = 64
"""A chunk ends at a multiple of this: clients at different positions soon share their chunks."""

CHUNKS = 32
"""How many chunks are kept at once."""

SLACK = 1024
"""How many evicted changes are forgotten together: forgetting one by one would move all others."""


def contiguous(seq: int, changes: Sequence[Change]) -> list[Change]:
    """The changes that follow on `seq` one by one, up to the first hole."""
    return [change for number, change in enumerate(changes, seq + 1) if change.seq == number]


class Ring:
    """Changes `first + 1 … head`, the newest ones that fit into `max_bytes`; None: all of them."""

    def __init__(self, max_bytes: int | None = None) -> None:
        self.max_bytes = max_bytes
        self.epoch = ""
        self.floor = 0
        """Positions below it are kept nowhere, in no ring and not in the database."""
        self.first = 0
        self.head = 0
        self._changes: list[Change] = []
        self._frames: list[bytes] = []
        self._offset = 0  # how many at the start of both lists are evicted
        self._bytes = 0
        self._chunks: dict[int, tuple[bytes, int]] = {}

    def restart(self, epoch: str, position: int) -> None:
        """Begins empty, after `position` of a history."""
        self.epoch, self.first, self.head = epoch, position, position
        self._changes, self._frames, self._offset, self._bytes = [], [], 0, 0
        self._chunks.clear()

    def append(self, changes: Sequence[Change]) -> None:
        """Adds changes that follow on `head`, and evicts the oldest to make room.

        Raises ValueError when they do not follow: then something is missing.
        """
        for change in changes:
            if change.seq != self.head + 1:
                raise ValueError(f"change {change.seq} after {self.head}")
            message = change.message(self.epoch, f"{self.epoch}.{self.head}", EVERYTHING)
            assert message is not None, "everything is wanted"
            frame = message.frame()
            self._changes.append(change)
            self._frames.append(frame)
            self._bytes += len(frame)
            self.head = change.seq
        self._chunks.clear()
        self._evict()

    def piece(self, seq: int) -> Sequence[Change]:
        """The changes of a chunk after `seq`, for those who are told of them in their own way."""
        start, end = self._piece(seq)
        return self._changes[start:end]

    def chunk(self, seq: int) -> tuple[bytes, int]:
        """Frames of changes after `seq`, about `CHUNK_BYTES`, and the number of the last one.

        Everybody at the same position gets the same object.
        """
        if (ready := self._chunks.get(seq)) is None:
            start, end = self._piece(seq)
            ready = b"".join(self._frames[start:end]), seq + end - start
            if len(self._chunks) >= CHUNKS:
                self._chunks.clear()
            self._chunks[seq] = ready
        return ready

    def _piece(self, seq: int) -> tuple[int, int]:
        """Where the changes of a chunk are; `seq` must not be below `first`."""
        if not self.first <= seq <= self.head:
            raise IndexError(f"{seq} is not in {self.first}…{self.head}")
        start = end = seq - self.first + self._offset
        last = min(len(self._frames), start + CHUNK_CHANGES - seq % CHUNK_CHANGES)
        size = 0
        while end < last and size < CHUNK_BYTES:
            size += len(self._frames[end])
            end += 1
        return start, end

    def _evict(self) -> None:
        while self.max_bytes and self._bytes > self.max_bytes and self.first < self.head - 1:
            self._bytes -= len(self._frames[self._offset])
            self._offset += 1
            self.first += 1
        if self._offset >= SLACK:
            del self._changes[: self._offset], self._frames[: self._offset]
            self._offset = 0
