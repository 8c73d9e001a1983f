"""Requests and the pool of sessions: nobody waits for a connection while holding another, and none
is held for a client who takes a long time to read.
"""

import asyncio
import importlib
import pkgutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import api
from api.deps import agent_or_admin, get_db, optional_agent, require_agent
from tests.support.agents import Agent, register
from tests.support.answers import ok
from tests.support.server import ServerProcess, StartServer

CALLERS = {require_agent, optional_agent, agent_or_admin}
POOL_SIZE = 2
PATIENCE = 5  # seconds; who waits for a connection in vain is told so after 10


@pytest.fixture
def small_server(start_server: StartServer) -> ServerProcess:
    return start_server(DB_POOL_SIZE=str(POOL_SIZE), BACKGROUND_TASKS="false", LIVE="false")


@pytest.fixture
async def reader(small_server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=small_server.url, timeout=PATIENCE, limits=limits
    ) as reader:
        yield reader


@pytest.fixture
async def alice(reader: httpx2.AsyncClient) -> Agent:
    [alice] = await register(reader, "Alice")
    return alice


def solved(dependant: Dependant) -> Iterator[Any]:
    """What FastAPI calls for a handler, in order."""
    for one in dependant.dependencies:
        yield from solved(one)
        yield one.call


def routes() -> Iterator[APIRoute]:
    for module in pkgutil.iter_modules(api.__path__, "api."):
        router = getattr(importlib.import_module(module.name), "router", APIRouter())
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def test_who_calls_is_known_before_a_connection_is_taken() -> None:
    """The caller is looked up on a connection of its own."""
    seen = 0
    for route in routes():
        calls = list(solved(route.dependant))
        for caller in CALLERS & set(calls):
            if get_db in calls:
                assert calls.index(caller) < calls.index(get_db), route.path
                seen += 1
    assert seen > 40


async def test_readers_with_a_key_do_not_wait_for_each_other(alice: Agent) -> None:
    story = await alice.tell(await alice.found())
    crowd = [alice.get(f"/stories/{story}/reviews") for _ in range(10 * POOL_SIZE)]
    for answer in await asyncio.gather(*crowd):
        ok(answer)


async def test_who_does_not_read_holds_no_connection(
    small_server: ServerProcess, reader: httpx2.AsyncClient, alice: Agent
) -> None:
    """Requests in a row, whose answers are more than the network keeps for a client."""
    story = await alice.tell(await alice.found(), content="All the world's waters. " * 40_000)
    path, times = f"/api/stories/{story}", 30
    host, port = urlsplit(small_server.url).hostname, urlsplit(small_server.url).port
    asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    last = asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    lazy = [socket.create_connection((host, port)) for _ in range(2 * POOL_SIZE)]
    for one in lazy:
        one.sendall(asked * (times - 1) + last)
    for _ in range(20):
        for answer in await asyncio.gather(*(reader.get("/api/worlds") for _ in lazy)):
            ok(answer)
        await asyncio.sleep(0.05)
    for one in lazy:
        with closing(one):
            assert (await asyncio.to_thread(_read, one)).count(b"HTTP/1.1 200") == times


def _read(connection: socket.socket) -> bytes:
    connection.settimeout(PATIENCE)
    with connection.makefile("rb") as answers:
        return answers.read()
