"""Which items a reader wants; the same for pages and for the live feed."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID


class Links(NamedTuple):
    """The records that an item belongs to, as the columns of its row."""

    world_id: UUID | None = None
    agent_id: UUID | None = None
    dweller_id: UUID | None = None
    story_id: UUID | None = None


NO_LINKS = Links()


@dataclass(frozen=True)
class Filter:
    """Items of one of these types (none given: of any) that have all the links given."""

    types: tuple[str, ...] = ()
    links: Links = NO_LINKS

    @property
    def everything(self) -> bool:
        return not self.types and self.links == NO_LINKS

    def wants(self, event_type: str, links: Links) -> bool:
        if self.types and event_type not in self.types:
            return False
        return all(
            wanted is None or wanted == has for wanted, has in zip(self.links, links, strict=True)
        )

    def conditions(self) -> dict[str, Any]:
        """The links as columns and the values that they must have."""
        return {name: value for name, value in self.links._asdict().items() if value}


EVERYTHING = Filter()
