"""Clients over HTTP.

Every connection sends a request, waits for the whole answer and sends the next, round and round the
paths, each from another place in them. With a body the requests are POSTs, and `%d` in it becomes a
number that no other request has. A plain protocol on uvloop does as little as HTTP/1.1
allows, so that the server is measured and not this.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

from bench.speed.contest import Contestant, Load, Tally, Turn, in_turns

END_OF_HEAD = b"\r\n\r\n"
END_OF_CHUNKS = b"0\r\n\r\n"


@dataclass(frozen=True)
class Clients(Contestant):
    """So many connections to a server; `key` is an agent's."""

    connections: int = 1
    body: str = ""
    key: str = ""

    @asynccontextmanager
    async def connect(self, tally: Tally) -> AsyncIterator[Turn]:
        connections: list[_Connection] = []

        async def turn() -> None:
            if connections:
                for one in connections:
                    one.go_on()
            else:
                connections.extend(await _opened(self, tally))
            await asyncio.gather(*(one.paused for one in connections))

        yield turn
        for one in connections:
            one.close()


def load(
    url: str,
    paths: Sequence[str],
    *,
    connections: int = 1,
    seconds: float = 2.0,
    warm_seconds: float = 0.3,
    body: str = "",
    key: str = "",
) -> Load:
    """What clients find by themselves. Raises RuntimeError when an answer is not 200."""
    clients = Clients(url, paths, connections, body, key)
    return in_turns(clients, seconds=seconds, warm_seconds=warm_seconds)[0]


class _Requests:
    """What the connections of a contestant send."""

    def __init__(self, wanted: Clients) -> None:
        parts = urlsplit(wanted.url)
        self.address = str(parts.hostname), parts.port or 80
        key = f"X-API-Key: {wanted.key}\r\n" if wanted.key else ""
        self._heads = [f"{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{key}" for path in wanted.paths]
        self._body, self._numbers = wanted.body, count()
        self.paths = len(wanted.paths)

    def request(self, path: int) -> bytes:
        if not self._body:
            return f"GET {self._heads[path]}\r\n".encode()
        body = self._body.replace("%d", str(next(self._numbers)))
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"POST {self._heads[path]}{head}\r\n{body}".encode()


class _Connection(asyncio.Protocol):
    """Asks as soon as it is made, until the turn is over."""

    def __init__(self, requests: _Requests, tally: Tally, path: int) -> None:
        self._requests, self._tally, self._path = requests, tally, path
        self.paused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Is done when the turn is over and the last answer there."""
        self._head = b""
        self._missing: int | None = None
        """Bytes of the body that are still to come; None: the head is, or the body is chunked."""

    def go_on(self) -> None:
        """Another turn begins."""
        if self._transport.is_closing():
            raise EOFError("the server hung up between two turns")
        self.paused = asyncio.get_running_loop().create_future()
        self._ask()

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing is not None:
            self._missing -= len(data)
            if not self._missing:
                self._answered()
            return
        self._head += data
        head, found, body = self._head.partition(END_OF_HEAD)
        if not found:
            return
        length = head.lower().find(b"content-length: ")
        if length < 0:
            if body.endswith(END_OF_CHUNKS):
                self._answered()
            return
        self._missing = int(head[length + 16 :].split(b"\r\n", 1)[0]) - len(body)
        if not self._missing:
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.paused.done():
            self.paused.set_exception(error or EOFError("the server hung up"))

    def _ask(self) -> None:
        self._head, self._missing = b"", None
        request = self._requests.request(self._path)
        self._asked = perf_counter()
        self._transport.write(request)

    def _answered(self) -> None:
        goes_on = self._tally.answered(self._path, self._asked, self._head[9:12].decode())
        self._path = (self._path + 1) % self._requests.paths
        if goes_on:
            self._ask()
        else:
            self.paused.set_result(None)


async def _opened(wanted: Clients, tally: Tally) -> list[_Connection]:
    requests = _Requests(wanted)
    create = asyncio.get_running_loop().create_connection
    made = await asyncio.gather(
        *(
            create(
                partial(_Connection, requests, tally, n * requests.paths // wanted.connections),
                *requests.address,
            )
            for n in range(wanted.connections)
        )
    )
    return [one for _, one in made]
