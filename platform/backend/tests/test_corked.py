"""What a client receives, and when, of what a server writes."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from core.corked import Corked

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Pair:
    """A transport of the server's, and the client's end."""

    def __init__(self, transport: Corked, client: socket.socket) -> None:
        self.transport, self._client = transport, client

    def received(self) -> bytes:
        """What has arrived by now."""
        try:
            return self._client.recv(1000)
        except BlockingIOError:
            return b""


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    server, client = socket.socketpair()
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=server)
    yield Pair(Corked(transport, loop), client)
    transport.abort()
    client.close()


async def test_a_head_waits_for_its_body(pair: Pair) -> None:
    pair.transport.write(HEAD)
    assert pair.received() == b""
    pair.transport.write(b"body")
    assert pair.received() == HEAD + b"body"
    await asyncio.sleep(0.01)
    assert pair.received() == b""


async def test_but_not_for_long(pair: Pair) -> None:
    pair.transport.write(HEAD)
    await asyncio.sleep(0.01)
    assert pair.received() == HEAD
    pair.transport.write(b"body")
    assert pair.received() == b"body"


async def test_a_stream_begins_at_once(pair: Pair) -> None:
    pair.transport.write(STREAM)
    assert pair.received() == STREAM


async def test_nothing_is_lost_when_it_closes(pair: Pair) -> None:
    pair.transport.write(HEAD)
    pair.transport.close()
    await asyncio.sleep(0.01)
    assert pair.received() == HEAD


async def test_everything_else_is_the_transports(pair: Pair) -> None:
    assert not pair.transport.is_closing()
    assert pair.transport.get_write_buffer_size() == 0
