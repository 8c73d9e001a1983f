"""Several worker processes at one address."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.server import BACKEND, ServerProcess, StartServer

SECONDS = 30
LISTENS = "0A"

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere workers share one listening socket"
)


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    return start_server(WORKERS="2")


@on_linux
def test_each_listens_for_itself_and_comes_back_if_it_dies(server: ServerProcess) -> None:
    first = listeners(server)
    assert len(first) == 2
    assert len(set(first.values())) == 2, "a socket for each"
    os.kill(min(first), signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while len(listeners(server).keys() - {min(first)}) < 2:
        assert time.monotonic() < deadline, "nobody took its place"
        time.sleep(0.1)
    assert max(first) in listeners(server)
    for _ in range(10):
        assert httpx2.get(f"{server.url}/health").status_code == 200


def test_an_address_that_is_taken_is_refused(server: ServerProcess, database_url: str) -> None:
    """Not shared: the kernel would divide clients between two platforms without a word."""
    taken = {"WORKERS": "2", "PORT": str(urlsplit(server.url).port), "DATABASE_URL": database_url}
    ended = subprocess.run(
        [sys.executable, "cli.py", "serve"],
        check=False,
        cwd=BACKEND,
        env=os.environ | taken,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert ended.returncode != 0
    assert "already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


@on_linux
def test_two_that_start_together_do_not_share_an_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    claim = f"from server import _claim; _claim('{address}'); input()"
    command = [sys.executable, "-c", claim]
    with subprocess.Popen(command, cwd=BACKEND, stdin=subprocess.PIPE) as first:
        deadline = time.monotonic() + SECONDS
        while f"@worldfeed {address}" not in Path("/proc/net/unix").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = subprocess.run(
            command, check=False, cwd=BACKEND, input="", capture_output=True, text=True
        )
        assert second.returncode == 1
        assert second.stderr == f"{address}: Address already in use\n"
        first.communicate(b"\n")


def listeners(server: ServerProcess) -> dict[int, str]:
    """Sockets that listen at the server's port, as inodes, by the worker that has them open."""
    port = f":{urlsplit(server.url).port:04X}"
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in table if row[1].endswith(port) and row[3] == LISTENS}
    return {pid: inode for pid, inode in _open_sockets(server.process.pid) if inode in inodes}


def _open_sockets(parent: int) -> Iterator[tuple[int, str]]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for pid in map(int, children):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            target = entry.readlink().name if entry.is_symlink() else ""
            if target.startswith("socket:"):
                yield pid, target.removeprefix("socket:[").removesuffix("]")
