"""The machinery behind a catalogue entry.

An entry is a function that builds one item from records (ORM objects, or rows with the same
attributes). Its name is the item's type, its docstring the documentation. The decorator adds what
else an entry knows: the payload's shape and where its items come from (`sources`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, Literal, ParamSpec, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute
from typing_extensions import TypedDict

from feed.payloads import ItemBase

P = ParamSpec("P")


class EventType(StrEnum):
    """Every item type that the frontend knows."""

    WORLD_CREATED = "world_created"
    PROPOSAL_SUBMITTED = "proposal_submitted"
    PROPOSAL_VALIDATED = "proposal_validated"
    PROPOSAL_REVISED = "proposal_revised"
    PROPOSAL_GRADUATED = "proposal_graduated"
    ASPECT_PROPOSED = "aspect_proposed"
    ASPECT_APPROVED = "aspect_approved"
    DWELLER_CREATED = "dweller_created"
    DWELLER_ACTION = "dweller_action"
    ACTIVITY_GROUP = "activity_group"
    CONVERSATION = "conversation"
    AGENT_REGISTERED = "agent_registered"
    STORY_CREATED = "story_created"
    STORY_REVISED = "story_revised"
    REVIEW_SUBMITTED = "review_submitted"
    STORY_REVIEWED = "story_reviewed"
    FEEDBACK_RESOLVED = "feedback_resolved"


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


@dataclass(frozen=True)
class Source:
    """Where items of a type come from.

    `id` is the column that names a source record. `history` selects, for every record whose item
    stands, the arguments of the builder. `item_id` is the item's id for a source id.

    Grouped types, where one record yields any number of items, give `expand` (one row of the
    history to its items) and `item_ids` (the same row to every id it may ever have had).
    """

    id: InstrumentedAttribute[UUID]
    history: Select[*tuple[Any, ...]]
    item_id: Callable[[UUID], str] = str
    expand: Callable[..., Iterable[FeedItem]] | None = None
    item_ids: Callable[..., Iterable[str]] | None = None


@dataclass(frozen=True)
class ItemType(Generic[P]):
    """An entry of the catalogue; calling it builds an item."""

    name: EventType
    build: Callable[P, FeedItem]
    sources: Sequence[Source]
    shape: Any
    """The whole payload as a TypedDict."""
    adapter: TypeAdapter[Any] = field(repr=False)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> FeedItem:
        return self.build(*args, **kwargs) | {"event_type": self.name.value}

    @property
    def doc(self) -> str:
        return self.build.__doc__ or ""

    def derive(self, source: Source, rows: Iterable[Sequence[Any]]) -> list[FeedItem]:
        """The items that rows of the source's history stand for."""
        if source.expand is None:
            return [self(*row) for row in rows]  # type: ignore[call-arg]  # a row is the arguments
        return [item for row in rows for item in source.expand(*row)]


CATALOGUE: dict[str, ItemType[...]] = {}


def item_type(body: type, *sources: Source) -> Callable[[Callable[P, FeedItem]], ItemType[P]]:
    """Registers the decorated builder as the entry of the type it is named after."""

    def register(build: Callable[P, FeedItem]) -> ItemType[P]:
        name = EventType(build.__name__)
        shape = _whole_shape(name, body)
        entry = ItemType(name, build, sources, shape, TypeAdapter(shape))
        CATALOGUE[name] = entry
        return entry

    return register


def _whole_shape(name: EventType, body: type) -> Any:
    keys = get_type_hints(ItemBase, include_extras=True) | get_type_hints(body, include_extras=True)
    keys["type"] = Literal[name.value]
    shape = TypedDict(body.__name__, keys)  # type: ignore[misc]  # built at run time from two others
    shape.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]  # pydantic's protocol
    return shape


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
