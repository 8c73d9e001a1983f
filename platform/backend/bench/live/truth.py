"""What happened, as the writers and the database tell it."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from bench.live.items import Key


class Links(NamedTuple):
    world_id: UUID | None
    agent_id: UUID | None


class Wanted(NamedTuple):
    """A reader's filter; nothing given: everything."""

    kind: str | None = None
    world_id: UUID | None = None
    agent_id: UUID | None = None

    def query(self) -> dict[str, str]:
        values = {"type": self.kind, "world_id": self.world_id, "agent_id": self.agent_id}
        return {name: str(value) for name, value in values.items() if value}

    def wants(self, kind: str, links: Links) -> bool:
        return (
            self.kind in (None, kind)
            and self.world_id in (None, links.world_id)
            and self.agent_id in (None, links.agent_id)
        )


EVERYTHING = Wanted()


class Change(NamedTuple):
    """A change that is committed. `id` grows along the changes of one item."""

    id: int
    op: str
    imported: bool
    key: Key
    tag: str | None
    """What the item's payload names as its maker afterwards; None when it is gone."""
    tx: str
    cause: int | None
    """The change that its writer had seen before."""
    created_at: datetime | None
    links: Links
    former: Links | None
    """The links before an update."""


class Transaction(NamedTuple):
    """A writer's note; times are of `time.monotonic`, which all processes share."""

    tx: str
    begin: float
    ack: float | None
    outcome: str
    """commit, rollback, or unknown: the connection broke."""
    changes: int


class Truth(NamedTuple):
    changes: list[Change]
    transactions: list[Transaction]
    table: dict[Key, str]
    """The items that are there in the end, and who made them."""
    unsafe: list[tuple[float, float]]
    """When commits were acknowledged, and visible, that a crash then could undo."""

    def may_be_lost(self, at: float | None) -> bool:
        """Whether what was acknowledged or seen then may have been undone later."""
        return at is not None and any(begin <= at <= end for begin, end in self.unsafe)


class Message(NamedTuple):
    """What a reader got; `connection` counts its connections."""

    seq: int
    event: str
    key: Key
    tag: str | None
    imported: bool
    connection: int


class Page(NamedTuple):
    """A page that a reader loaded before it subscribed: makers of its items, newest first."""

    asked: float
    loaded: float
    """By `time.monotonic`."""
    live_from: str
    tags: list[str]
    full: bool


class Session(NamedTuple):
    """A reader's story from one position to another."""

    reader: str
    wanted: Wanted
    start: int
    end: int
    messages: list[Message]
    page: Page | None
    complaints: list[str]
    """What the reader itself found wrong."""

    @property
    def plain(self) -> bool:
        """Whether it must have got every change."""
        return self.wanted == EVERYTHING and self.page is None


def links_of(values: Any) -> Links | None:
    return None if values is None else Links(*values)
