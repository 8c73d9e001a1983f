"""Reading the feed: `GET /api/feed` (JSON) and `GET /api/feed/stream` (SSE), one page each.

A page is one statement on an autocommit connection: one round trip, no cache. The items leave as
the bytes that PostgreSQL stored. Everything is read before the first byte is sent, so a failure is
a status code and never an empty 200. `live_from` is where the live feed goes on (api/live.py).
"""

import json
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.conditional import Tags, not_modified
from api.paging import Asked, Pages, ReadPage, read_page
from api.sse import SSE_HEADERS, frame
from core.settings import VERSION
from feed.wire import ascii_json
from schemas.feed import SSE_PAGE, UNCHANGED, JsonPage

router = APIRouter(tags=["feed"])
tags = Tags(VERSION)


@router.get("/feed", response_model=JsonPage, responses=UNCHANGED)
async def feed(
    wanted: Asked,
    database: Pages,
    known: Annotated[str | None, Depends(tags.known)],
) -> Response:
    """A page of the feed, newest first. `next_cursor` is null on the last page."""
    asked = wanted if known is None else replace(wanted, known=known)
    page = await read_page(asked, database)
    headers = tags.headers(page.live_from)
    if page.live_from == known:
        return not_modified(headers)
    return Response(page.json, headers=headers, media_type="application/json")


@router.get("/feed/stream", response_class=Response, responses=SSE_PAGE)
@router.get("/api/feed/stream", include_in_schema=False)  # a base URL that ends in /api, doubled
async def feed_stream(page: ReadPage) -> Response:
    """The same page as server-sent events: `feed_items`, then `feed_complete`, then the end."""
    items = b", ".join(map(ascii_json, page.items))
    end = {"next_cursor": page.next_cursor, "total_items": len(page.items)}
    frames = (
        frame("feed_items", b'{"items": [%b], "partial": false}' % items),
        frame("feed_complete", json.dumps(end | {"live_from": page.live_from}).encode()),
    )
    return Response(b"".join(frames), headers=SSE_HEADERS, media_type="text/event-stream")
