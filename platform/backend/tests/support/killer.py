"""A server that is killed in the middle of a write, a step later each time.

`python -m tests.support.killer` serves the platform from a child process. The first child dies by
SIGKILL before its first step in the database, the second before its second, and so on; the port
stays, and the next child takes over, as under a supervisor. A request that is sent again and again
is thus interrupted at every point.

A step is a statement, with the BEGIN that goes ahead of the first one, or a COMMIT, with the items
that travel with it; after a COMMIT comes another point, between its success and the answer.
Children are forked, which spares them what takes long at a start: imports.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI

from core.settings import Settings
from main import create_app

BACKEND = Path(__file__).parents[2]


@contextmanager
def mortal_server(database_url: str) -> Iterator[str]:
    """Runs such a server and yields its address."""
    environment = {"DATABASE_URL": database_url, "TESTING": "true", "PAGE_POOL_SIZE": "1"}
    environment |= {"BACKGROUND_TASKS": "false", "LIVE": "false"}  # whose statements are no steps
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.killer"],
        cwd=BACKEND,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the child as well


def _main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    app = create_app(Settings())
    for lifetime in count(1):
        child = os.fork() or _serve(app, listener, lifetime)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit("a server ended of itself")


def _serve(app: FastAPI, listener: socket.socket, lifetime: int) -> int:
    _Mortal(uvicorn.Config(app, log_level="warning"), lifetime).run(sockets=[listener])
    os._exit(0)


class _Mortal(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, lifetime: int) -> None:
        super().__init__(config)
        self.steps_left = lifetime

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        psycopg.AsyncCursor.execute = self._mortal(psycopg.AsyncCursor.execute)  # type: ignore[method-assign]  # the purpose of this file
        psycopg.AsyncCursor.executemany = self._mortal(psycopg.AsyncCursor.executemany)  # type: ignore[method-assign]  # the same
        psycopg.AsyncConnection.commit = self._mortal(psycopg.AsyncConnection.commit, after=True)  # type: ignore[method-assign]  # the same

    def _mortal(self, method: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
        @wraps(method)
        async def mortal(*args: Any, **kwargs: Any) -> Any:
            self._step()
            result = await method(*args, **kwargs)
            if after or _commits(*args):
                self._step()
            return result

        return mortal

    def _step(self) -> None:
        self.steps_left -= 1
        if self.steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _commits(_: psycopg.AsyncCursor[Any], statement: object, *params: object) -> bool:
    """Whether it is what db/with_commit.py sends."""
    return isinstance(statement, str) and statement.endswith("; COMMIT")


if __name__ == "__main__":
    _main()
