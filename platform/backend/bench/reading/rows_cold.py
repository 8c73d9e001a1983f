"""The first page of a process, right after /health is green, beside those that follow."""

import socket
import time
from collections.abc import Iterator
from statistics import median
from urllib.parse import urlsplit

from bench.reading import figures, paths
from bench.reading.effort import Effort, Say, place
from bench.reading.figures import Finding
from bench.speed import stage
from tests.support.ports import free_port

STEADY = 300
"""Pages for the steady figure, the first fifty of them not counted."""


def first_pages(url: str, items: int, effort: Effort, say: Say) -> Iterator[Finding]:
    say("first pages")
    first, steady = [], []
    for _ in range(effort.repetitions):
        with stage.platform(url, PORT=str(free_port())) as server, _Connection(server.url) as http:
            while not http.get("/health").startswith(b"HTTP/1.1 200"):
                time.sleep(0.01)
            times = [_timed(http) for _ in range(STEADY)]
        first.append(times[0])
        steady.append(median(times[50:]))
    yield Finding(
        figures.COLD,
        place(items, 1),
        [one / other for one, other in zip(first, steady, strict=True)],
        {"first_us": first, "steady_us": steady},
        f"{median(first):,.0f} µs : {median(steady):,.0f} µs",
    )


def _timed(http: "_Connection") -> float:
    """Microseconds of a page."""
    began = time.perf_counter()
    http.get(paths.PAGE)
    return (time.perf_counter() - began) * 1e6


class _Connection:
    """As little of a client as a page needs, on one connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str) -> bytes:
        """Head and body."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = b""
        while True:
            head, found, body = answer.partition(b"\r\n\r\n")
            if found:
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(body) == length:
                    return answer
            answer += self._socket.recv(1 << 20)
