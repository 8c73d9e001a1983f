"""Clients over HTTP, in a process of their own: in that of the bench they would wait for it.

    python -m bench.speed.client <<< '{"url": …, "paths": […], "connections": 16, "seconds": 2.0}'

Every connection sends a request, waits for the whole answer and sends the next, round and round the
paths, each from another place in them. With a body the requests are POSTs, and `%d` in it becomes a
number that no other request has. A plain protocol on uvloop does as little as HTTP/1.1
allows, so that the server is measured and not this.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

BACKEND = Path(__file__).parents[2]
END_OF_HEAD = b"\r\n\r\n"
END_OF_CHUNKS = b"0\r\n\r\n"
GRACE_SECONDS = 60.0
"""What the last answers may take; the slowest rivals need seconds for a page."""


@dataclass(frozen=True)
class Load:
    """What came back within the measured time; `times` are microseconds, one list per path."""

    times: list[list[int]]
    statuses: dict[str, int]
    seconds: float

    @property
    def all_times(self) -> list[int]:
        return [time for times in self.times for time in times]

    @property
    def pages(self) -> int:
        return sum(map(len, self.times))

    @property
    def rate(self) -> float:
        """Pages per second."""
        return self.pages / self.seconds

    @property
    def p50(self) -> float:
        """Microseconds."""
        return median(self.all_times)

    @property
    def p99(self) -> float:
        """Microseconds."""
        return quantiles(self.all_times, n=100)[98]

    def p50_of(self, path: int) -> float:
        """Microseconds, of one of the paths."""
        return median(self.times[path])


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
    """Goes on for so long; `key` is an agent's. Raises RuntimeError when an answer is not 200."""
    wanted = {
        "url": url,
        "paths": list(paths),
        "connections": connections,
        "seconds": seconds,
        "warm_seconds": warm_seconds,
        "body": body,
        "key": key,
    }
    found = measured("bench.speed.client", wanted)
    if found.statuses.keys() != {"200"}:
        raise RuntimeError(f"answers other than 200: {found.statuses}")
    return found


def measured(module: str, wanted: dict[str, Any]) -> Load:
    """What a process of its own finds, so that ours is not in its way. Raises RuntimeError."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", module],
        input=json.dumps(wanted),
        cwd=BACKEND,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"{module} failed:\n{ran.stderr[-2000:]}")
    return Load(**json.loads(ran.stdout))


class _Run:
    def __init__(
        self,
        url: str,
        paths: list[str],
        seconds: float,
        warm_seconds: float,
        body: str,
        key: str,
    ) -> None:
        parts = urlsplit(url)
        self.address = str(parts.hostname), parts.port or 80
        more = f"Host: {parts.netloc}\r\n" + (f"X-API-Key: {key}\r\n" if key else "")
        self._heads = [f"{path} HTTP/1.1\r\n{more}" for path in paths]
        self._body, self._numbers = body, count()
        self.times: list[list[int]] = [[] for _ in paths]
        self.statuses: dict[str, int] = {}
        self.begin = time.perf_counter() + warm_seconds
        self.end = self.begin + seconds

    def request(self, path: int) -> bytes:
        if not self._body:
            return f"GET {self._heads[path]}\r\n".encode()
        body = self._body.replace("%d", str(next(self._numbers)))
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"POST {self._heads[path]}{head}\r\n{body}".encode()


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: _Run, number: int) -> None:
        self._run, self._path = run, number
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""
        self._missing: int | None = None
        """Bytes of the body that are still to come; None: the head is, or the body is chunked."""

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
        if not self.done.done():
            self.done.set_exception(error or EOFError("the server hung up"))

    def _ask(self) -> None:
        self._head, self._missing = b"", None
        request = self._run.request(self._path)
        self._asked = time.perf_counter()
        self._transport.write(request)

    def _answered(self) -> None:
        now, run = time.perf_counter(), self._run
        if now > run.end:
            self.done.set_result(None)
            self._transport.close()
            return
        if now >= run.begin:  # whenever it was asked: the slowest are asked long before
            run.times[self._path].append(round((now - self._asked) * 1e6))
            status = self._head[9:12].decode()
            run.statuses[status] = run.statuses.get(status, 0) + 1
        self._path = (self._path + 1) % len(run.times)
        self._ask()


async def _main(wanted: dict[str, Any]) -> None:
    connections = wanted.pop("connections")
    run = _Run(**wanted)
    create = asyncio.get_running_loop().create_connection
    opened = await asyncio.gather(
        *(
            create(partial(_Client, run, number * len(run.times) // connections), *run.address)
            for number in range(connections)
        )
    )
    async with asyncio.timeout(run.end - time.perf_counter() + GRACE_SECONDS):
        await asyncio.gather(*(client.done for _, client in opened))
    seconds = run.end - run.begin
    sys.stdout.write(json.dumps(asdict(Load(run.times, run.statuses, seconds))))


if __name__ == "__main__":
    uvloop.run(_main(json.load(sys.stdin)))
