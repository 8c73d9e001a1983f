"""Thousands of clients of one stream in one process, as cheap as possible: they only count."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

MARK = b"event: item\n"
SENT = re.compile(rb'"sent": ?"?([0-9.]+)')
AT_ONCE = 100
"""Connections that are opened at the same time."""


@dataclass
class Arrivals:
    """What arrived, at all clients together; `waits` are seconds from sending to arrival."""

    messages: int = 0
    last: float = 0.0
    waits: list[float] = field(default_factory=list)


class Client(asyncio.Protocol):
    """Counts messages; one that `samples` also notes how long each was on its way."""

    def __init__(self, request: bytes, arrivals: Arrivals, *, samples: bool) -> None:
        self._request = request
        self._arrivals = arrivals
        self._samples = samples
        self._rest = b""
        self.answered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.answered.done():
            self.answered.set_result(data[:15])
        now = time.monotonic()
        if self._samples:
            whole, _, rest = (self._rest + data).rpartition(b"\n\n")
            found = SENT.findall(whole)
            self._arrivals.waits += [now - float(sent) for sent in found]
            count, self._rest = len(found), rest
        else:
            # A mark may be cut in two by the border between two reads.
            data = self._rest + data
            count, self._rest = data.count(MARK), data[1 - len(MARK) :]
        if count:
            self._arrivals.messages += count
            self._arrivals.last = now


class Swarm:
    """`async with Swarm(url, n) as swarm:` — n open streams, each of a path of its own if given."""

    def __init__(
        self, url: str, clients: int, samples: int = 50, paths: Sequence[str] = ()
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port or 80
        self._paths = paths or [parts.path] * clients
        self._count, self._samples = clients, samples
        self._clients: list[Client] = []
        self.arrivals = Arrivals()

    async def __aenter__(self) -> "Swarm":
        for first in range(0, self._count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, self._count))
            await asyncio.gather(
                *(self._open(self._paths[n], samples=n < self._samples) for n in numbers)
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            client.transport.abort()

    async def expect(self, messages: int, seconds: float) -> None:
        """Waits until each client has so many more. Raises TimeoutError."""
        wanted = messages * self._count
        async with asyncio.timeout(seconds):
            while self.arrivals.messages < wanted:  # noqa: ASYNC110 - counted where nothing can wait
                await asyncio.sleep(0.01)

    async def _open(self, path: str, *, samples: bool) -> None:
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
        request = head.encode()
        client = Client(request, self.arrivals, samples=samples)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: client, self._host, self._port)
        assert await client.answered == b"HTTP/1.1 200 OK"
        self._clients.append(client)
