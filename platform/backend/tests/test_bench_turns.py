"""Contestants of the bench: that they take turns, and are counted apart. Never a time."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from threading import Thread

import pytest

from bench.reading import paths
from bench.speed.client import Clients, load
from bench.speed.contest import in_turns
from bench.speed.driver import Driver


class Server(ThreadingHTTPServer):
    """Remembers what it was asked for, and finds all but /missing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.clients: list[object] = []
        """Their addresses, one for each connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.clients.append(self.client_address)

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_contestants_take_turns_and_are_counted_apart(server: Server) -> None:
    one, other = in_turns(
        Clients(server.url, ["/one"]),
        Clients(server.url, ["/other", "/more"]),
        seconds=0.4,
        warm_seconds=0.1,
    )
    whose = ["one" if path == "/one" else "other" for path in server.asked]
    # One, other; other, one; and so on: four turns each, of which two adjoin now and then.
    assert [name for name, _ in groupby(whose)] == ["one", "other", "one", "other", "one"]
    assert len(server.clients) == 2
    assert (len(one.times), len(other.times)) == (1, 2)
    for found, name in ((one, "one"), (other, "other")):
        assert 0 < found.pages < whose.count(name)
        assert found.statuses == {"200": found.pages}
        assert found.seconds == pytest.approx(0.4)


def test_one_alone_has_one_turn(server: Server) -> None:
    found = load(server.url, ["/one"], connections=3, seconds=0.4, warm_seconds=0)
    # Of each connection, only the answer that comes after the end is not counted.
    assert len(server.asked) == found.pages + 3
    assert len(server.clients) == 3
    assert found.seconds == 0.4


def test_an_answer_other_than_200_is_an_error(server: Server) -> None:
    with pytest.raises(RuntimeError, match="404"):
        in_turns(
            Clients(server.url, ["/one"]),
            Clients(server.url, ["/missing"]),
            seconds=0.2,
            warm_seconds=0,
        )


def test_the_driver_takes_turns_with_clients(server: Server, database_url: str) -> None:
    http, bare = in_turns(
        Clients(server.url, ["/one"]),
        Driver(database_url, [paths.PAGE, paths.page(limit=7)]),
        seconds=0.2,
        warm_seconds=0,
    )
    assert http.pages
    assert all(bare.times)
