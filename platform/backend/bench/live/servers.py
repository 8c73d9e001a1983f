"""Real servers that are killed and come back at the same port."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.ports import free_port

BACKEND = Path(__file__).parents[2]
START_SECONDS = 60.0
POLL_SECONDS = 0.05

ERROR = r"^(?:ERROR|CRITICAL)\b"


class Server:
    """`user`: whom it is in the database, so that its connections can be told from others'."""

    def __init__(self, directory: Path, user: str, environment: Mapping[str, str]) -> None:
        self.user = user
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._stdout, self._stderr = directory / f"{user}.stdout", directory / f"{user}.stderr"
        own = {"PORT": str(self.port), "DATA_DIR": str(directory)}
        self._environment = os.environ | own | dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Starts it, without waiting for it to be ready."""
        with self._stdout.open("wb") as stdout, self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "cli.py", "serve"],
                cwd=BACKEND,
                env=self._environment,
                stdout=stdout,
                stderr=stderr,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not re.search(r"^ready\b", self._stdout.read_text(), re.MULTILINE):
            assert self._process is not None, "launch it first"
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.user} does not start.\n{self.said()}")
            time.sleep(POLL_SECONDS)

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and waits for what comes of it; its exit status."""
        assert self._process is not None, "launch it first"
        self._process.send_signal(number)
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"{self.user} does not end at {number.name}") from None

    def said(self) -> str:
        """Its first error, if there is one, and the end of its log."""
        log = self._stderr.read_text(errors="replace")
        error = re.search(ERROR, log, re.MULTILINE)
        return (log[error.start() :][:8000] + "\n…\n" if error else "") + log[-4000:]

    def errors(self) -> int:
        """How often it logged that something of its own went wrong."""
        log = self._stderr.read_text(errors="replace")
        return len(re.findall(ERROR, log, re.MULTILINE))

    def live(self) -> dict[str, Any]:
        """What its /health says of the live feed; empty while it has none."""
        try:
            health = httpx2.get(f"{self.url}/health", timeout=5).json()
        except (httpx2.TransportError, ValueError):
            return {}
        return health.get("live") or {}


class Fleet:
    """All servers of a campaign."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for server in self.servers:
            server.launch()
            self._running.callback(server.end, signal.SIGKILL)
        for server in self.servers:
            server.wait_until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def heads(self) -> list[int]:
        """How far each server's live feed is; -1 where there is none just now."""
        return [int(server.live().get("head", -1)) for server in self.servers]
