"""The feed as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from typing import Any

import orjson

from web import render
from web.atom import entry_id
from web.formats import Syndicated, author, changed
from web.words import web


def document(feed: Syndicated) -> bytes:
    """The whole document, in UTF-8."""
    head = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.url,
        "description": render.DESCRIPTION,
        "language": "en",
    }
    if feed.next:
        head["next_url"] = feed.next
    return orjson.dumps(head | {"items": [_item(item, feed) for item in feed.items]})


def _item(item: dict[str, Any], feed: Syndicated) -> dict[str, Any]:
    shown = {
        "id": entry_id(item["type"], item["id"]),
        "url": feed.permalink(item),
        "title": render.title(item),
        "content_html": feed.content(item),
        "date_published": item["created_at"],
        "date_modified": changed(item),
        "authors": [{"name": author(item)}],
        "tags": [item["type"]],
    }
    pictures = (item.get(kind, {}) or {} for kind in ("story", "world"))
    if image := next((web(of.get("cover_image_url")) for of in pictures if of), ""):
        shown["image"] = image
    return shown
