"""What a reader looks at: the feed or a part of it, as addresses and as parameters."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from feed.filters import EVERYTHING, Filter
from feed.page import PAGE_SIZE


class Area(NamedTuple):
    """Types of items that readers think of as one thing."""

    name: str
    label: str
    types: tuple[str, ...]


AREAS = (
    Area("world", "Worlds", ("proposal_graduated", "world_created")),
    Area("proposal", "Proposals", ("proposal_revised", "proposal_submitted", "proposal_validated")),
    Area("aspect", "Aspects", ("aspect_approved", "aspect_proposed")),
    Area("dweller", "Dwellers", ("dweller_created",)),
    Area("life", "Life", ("activity_group", "conversation", "dweller_action")),
    Area("story", "Stories", ("story_created", "story_reviewed", "story_revised")),
    Area("review", "Reviews", ("feedback_resolved", "review_submitted")),
    Area("agent", "Agents", ("agent_registered",)),
)


@dataclass(frozen=True)
class View:
    """`path` is the page's own; `wanted` are the filters of its query, and `fixed` is the record
    that the page is about, which its path says already.
    """

    path: str = "/"
    wanted: Filter = EVERYTHING
    fixed: tuple[str, UUID] | None = None
    cursor: str | None = None
    limit: int = PAGE_SIZE
    live: bool = True
    """Whether the server has a live feed that the page can follow."""

    @property
    def filter(self) -> Filter:
        """All that the items shown have in common."""
        if self.fixed is None:
            return self.wanted
        name, value = self.fixed
        return replace(self.wanted, links=self.wanted.links._replace(**{name: value}))

    def url(self, path: str | None = None, **changes: Any) -> str:
        """This view's address, or another's with some parameters changed. `type` is a sequence."""
        limit = {"limit": self.limit} if self.limit != PAGE_SIZE else {}
        parameters = {"type": self.wanted.types} | self.wanted.conditions() | limit | changes
        query = urlencode({k: v for k, v in parameters.items() if v}, doseq=True)
        return (path or self.path) + (f"?{query}" if query else "")

    def format_url(self, path: str) -> str:
        """The same part of the feed in another format, where no path says what `fixed` is."""
        return View(path, self.filter).url()

    def parameters(self) -> str:
        """The filter as a query of the API."""
        wanted = self.filter
        return urlencode({"type": wanted.types} | wanted.conditions(), doseq=True)

    def areas(self) -> Iterator[dict[str, Any]]:
        """The choice of types as links; the chosen one leads back to everything."""
        yield {"name": "all", "label": "All", "url": self.url(type=()), "chosen": not self.types}
        for area in AREAS:
            chosen = self.types == set(area.types)
            url = self.url(type=() if chosen else area.types)
            yield {"name": area.name, "label": area.label, "url": url, "chosen": chosen}

    @property
    def types(self) -> set[str]:
        return set(self.wanted.types)

    def scopes(self, items: Iterable[dict[str, Any]]) -> Iterator[dict[str, str]]:
        """The records that the query narrows the view to, by name, and the way back."""
        names = dict(_named(items))
        for link, value in self.wanted.conditions().items():
            kind = link.removesuffix("_id")
            name = names.get((kind, str(value))) or str(value)[:8]
            yield {"kind": kind.title(), "name": name, "without": self.url(**{link: None})}

    def choices(self, items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Worlds and agents that can be chosen: those of the items shown, by name."""
        named = dict(_named(items))
        for kind, label in (("world", "World"), ("agent", "Agent")):
            if self.fixed and self.fixed[0] == f"{kind}_id":
                continue
            options = [
                {"id": id, "name": name}
                for (of, id), name in sorted(named.items(), key=lambda one: one[1].casefold())
                if of == kind
            ]
            chosen = str(self.wanted.conditions().get(f"{kind}_id", ""))
            if len(options) > 1 or chosen:
                yield {"name": f"{kind}_id", "label": label, "options": options, "chosen": chosen}


def _named(items: Iterable[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Records that items name, by kind and id."""
    for item in items:
        for kind in ("world", "agent", "dweller", "story"):
            if (found := item.get(kind)) and (name := found.get("name") or found.get("title")):
                yield (kind, found["id"]), name
        for action in item.get("actions", ()):
            if agent := action.get("agent"):
                yield ("agent", agent["id"]), agent["name"]
