"""The feed as a reader gets it."""

import json
import re
from typing import Any

import httpx2

from feed.position import Position
from tests.support.contract import Item, check_feed, check_shape

PAGE = 7  # small, so that every look at the feed turns pages

FRAMES = re.compile(
    r"event: feed_items\ndata: (?P<items>.*)\n\nevent: feed_complete\ndata: (?P<complete>.*)\n\n"
)


async def feed(client: httpx2.AsyncClient, **filters: Any) -> list[Item]:
    """Every item, newest first, page by page. JSON and SSE must agree and keep the contract."""
    items: list[Item] = []
    query = {"limit": PAGE, **filters}
    while True:
        page = await _json_page(client, query)
        assert await _sse_page(client, query) == page
        items += page["items"]
        if page["next_cursor"] is None:
            check_feed(items)
            return items
        query["cursor"] = page["next_cursor"]


async def _json_page(client: httpx2.AsyncClient, query: dict[str, Any]) -> dict[str, Any]:
    response = await client.get("/api/feed", params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    Position.parse(page.pop("live_from"))  # ours, beside what the contract knows
    check_shape("JsonFeedResponse", page)
    return page


async def _sse_page(client: httpx2.AsyncClient, query: dict[str, Any]) -> dict[str, Any]:
    """The stream's page in the shape of the JSON page."""
    response = await client.get("/api/feed/stream", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.content.isascii()
    frames = FRAMES.fullmatch(response.text)
    assert frames, response.text
    items, complete = json.loads(frames["items"]), json.loads(frames["complete"])
    check_shape("SseFeedItemsData", items)
    Position.parse(complete.pop("live_from"))
    check_shape("SseFeedCompleteData", complete)
    assert items["partial"] is False
    assert complete["total_items"] == len(items["items"])
    return {"items": items["items"], "next_cursor": complete["next_cursor"]}


def of_type(items: list[Item], *types: str) -> list[Item]:
    return [item for item in items if item["type"] in types]


def the_only(items: list[Item], kind: str) -> Item:
    """The item of a type of which there must be one."""
    [item] = of_type(items, kind)
    return item


def shown_acts(items: list[Item]) -> list[Item]:
    """Every action that the feed shows, with its id, whatever item it is in; the oldest first
    within an item.
    """
    shown: list[Item] = []
    for item in of_type(items, "dweller_action", "activity_group", "conversation"):
        alone = item["type"] == "dweller_action"
        shown += [{"id": item["id"], **item["action"]}] if alone else item["actions"]
    return shown


def types(items: list[Item]) -> list[str]:
    return [item["type"] for item in items]
