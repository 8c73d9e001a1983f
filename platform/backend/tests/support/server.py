"""The real server as an operator runs it: `python cli.py serve`, a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import httpx2
import pytest

BACKEND = Path(__file__).parents[2]
START_SECONDS = 60  # a start imports a lot, and test machines are busy
STOP_SECONDS = 5
POLL_SECONDS = 0.02


class StartServer(Protocol):
    """Starts a server of the test's database; `variables` are added to its environment."""

    def __call__(self, **variables: str) -> "ServerProcess": ...


class ServerProcess:
    """A server that answers /health; `url` is its address, `directory` gets what it says."""

    command: tuple[str, ...] = ("cli.py", "serve")
    ready = r"^ready\b.* (http://\S+)$"

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._stdout = directory / "stdout"
        self._stderr = directory / "stderr"
        # Files, not pipes: a pipe that no test empties would block the server one day.
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=BACKEND,
                env={**os.environ, **environment},
                stdout=stdout,
                stderr=stderr,
            )
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def stdout(self) -> str:
        return self._stdout.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(errors="replace")

    def stop(self) -> None:
        """Ends the server as `kill` and Docker do. The test fails if it is too slow or crashed."""
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"The server outlived SIGTERM by {STOP_SECONDS} s.\n{self.stderr}")
        # uvicorn raises the signal again when it has shut down; SIGKILL was the test's own.
        if code not in (0, -signal.SIGTERM, -signal.SIGKILL):
            pytest.fail(f"The server ended with {code}.\n{self.stderr}")

    def kill(self) -> None:
        """Ends the server without warning, as a crash does."""
        self.process.kill()
        self.process.wait()

    def _wait_until_ready(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while True:
            ready = re.search(self.ready, self.stdout + self.stderr, re.MULTILINE)
            if ready and _is_healthy(ready[1]):
                return ready[1]
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server does not start.\n{self.stdout}{self.stderr}")
            time.sleep(POLL_SECONDS)


def _is_healthy(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", timeout=5).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
