"""The feed as Atom (RFC 4287), with deleted entries (RFC 6721) for items that left it.

An entry's id is made from the item's name, so it is the same wherever the feed is served.
"""

import re
from collections.abc import Iterable
from datetime import UTC
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as xml

from feed.filters import Filter
from web import render
from web.formats import Syndicated, author, changed

ATOM = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""

xml.register_namespace("", ATOM)
xml.register_namespace("at", TOMBSTONES)

_REMOVED = """
    SELECT removed.event_type, removed.item_id, max(removed.at)
    FROM (
        (
            SELECT * FROM platform_feed_changes
            WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1000
        )
        UNION ALL
        (SELECT * FROM platform_feed_changes WHERE seq IS NULL ORDER BY id DESC LIMIT 1000)
    ) AS removed
    WHERE removed.op = 'remove' {conditions} AND NOT EXISTS (
        SELECT FROM platform_feed_events AS stored
        WHERE stored.event_type = removed.event_type AND stored.payload ->> 'id' = removed.item_id
    )
    GROUP BY removed.event_type, removed.item_id ORDER BY max(removed.at) DESC LIMIT 50
"""


def removed(wanted: Filter) -> tuple[str, dict[str, Any]]:
    """The statement, and its parameters, for what left the feed among its newest changes and did
    not come back: rows of type, id and time.
    """
    params = wanted.conditions()
    conditions = "".join(f" AND removed.{link} = %({link})s" for link in params)
    if wanted.types:
        conditions += " AND removed.event_type = ANY(%(types)s)"
        params |= {"types": list(wanted.types)}
    return _REMOVED.format(conditions=conditions), params


def entry_id(event_type: str, item_id: str) -> str:
    return uuid5(NAMESPACE_URL, f"worldfeed:{event_type}/{item_id}").urn


def document(feed: Syndicated, gone: Iterable[tuple[Any, ...]]) -> bytes:
    """The whole document, in UTF-8. What is gone by now is no entry, although it was read."""
    gone = list(gone)
    left = {(event_type, item_id) for event_type, item_id, _ in gone}
    items = [item for item in feed.items if (item["type"], item["id"]) not in left]
    root = xml.Element(f"{{{ATOM}}}feed")
    _text(root, "id", feed.id)
    _text(root, "title", feed.title)
    _text(root, "updated", max(map(changed, items), default=feed.began))
    _link(root, "self", feed.url, "application/atom+xml")
    _link(root, "alternate", feed.home, "text/html")
    if feed.next:
        _link(root, "next", feed.next, "application/atom+xml")
    for item in items:
        _entry(root, item, feed)
    for event_type, item_id, when in gone:
        ref = entry_id(event_type, item_id)
        xml.SubElement(
            root, f"{{{TOMBSTONES}}}deleted-entry", ref=ref, when=when.astimezone(UTC).isoformat()
        )
    return bytes(xml.tostring(root, "utf-8", xml_declaration=True))


def _entry(root: xml.Element, item: dict[str, Any], feed: Syndicated) -> None:
    entry = xml.SubElement(root, f"{{{ATOM}}}entry")
    _text(entry, "id", entry_id(item["type"], item["id"]))
    _text(entry, "title", render.title(item))
    _text(entry, "published", item["created_at"])
    _text(entry, "updated", changed(item))
    _text(xml.SubElement(entry, f"{{{ATOM}}}author"), "name", author(item))
    _link(entry, "alternate", feed.permalink(item), "text/html")
    xml.SubElement(entry, f"{{{ATOM}}}category", term=item["type"])
    _text(entry, "content", feed.content(item)).set("type", "html")


def _text(parent: xml.Element, name: str, text: str) -> xml.Element:
    element = xml.SubElement(parent, f"{{{ATOM}}}{name}")
    element.text = _UNWRITABLE.sub("", text)
    return element


def _link(parent: xml.Element, rel: str, href: str, media_type: str) -> None:
    xml.SubElement(parent, f"{{{ATOM}}}link", rel=rel, href=href, type=media_type)
