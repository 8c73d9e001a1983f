"""What Atom and JSON Feed have in common."""

import re
from dataclasses import dataclass
from typing import Any

from web import render

_PORTRAIT = re.compile(r'<span class="portrait.*?</span>')
_WITHIN = re.compile(r'(?<= href=")/')


@dataclass(frozen=True)
class Syndicated:
    """A page of the feed for other programs; all addresses are absolute."""

    base: str
    """Where the server is seen from outside, without a slash at the end."""
    id: str
    title: str
    url: str
    home: str
    """The same part of the feed as a page for people."""
    next: str | None
    items: list[dict[str, Any]]
    began: str = "2026-01-01T00:00:00+00:00"
    """What stands for the time of a feed without items."""

    def permalink(self, item: dict[str, Any]) -> str:
        return f"{self.base}/item/{item['type']}/{item['id']}"

    def content(self, item: dict[str, Any]) -> str:
        """The item as HTML that can stand anywhere: without the letters that stand for pictures,
        which need the stylesheet, and with absolute links.
        """
        text = _PORTRAIT.sub("", render.body(item))
        return _WITHIN.sub(f"{self.base}/", text).strip()


def author(item: dict[str, Any]) -> str:
    """Who did it, by name."""
    if agent := item.get("agent"):
        return str(agent["name"])
    for action in item.get("actions", ()):
        if agent := action.get("agent"):
            return str(agent["name"])
    return str(item.get("reviewer_name") or item.get("author_name") or "World feed")


def changed(item: dict[str, Any]) -> str:
    """When it last got a new place in the feed."""
    return str(item.get("updated_at") or item["sort_date"])
