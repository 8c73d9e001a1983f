"""The change log: its statements, and a change as the bytes that clients get.

The statements run in autocommit, each message a round trip; LOOK is several in one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from core.settings import Settings
from feed.filters import Filter, Links
from feed.wire import ascii_json

CHANNEL = "platform_feed"
"""Where processes tell each other that there is something new to read."""

STAMP = "SELECT stamped, epoch, head, floor FROM platform_feed_stamp(%(most)s)"

READ = "SELECT * FROM platform_feed_read(%(after)s, %(most)s)"
"""The changes after a position, as alembic/versions/0032_read_feed_changes.py describes them."""

LOOK = f"BEGIN; {STAMP}; COMMIT; {READ}"
"""Both in one message. What is read may be more than the network takes at once: whoever hangs then
must not hold the stampers' lock.
"""

FLUSH = "SELECT platform_feed_flush()"
TRIM = "SELECT platform_feed_trim(%(keep)s, %(age)s, %(most)s)"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', %(note)s)"
NEW_EPOCH = "SELECT platform_feed_new_epoch(%(known)s)"
OLDEST_UNSTAMPED = """
    SELECT min(change.at) FROM platform_feed_changes AS change, platform_feed_log AS log
    WHERE change.seq IS NULL AND change.id > log.settled
"""

AT_ONCE = 1000
"""Changes that are stamped, or read, by one statement."""

TRIM_AT_ONCE = 5000

Ask = Callable[[str, dict[str, Any]], Awaitable[list[Any]]]
"""Runs a statement in autocommit, and returns its rows."""

_EVENTS = {"new": "item", "patch": "patch", "remove": "remove"}


def keeping(settings: Settings) -> dict[str, Any]:
    """What TRIM is told of the settings."""
    return {
        "keep": settings.live_keep_changes,
        "age": timedelta(hours=settings.live_keep_hours),
        "most": TRIM_AT_ONCE,
    }


class Stamped(NamedTuple):
    """Where the log stands after a call of `platform_feed_stamp`."""

    stamped: int | None
    """How many changes got their numbers; None when another process was at it."""
    epoch: str
    head: int
    floor: int


class Message(NamedTuple):
    """What a client is told; `data` is one line of JSON in ASCII."""

    id: str
    event: str
    data: bytes

    def frame(self) -> bytes:
        """As a server-sent event."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (
            self.id.encode(),
            self.event.encode(),
            self.data,
        )

    def json(self) -> bytes:
        """As an element of the long poll's answer."""
        return b'{"id":"%b","event":"%b","data":%b}' % (
            self.id.encode(),
            self.event.encode(),
            self.data,
        )


@dataclass(slots=True)
class Change:
    """A change with its number, ready to be sent to anybody."""

    seq: int
    event: str
    event_type: str
    links: Links
    former: Links | None
    xid: int
    at: datetime
    told: bytes
    """What is said of it, but for `prev`: the inside of a JSON object."""
    gone: bytes
    """The same for whoever is to know only that the item is gone."""

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Change":
        """From a row of `READ`."""
        seq, op, imported, event_type, item_id, *links, former, xid, at, payload, _ = row
        mark = b',"import":true' if imported else b""
        name = orjson.dumps({"type": event_type, "id": item_id})[1:-1]
        gone = ascii_json(name) + mark
        here = payload is not None
        told = b'"item":%b%b' % (ascii_json(payload), mark) if here else gone
        event = _EVENTS[op] if here else "remove"
        return cls(seq, event, event_type, Links(*links), _former(former), xid, at, told, gone)

    def message(self, epoch: str, prev: str, wanted: Filter) -> Message | None:
        """What a reader of the filter is told of it; None when it is none of theirs.

        `prev` is the id of the message before it.
        """
        event, told = self.event, self.told
        if not wanted.wants(self.event_type, self.links):
            if self.former is None or not wanted.wants(self.event_type, self.former):
                return None
            event, told = "remove", self.gone
        data = b'{%b,"prev":"%b"}' % (told, prev.encode())
        return Message(f"{epoch}.{self.seq}", event, data)


async def read_changes(ask: Ask, after: int, most: int) -> list[Change]:
    """Up to `most` changes after a position."""
    return await lasting(ask, await ask(READ, {"after": after, "most": most}))


async def lasting(ask: Ask, rows: list[Any]) -> list[Change]:
    """The changes of rows of `READ`, with items as no crash can undo them.

    Numbered changes have been flushed to disk. What is visible ahead of them may have been
    committed asynchronously, and an item is read as that left it.
    """
    if rows and rows[0][-1]:
        await ask(FLUSH, {})
    return [Change.of(row) for row in rows]


def _former(stored: bytes | None) -> Links | None:
    if stored is None:
        return None
    return Links(**{name: id and UUID(id) for name, id in orjson.loads(stored).items()})
