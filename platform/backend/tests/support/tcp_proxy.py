"""A TCP proxy that counts network round trips and plays a bad network.

Why watching the direction of bytes is enough: a program pays one round trip whenever it sends
something and then waits for the answer. On its end of the wire that looks the same in every
protocol: bytes leave, then bytes arrive. Whatever leaves before the first answer arrives is one
burst, however many messages or packets it is cut into; whatever arrives before the next burst is
one answer. So the number of answered bursts is the number of round trips. Bytes that ask for no
answer (PostgreSQL's Terminate) and bytes that nobody asked for (a notification on an idle
connection) do not count.

Both are watched on the client's side of the delay. A pipeline, whose later requests leave while the
first answer still travels, is therefore one round trip; but only with a `delay` longer than the
client takes to send it, for without one the first answer may be back in between.

Opening a connection costs round trips of its own: `reset()` after that.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Target = Path | tuple[str, int]
"""A unix socket, or host and port."""

CHUNK_BYTES = 64 * 1024
CHUNKS_UNDER_WAY = 256  # per direction: enough for a delay to cost no bandwidth, yet bounded


class TcpProxy:
    """Forwards a free loopback port to `target`, from a thread of its own.

    The thread lets synchronous tests, asynchronous tests and other processes use it alike. A switch
    is in effect when its assignment or call returns.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.port = 0
        self.round_trips = 0
        self.delay = 0.0
        """Seconds that bytes travel, each way; more can be sent while they do."""
        self._passing = asyncio.Event()
        self._passing.set()
        self._listener: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Counts from zero again."""
        self.round_trips = 0

    def cut(self) -> None:
        """Drops every open connection together with all that is under way on it."""
        self._run(self._cut())

    @property
    def black_hole(self) -> bool:
        """Whether connections are accepted and kept while nothing passes, not even their end.

        What was held back arrives afterwards, as lost packets do when they are sent again.
        """
        return not self._passing.is_set()

    @black_hole.setter
    def black_hole(self, on: bool) -> None:
        self._run(self._pass(not on))

    @property
    def refuse(self) -> bool:
        """Whether new connections are refused; open ones go on."""
        return self._listener is None

    @refuse.setter
    def refuse(self, on: bool) -> None:
        self._run(self._stop_listening() if on else self._listen())

    def _run(self, switch: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(switch, self._loop).result(timeout=10)

    # From here on everything runs in the proxy's thread.

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _pass(self, on: bool) -> None:
        if on:
            self._passing.set()
        else:
            self._passing.clear()

    async def _cut(self) -> None:
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _close(self) -> None:
        await self._stop_listening()
        await self._cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._forward(reader, writer))
        self._links.add(link)
        # Not at the end of _forward: a cut may cancel the task before its first step.
        link.add_done_callback(lambda _: writer.transport.abort())
        # wait() does not raise what ended the link: a cut is no error of this callback.
        await asyncio.wait({link})
        self._links.discard(link)

    async def _forward(
        self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter
    ) -> None:
        """Serves one connection until either end closes it, or a cut cancels this task."""
        with suppress(OSError):
            server_reader, server_writer = await self._connect()
            try:
                await self._exchange(client_reader, client_writer, server_reader, server_writer)
                for writer in (client_writer, server_writer):
                    writer.close()
                    await writer.wait_closed()
            finally:
                server_writer.transport.abort()  # nothing is left to abort after an ordinary end

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _exchange(
        self,
        client_reader: asyncio.StreamReader,
        client_writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        asked = False

        def client_sent() -> None:
            nonlocal asked
            asked = True

        def client_receives() -> None:
            nonlocal asked
            self.round_trips += asked
            asked = False

        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(client_reader, server_writer, client_sent, _ignore))
                both.create_task(self._pump(server_reader, client_writer, _ignore, client_receives))
        except* (EOFError, OSError):
            pass  # one end closed; leaving the group stopped the other direction

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        departs: Callable[[], None],
        arrives: Callable[[], None],
    ) -> None:
        """Moves one direction; raises EOFError after its last byte is delivered."""
        under_way: _Wire = asyncio.Queue(CHUNKS_UNDER_WAY)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._send(reader, under_way, departs))
            ends.create_task(self._deliver(under_way, writer, arrives))

    async def _send(
        self, reader: asyncio.StreamReader, under_way: "_Wire", departs: Callable[[], None]
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            departs()
            await under_way.put((self._loop.time() + self.delay, data))
        await under_way.put((self._loop.time() + self.delay, b""))

    async def _deliver(
        self, under_way: "_Wire", writer: asyncio.StreamWriter, arrives: Callable[[], None]
    ) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - self._loop.time())
            await self._passing.wait()
            if not data:
                raise EOFError
            arrives()  # before the client can see the answer and ask for the count
            writer.write(data)
            await writer.drain()


_Wire = asyncio.Queue[tuple[float, bytes]]
"""The bytes between two ends, each chunk with the loop time at which it is due; b"" is the end."""


def _ignore() -> None: ...
