"""A finished item, before it is a row: what builders return."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

Identity = tuple[str, str]
"""What a reader takes for one item: its type, and its id within the type."""


class FeedItem(TypedDict):
    """One finished item: exactly the keyword arguments of `emit_feed_event`.

    The four ids say under which filters of the feed the item is found.
    """

    event_type: str
    payload: dict[str, Any]
    created_at: datetime
    world_id: UUID | None
    agent_id: UUID | None
    dweller_id: UUID | None
    story_id: UUID | None


def feed_item(
    item_id: str,
    created_at: datetime,
    body: Any,
    *,
    world_id: UUID | None = None,
    agent_id: UUID | None = None,
    dweller_id: UUID | None = None,
    story_id: UUID | None = None,
) -> FeedItem:
    """What a builder returns: identity, time, the payload's own keys, and where it is found."""
    return FeedItem(
        event_type="",  # the entry knows its name and fills it in
        payload={"id": item_id, **body},
        created_at=created_at,
        world_id=world_id,
        agent_id=agent_id,
        dweller_id=dweller_id,
        story_id=story_id,
    )


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC, offset `+00:00`, microseconds omitted when zero."""
    return moment.astimezone(UTC).isoformat()
