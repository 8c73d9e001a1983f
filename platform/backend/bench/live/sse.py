"""HTTP by hand, as far as the readers need it: a library would read ahead where one must not."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Self
from urllib.parse import urlencode, urlsplit

SILENCE = 20.0
"""Seconds without a byte after which a stream is dead: the contract's 15, and some patience."""

ANSWER_SECONDS = 45.0


class Refused(Exception):
    """The server answered with another status than 200."""


class Event(NamedTuple):
    """A block with an id or a name; `name` is empty where there is only an id."""

    id: str | None
    name: str
    data: bytes


class Stream:
    """An open stream of server-sent events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(
        cls, url: str, query: Mapping[str, str], headers: Mapping[str, str], *, narrow: bool = False
    ) -> Self:
        """`narrow`: hardly anything is taken before somebody reads. Raises OSError, Refused."""
        reader, writer, _ = await _request(url, query, headers, narrow=narrow)
        return cls(reader, writer)

    async def events(self) -> AsyncIterator[Event]:
        """Until the server ends it. Raises TimeoutError after silence, OSError and EOFError."""
        rest = b""
        async for chunk in self._chunks():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                if event := _event(block):
                    yield event

    def close(self) -> None:
        self._writer.transport.abort()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            async with asyncio.timeout(SILENCE):
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                chunk = await self._reader.readexactly(size + 2)
            if not size:
                return
            yield chunk[:-2]


async def get(url: str, query: Mapping[str, str]) -> bytes:
    """The body of an answer. Raises OSError, EOFError, TimeoutError, Refused."""
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer, head = await _request(url, query, {"Connection": "close"})
        try:
            length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
            assert length, "an answer without its length"
            return await reader.readexactly(int(length[1]))  # a server may die in between
        finally:
            writer.transport.abort()


async def _request(
    url: str, query: Mapping[str, str], headers: Mapping[str, str], *, narrow: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """Sends it and reads the head of the answer, which must be a success."""
    parts = urlsplit(url)
    connection = socket.socket()
    connection.setblocking(False)
    try:
        if narrow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(connection, (parts.hostname, parts.port))
        limit = 4096 if narrow else 2**16
        reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
    except BaseException:
        connection.close()
        raise
    try:
        fields = {"Host": parts.netloc} | dict(headers)
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"GET {parts.path}?{urlencode(query)} HTTP/1.1\r\n{head}\r\n".encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await reader.readuntil(b"\r\n\r\n")
        status = answer.partition(b"\r\n")[0]
        if status.split()[1] != b"200":
            raise Refused(status.decode())
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer, answer


def _event(block: bytes) -> Event | None:
    id: str | None = None
    name, data = "", b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b": ")
        if field == b"id":
            id = value.decode()
        elif field == b"event":
            name = value.decode()
        elif field == b"data":
            data = value
    return Event(id, name, data) if id or name else None
