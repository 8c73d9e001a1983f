"""The machinery behind a catalogue entry.

An entry is a function that builds one item from records. Its name is the item's type, its docstring
the documentation. The decorator adds what else an entry knows: the payload's shape and where its
items come from (`sources`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, ParamSpec, get_type_hints

from pydantic import TypeAdapter
from sqlalchemy.orm import InstrumentedAttribute
from typing_extensions import TypedDict

from db.models import Base
from feed.item import FeedItem
from feed.payloads import ItemBase
from feed.source import Source

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


CATALOGUE: dict[str, ItemType[...]] = {}

SOURCES: dict[str, Source] = {}
"""Every source by its name, each once, in the order of the catalogue."""


def quoting(table: type[Base]) -> dict[str, tuple[Source, InstrumentedAttribute[Any]]]:
    """What shows something of this table's records: each source and its column that names them, by
    the name that tasks keep.
    """
    return {
        f"{source.name}#{number}": (source, column)
        for source in SOURCES.values()
        for number, column in enumerate(source.quotes.get(table, ()))
    }


def item_type(body: type, *sources: Source) -> Callable[[Callable[P, FeedItem]], ItemType[P]]:
    """Registers the decorated builder as the entry of the type it is named after."""

    def register(build: Callable[P, FeedItem]) -> ItemType[P]:
        name = EventType(build.__name__)
        shape = _whole_shape(name, body)
        entry = ItemType(name, build, sources, shape, TypeAdapter(shape))
        CATALOGUE[name] = entry
        for source in sources:
            source.build[name.value] = entry
            SOURCES.setdefault(source.name, source)
        return entry

    return register


def _whole_shape(name: EventType, body: type) -> Any:
    keys = get_type_hints(ItemBase, include_extras=True) | get_type_hints(body, include_extras=True)
    keys["type"] = Literal[name.value]
    shape = TypedDict(body.__name__, keys)  # type: ignore[misc]  # built at run time from two others
    shape.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]  # pydantic's protocol
    return shape
