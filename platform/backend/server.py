"""uvicorn as the platform runs it: one process, or several at one address.

Besides serving, it hands the connection of each request to the application (api/outlets.py), and
prints one line with the address when it is ready: sockets open, pools warm, numbers up to date.
"""

import asyncio
import gc
import logging
import os
import socket
import sys
from typing import Any

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from api.outlets import CONNECTION, Connection
from core.corked import Corked
from core.settings import Settings
from main import create_app

GRACE_SECONDS = 5
"""What a request may take to end when the server is told to. Streams end at once."""

START_SECONDS = 60.0


def run(settings: Settings) -> None:
    """Serves until a signal. `settings.database_url` must be set, and the database migrated."""
    if settings.workers == 1:
        _Server(uvicorn.Config(_application(settings), **_options(settings))).run()
        return
    # The workers are new processes, which read their settings as this one did.
    os.environ["DATABASE_URL"] = str(settings.database_url)
    os.environ["TESTING"] = str(bool(settings.testing)).lower()
    config = uvicorn.Config(
        "server:application", factory=True, workers=settings.workers, **_options(settings)
    )
    _Workers(config, [_listeners(config)]).run()


def application() -> FastAPI:
    """The application of one of several workers."""
    return _application(Settings())


def _application(settings: Settings) -> FastAPI:
    _log(settings)
    app = create_app(settings)
    # What is there by now stays. Looking through it for garbage would stop a process that has 100
    # pages to answer for 0.15 s, again and again.
    gc.collect()
    gc.freeze()
    return app


class Protocol(HttpToolsProtocol):
    """HTTP, and the connection itself for whoever writes a stream."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]  # is one in all but its class
        self._connection = Connection(transport, self.loop.create_future())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connection.lost.set_result(None)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self._connection}  # type: ignore[dict-item]  # no JSON, as extensions usually are


def _listeners(config: uvicorn.Config) -> socket.socket:
    """A free address; where there is nothing better, as one socket that all workers wait at."""
    shared = config.bind_socket()  # ends the process, with a word, if somebody listens there
    if not sys.platform.startswith("linux"):
        return shared
    host, port = shared.getsockname()[:2]
    _claim(f"{host}:{port}")
    shared.close()
    return _Listeners(host, port)  # type: ignore[return-value]  # all that is asked of it here


def _claim(address: str) -> None:
    """Keeps out a second platform that starts here before the workers of this one listen."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0worldfeed {address}")  # a name that ends with the process
    except OSError as error:
        sys.exit(f"{address}: {error.strerror}")
    claim.detach()  # open for as long as this process lives


class _Listeners:
    """An address at which every process that gets it listens by a socket of its own.

    Linux divides connections evenly between sockets. Of workers that wait at the same one, whoever
    is awake takes what there is: of 16 connections one worker was seen to get 16.
    """

    def __init__(self, host: str, port: int) -> None:
        self._reserved = _bind(host, port)  # nobody listens at it, so it gets no connection
        self.getsockname = self._reserved.getsockname

    def __reduce__(self) -> tuple[Any, ...]:
        return _bind, self.getsockname()[:2]


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    return listener


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _announce(self.servers[0].sockets[0])


class _Workers(Multiprocess):
    def init_processes(self) -> None:
        super().init_processes()
        if all(
            worker.wait_until_ready(START_SECONDS, self.should_exit) for worker in self.processes
        ):
            _announce(self.sockets[0])


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "http": Protocol,
        "host": settings.host,
        "port": settings.port,
        "log_level": settings.log_level,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "access_log": settings.log_level in ("debug", "trace"),
    }


def _log(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s"
    )


def _announce(listener: Any) -> None:
    host, port = listener.getsockname()[:2]
    typer.echo(f"ready: http://{host}:{port}")
