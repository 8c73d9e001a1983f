"""An item as a row of `platform_feed_events`: completed, checked, and given its id."""

import logging
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha1
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson
from pydantic import ValidationError

from feed.item import FeedItem, Identity, wire_time
from feed.item_type import CATALOGUE

log = logging.getLogger(__name__)

ROW_IDS = uuid5(NAMESPACE_OID, "platform_feed_events")
_BEGUN = sha1(ROW_IDS.bytes, usedforsecurity=False)
"""The hash of every row id begins with this. Copied, it costs half of what a new one does."""


class Row(NamedTuple):
    """A whole row of the table, in the order of its columns."""

    id: UUID
    event_type: str
    created_at: datetime
    payload: dict[str, Any]
    world_id: UUID | None
    agent_id: UUID | None
    dweller_id: UUID | None
    story_id: UUID | None

    @property
    def identity(self) -> Identity:
        return self.event_type, self.payload["id"]

    @property
    def json(self) -> str:
        return orjson.dumps(self.payload).decode()


class Underivable(NamedTuple):
    """A record whose item would not have the contract's shape, and why."""

    event_type: str
    item_id: str
    reason: str


class Finished(NamedTuple):
    rows: list[Row]
    underivable: list[Underivable]


def row_id(event_type: str, item_id: str) -> UUID:
    """Derived from the item's identity, so that a rebuilt feed keeps its order and its cursors.

    It is `uuid5(ROW_IDS, f"{event_type}/{item_id}")`.
    """
    name = _BEGUN.copy()
    name.update(f"{event_type}/{item_id}".encode())
    return UUID(bytes=name.digest()[:16], version=5)


def finish(item: FeedItem) -> Row:
    """The item's row. `type`, and the times that the builder left out, come from its columns.

    Raises KeyError for an unknown type and pydantic.ValidationError for a payload that does not
    have the type's shape.
    """
    event_type, time = item["event_type"], wire_time(item["created_at"])
    payload = {"type": event_type, "created_at": time, "sort_date": time} | item["payload"]
    CATALOGUE[event_type].adapter.validate_python(payload)
    columns: dict[str, Any] = {**item, "payload": payload}
    return Row(row_id(event_type, payload["id"]), **columns)


def finish_all(items: Iterable[FeedItem]) -> Finished:
    """The rows of derived items. Records of older databases may hold what the contract does not
    allow (an action without a word): they have no item, and are named instead.
    """
    finished = Finished([], [])
    for item in items:
        try:
            finished.rows.append(finish(item))
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            fault = Underivable(item["event_type"], item["payload"]["id"], reason)
            log.warning("no feed item for %s %s: %s", *fault)
            finished.underivable.append(fault)
    return finished
