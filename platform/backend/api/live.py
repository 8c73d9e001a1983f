"""The live feed: `GET /api/feed/live` (SSE) and `GET /api/feed/changes` (long poll).

docs/live-feed.md is the contract of both. No database connection is held for a client.
"""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Header, Query, Response
from starlette.types import Receive, Scope, Send

from api.deps import Wanted, get_hub
from api.outlets import outlet
from api.sse import SSE_HEADERS
from core.errors import Invalid, Unavailable
from feed.filters import Filter
from feed.hub import Hub, Start, goodbye
from feed.position import Position
from feed.subscriber import Subscriber
from schemas.live import SSE_STREAM, Changes

router = APIRouter(tags=["feed"])

After = Annotated[str | None, Query(description="the id of a message, or the live_from of a page")]
LiveHub = Annotated[Hub, Depends(get_hub)]


class LiveStream(Response):
    """A response that the hub writes to until either side ends it."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, wanted: Filter, start: Start) -> None:
        super().__init__(headers=SSE_HEADERS)
        del self.headers["content-length"]
        self._hub, self._wanted, self._start = hub, wanted, start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        stream = outlet(scope, send)
        start = self._start
        subscriber = Subscriber(self._wanted, start.position, start.until, stream)
        self._hub.join(subscriber, start)
        try:
            await stream.run(receive)
        finally:
            self._hub.leave(subscriber)


@router.get("/feed/live", response_class=Response, responses=SSE_STREAM)
async def live(
    hub: LiveHub,
    wanted: Wanted,
    after: After = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Every change of the feed as it happens, resumable; an endless stream."""
    field = "header -> Last-Event-ID" if last_event_id else "query -> after"
    position = _position(last_event_id or after, field)
    try:
        start = await hub.place(position)
    except Unavailable:
        # Browsers come back after a stream that ended, and never after another status than 200.
        return Response(goodbye(), headers=SSE_HEADERS, media_type=LiveStream.media_type)
    return LiveStream(hub, wanted, start)


@router.get("/feed/changes", response_model=Changes)
async def changes(
    hub: LiveHub,
    wanted: Wanted,
    after: After = None,
    wait: Annotated[float, Query(ge=0, le=30, description="seconds")] = 0,
) -> Response:
    """The changes after a position, for networks that break streams; waits for one if need be."""
    start = await hub.place(_position(after, "query -> after"))
    messages, cursor = await hub.poll(wanted, start, wait if after else 0)
    ring = hub.ring
    facts = {"epoch": ring.epoch, "head": ring.head, "floor": ring.floor, "cursor": cursor}
    told = b",".join(message.json() for message in messages)
    body = orjson.dumps(facts)[:-1] + b',"messages":[%b]}' % told
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _position(text: str | None, field: str) -> Position | None:
    try:
        return None if text is None else Position.parse(text)
    except ValueError as error:
        raise Invalid(
            field,
            f"Not a position of the live feed: {error}",
            text,
            "Send the id of a message unchanged, or the live_from of a page.",
        ) from error
