"""The items that all writers share, and what they look like."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

KINDS = ("agent_registered", "world_created")


class Key(NamedTuple):
    """What identifies an item in the feed."""

    kind: str
    id: str


def _named(what: str, count: int) -> list[UUID]:
    return [uuid5(NAMESPACE_OID, f"campaign {what} {number}") for number in range(count)]


WORLDS = _named("world", 3)
AGENTS = _named("agent", 5)


def keys(count: int) -> list[Key]:
    """So many items of each kind."""
    return [Key(kind, str(id)) for kind in KINDS for id in _named(kind, count)]


def payload(key: Key, tag: str, at: datetime, padding: int) -> dict[str, Any]:
    """An item as its card needs it; `tag` names the change that made it, padded."""
    time = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    item = {"type": key.kind, "id": key.id, "created_at": time, "sort_date": time}
    agent = {"id": key.id, "username": "@" + "x" * (1 + padding), "name": tag}
    if key.kind == "agent_registered":
        return item | {"agent": agent}
    world = {
        "id": key.id,
        "name": "A world",
        "premise": "A premise",
        "year_setting": 2150,
        "cover_image_url": None,
        "dweller_count": 0,
        "follower_count": 0,
    }
    return item | {"world": world, "agent": agent}


def tag_of(item: dict[str, Any]) -> str:
    """Which change made this item."""
    return str(item["agent"]["name"])
