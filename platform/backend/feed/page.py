"""Cursors, filters, and a page of the feed as ready bytes.

The order is `(created_at, id)` descending: rows with equal times are neither lost nor repeated. A
cursor names the last row of a page; the next page is what comes after it in that order.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg
from psycopg.pq.abc import PGresult
from pydantic import TypeAdapter, ValidationError

from feed.filters import EVERYTHING, Filter

FIRST_ID = UUID(int=0)
"""Sorts before every row id: a cursor without one means "strictly older than this time"."""

_TIME: TypeAdapter[datetime] = TypeAdapter(datetime)
_COMPOSITE = re.compile(r"(?P<time>.+)[~|](?P<id>[0-9a-fA-F-]{36})")


class Cursor(NamedTuple):
    """A position in the feed: the rows after it are those with `(created_at, id) < cursor`."""

    created_at: datetime
    id: UUID = FIRST_ID

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Reads a cursor in any spelling that clients have been given, now or before.

        `<time>~<row id>`, `<time>|<row id>`, or a plain time. A time is RFC 3339, a date, or epoch
        seconds; without an offset it is UTC. A `+` that arrived as a space (clients that forgot to
        encode it) is understood. Raises ValueError for anything else.
        """
        composite = _COMPOSITE.fullmatch(text)
        time = composite["time"] if composite else text
        row_id = UUID(composite["id"]) if composite else FIRST_ID
        return cls(_moment(time), row_id)

    def __str__(self) -> str:
        return f"{self.created_at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z~{self.id}"


def _moment(text: str) -> datetime:
    if "T" in text:
        text = text.replace(" ", "+")
    try:
        moment = _TIME.validate_python(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValidationError, OverflowError) as error:
        raise ValueError(f"not a time: {text!r}") from error


_LIVE_FROM, _CREATED_AT, _ID, _PAYLOAD = range(4)
"""Columns of the page's select."""


@dataclass(frozen=True)
class Page:
    """Items as JSON bytes, newest first.

    `next_cursor` leads to the next page; it is null on the last one. `live_from` is the position
    from which the live feed tells what this page does not show yet.
    """

    items: tuple[bytes, ...]
    next_cursor: str | None
    live_from: str

    @classmethod
    def of(cls, result: PGresult, limit: int) -> "Page":
        """A page that is not full is the last one. One without items is a row without an item."""

        def text(row: int, column: int) -> str:
            value = result.get_value(row, column)
            if value is None:
                raise psycopg.InternalError("a page without a position")
            return value.decode()

        rows = range(result.ntuples)
        payloads = (result.get_value(row, _PAYLOAD) for row in rows)
        items = tuple(payload for payload in payloads if payload is not None)
        cursor = None
        if len(items) == limit:
            created_at = datetime.fromisoformat(text(limit - 1, _CREATED_AT))
            cursor = str(Cursor(created_at, UUID(text(limit - 1, _ID))))
        return cls(items, cursor, text(0, _LIVE_FROM))

    @cached_property
    def json(self) -> bytes:
        """The body of an answer, built once for all who share the page."""
        end = orjson.dumps({"next_cursor": self.next_cursor, "live_from": self.live_from})
        return b'{"items":[%b],%b' % (b",".join(self.items), end[1:])


PAGE_SIZE = 20
"""Items of a page where nothing else is asked for."""


@dataclass(frozen=True)
class Selection:
    """What a reader asked for: at most `limit` items after `cursor`, under every given filter.

    `known` is the `live_from` of the page that the reader has. While that stands, no item is read.
    """

    limit: int = PAGE_SIZE
    cursor: Cursor | None = None
    wanted: Filter = EVERYTHING
    known: str | None = None

    @cached_property
    def statement(self) -> tuple[str, dict[str, Any]]:
        """The one statement of the page and its parameters, which nobody may change.

        Two things keep every page an index scan, however deep and however rare the filter: the
        row-value comparison (its OR form reads all rows above the cursor), and, when several types
        are asked for, one scan for each, merged. Only so does the planner know how rare a type is:
        `= ANY`, or a join with the list of types, reads the whole feed in search of a rare one.
        """
        params = self.wanted.conditions()
        where = [f"{name} = %({name})s" for name in params]
        if self.cursor:
            where.append("(created_at, id) < (%(time)s, %(row_id)s)")
            params |= {"time": self.cursor.created_at, "row_id": self.cursor.id}
        if self.known is not None:
            where.append("(SELECT platform_feed_position()) <> %(known)s")
            params |= {"known": self.known}
        types = {f"type_{number}": name for number, name in enumerate(self.wanted.types)}
        scans = [_scan([*where, f"event_type = %({param})s"]) for param in types] or [_scan(where)]
        statement = _PAGE.format(rows=_merged(scans))
        return statement, params | types | {"limit": self.limit}

    def answer(self, result: PGresult) -> Page:
        """What the statement's rows say."""
        return Page.of(result, self.limit)


def _scan(where: list[str]) -> str:
    condition = "WHERE " + " AND ".join(where) if where else ""
    return f"SELECT created_at, id, payload FROM platform_feed_events {condition} {_NEWEST_FIRST}"


def _merged(scans: list[str]) -> str:
    if len(scans) == 1:
        return scans[0]
    return " UNION ALL ".join(f"({scan})" for scan in scans) + _NEWEST_FIRST


_NEWEST_FIRST = " ORDER BY created_at DESC, id DESC LIMIT %(limit)s"

_PAGE = """
    SELECT (SELECT platform_feed_position()) AS live_from, page.*
    FROM (SELECT) AS always LEFT JOIN ({rows}) AS page ON true
    ORDER BY page.created_at DESC, page.id DESC
"""
"""The position is of the same snapshot as the rows. It comes from a function because its plan is
kept; planned anew for each page, it would cost half as much as the page.
"""
