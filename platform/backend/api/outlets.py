"""Where the bytes of a live stream go: to the connection itself, or to ASGI's `send`.

One write to 5,000 clients is 5,000 writes. Straight into the connections, without a task that wakes
up for each, it costs a fraction; and only there can be seen, and bounded, what a client has not
read yet. The server of server.py hands its connections over for this (`CONNECTION`). On any other
ASGI server the bytes are sent the usual way, by a task per client.
"""

import asyncio
from typing import Any, NamedTuple, Protocol

from starlette.types import Receive, Scope, Send

from feed.subscriber import Outlet

CONNECTION = "worldfeed.connection"
"""Name of the ASGI extension that holds the connection."""

END_OF_CHUNKS = b"0\r\n\r\n"


class Connection(NamedTuple):
    transport: asyncio.Transport
    lost: asyncio.Future[None]
    """Done when the connection is gone."""


class Stream(Outlet, Protocol):
    async def run(self, receive: Receive) -> None:
        """Returns when the client has gone, or everything is written."""


def outlet(scope: Scope, send: Send) -> Stream:
    """For a response whose head has been sent."""
    connection = scope.get("extensions", {}).get(CONNECTION)
    return ConnectionOutlet(connection) if connection else SendOutlet(send)


class ConnectionOutlet:
    """Writes the body's chunks past the server, which has only sent the head."""

    def __init__(self, connection: Connection) -> None:
        self._transport, self._lost = connection

    def write(self, data: bytes) -> None:
        # The client may have hung up a moment ago, and the server not have heard of it yet.
        if not self._transport.is_closing():
            self._transport.write(_chunk(data))

    def waiting(self) -> int:
        return self._transport.get_write_buffer_size()

    def end(self, data: bytes, seconds: float) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(_chunk(data) + END_OF_CHUNKS)
            self._transport.close()
        asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    async def run(self, receive: Receive) -> None:
        # Not receive(): uvicorn tells only the last of several requests that were sent together.
        await asyncio.wait((self._lost,))


class SendOutlet:
    """Collects what is written; `run` sends it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._pending: list[bytes] = []
        self._bytes = 0
        self._ending = False
        self._wake = asyncio.Event()
        self._cut_off = asyncio.Event()

    def write(self, data: bytes) -> None:
        self._pending.append(data)
        self._bytes += len(data)
        self._wake.set()

    def waiting(self) -> int:
        return self._bytes

    def end(self, data: bytes, seconds: float) -> None:
        self._ending = True
        self._wake.set()
        if data:
            self.write(data)
        asyncio.get_running_loop().call_later(seconds, self._cut_off.set)

    async def run(self, receive: Receive) -> None:
        """A client that is cut off gets no end; the server then closes the connection."""
        ends: set[asyncio.Task[Any]] = {
            asyncio.create_task(_disconnection(receive)),
            asyncio.create_task(self._send_all()),
            asyncio.create_task(self._cut_off.wait()),
        }
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            last = self._ending
            data = b"".join(self._pending)
            self._pending.clear()
            message: dict[str, Any] = {"type": "http.response.body", "body": data}
            await self._send(message | {"more_body": not last})
            self._bytes -= len(data)
            if last:
                return


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
