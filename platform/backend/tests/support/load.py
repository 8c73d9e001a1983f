"""A load generator in a process of its own: inside the test's it would measure itself as well.

Every connection sends a request, waits for the answer and sends the next, until all are sent.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

BACKEND = Path(__file__).parents[2]
LIMIT_SECONDS = 90


@dataclass(frozen=True)
class Load:
    """What came back: how many answers of each status, and the seconds that answers took."""

    statuses: dict[int, int]
    without_retry_after: int
    """Refusals (503) that do not say when to come again."""
    p50: float
    p99: float


def load(url: str, *, connections: int, requests: int) -> Load:
    """Sends GET requests to `url`. Raises CalledProcessError when an answer is cut short."""
    program = [sys.executable, "-m", "tests.support.load", url, str(connections), str(requests)]
    done = subprocess.run(
        program, cwd=BACKEND, check=True, capture_output=True, timeout=LIMIT_SECONDS
    )
    facts = json.loads(done.stdout)
    statuses = {int(status): count for status, count in facts.pop("statuses").items()}
    return Load(statuses=statuses, **facts)


class _Run:
    def __init__(self, url: str, requests: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self.address = parts.hostname, parts.port
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self.request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self.unsent = requests
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0
        self.seconds: list[float] = []

    def report(self) -> dict[str, object]:
        ordered = sorted(self.seconds)
        return {
            "statuses": self.statuses,
            "without_retry_after": self.without_retry_after,
            "p50": ordered[len(ordered) // 2],
            "p99": ordered[len(ordered) * 99 // 100],
        }


class _Client(asyncio.Protocol):
    """One connection. As little as HTTP/1.1 with Content-Length needs: the server is measured."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        status, headers = _parse(bytes(head))
        if len(body) == int(headers[b"content-length"]):
            self._record(status, headers)
            self._received.clear()
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or EOFError("the server hung up"))

    def _send(self) -> None:
        if self.run.unsent == 0:
            self.done.set_result(None)
            self._transport.close()
            return
        self.run.unsent -= 1
        self._sent = time.perf_counter()
        self._transport.write(self.run.request)

    def _record(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.run.seconds.append(time.perf_counter() - self._sent)
        self.run.statuses[status] += 1
        self.run.without_retry_after += status == 503 and b"retry-after" not in headers


def _parse(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    line, *lines = head.split(b"\r\n")
    headers = (header.split(b": ", 1) for header in lines)
    return int(line.split()[1]), {name.lower(): value for name, value in headers}


async def _main(url: str, connections: int, requests: int) -> None:
    run = _Run(url, requests)
    create = asyncio.get_running_loop().create_connection
    opening = [create(partial(_Client, run), *run.address) for _ in range(connections)]
    clients = [client for _, client in await asyncio.gather(*opening)]
    await asyncio.gather(*(client.done for client in clients))
    sys.stdout.write(json.dumps(run.report()))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
