"""Other ways to send one message to many clients, for comparison: each takes POST /publish."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

queues: set[asyncio.Queue[bytes]] = set()

generator = FastAPI()
"""FastAPI's own way: a generator per client, which yields events."""


@generator.get("/live", response_class=EventSourceResponse)
async def stream() -> AsyncIterator[ServerSentEvent]:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    queues.add(queue)
    try:
        while True:
            yield ServerSentEvent(raw_data=(await queue.get()).decode(), event="item")
    finally:
        queues.discard(queue)


@generator.post("/publish")
async def publish(request: Request) -> None:
    _publish(await request.body())


async def raw(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Bare ASGI: ready bytes, a queue per client, nothing else."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/publish":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        _publish(b"event: item\ndata: %b\n\n" % body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})
        return
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    queues.add(queue)
    watcher = asyncio.create_task(_disconnection(receive))
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while not watcher.done():
        body = await queue.get()
        await send({"type": "http.response.body", "body": body, "more_body": True})
    queues.discard(queue)


async def _disconnection(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _publish(body: bytes) -> None:
    for queue in queues:
        queue.put_nowait(body)
