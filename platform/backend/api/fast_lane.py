"""A middleware that takes plain requests for the feed straight to their handlers.

FastAPI finds the route, solves dependencies and validates parameters in about twice the time that
a page takes, and its frames stay in memory for as long as a live stream is open. A GET whose
parameters are plainly right needs none of that. Whatever else comes, a mistake above all, goes the
ordinary way and is judged there: this decides only what is certain. Both ways end in the same
handlers (api/feed.py, api/live.py), so that an answer cannot depend on the way.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

import psycopg
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import feed, live
from api.paging import read_page
from api.problems import database_error, shape, unexpected
from core.errors import PlatformError
from feed.filters import Filter, Links
from feed.item_type import EventType
from feed.page import PAGE_SIZE, Cursor, Selection

LIMIT = re.compile("[1-9]|[1-4][0-9]|50")
ID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TYPES = frozenset(EventType)
LONGEST = 1024
"""Bytes of a query string that is read here, and remembered."""


class FastLane:
    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope["type"] == "http" and scope["method"] == "GET"
        if plain and (response := await self._response(scope)):
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _response(self, scope: Scope) -> Response | None:
        """None for whatever shall go the ordinary way."""
        handler = HANDLERS.get(scope["path"])
        if handler is None or len(scope["query_string"]) > LONGEST:
            return None
        request = Request(scope)
        try:
            return await handler(request, self._state)
        except PlatformError as error:
            return shape(error)
        except psycopg.Error as error:
            return await database_error(request, error)
        except Exception as error:  # no frame of the framework stands around this
            return await unexpected(request, error)


async def _page(request: Request, state: State) -> Response | None:
    if wanted := selection(request.scope["query_string"]):
        return await feed.feed(wanted, state.database, await feed.tags.known(request))
    return None


async def _stream(request: Request, state: State) -> Response | None:
    if wanted := selection(request.scope["query_string"]):
        return await feed.feed_stream(await read_page(wanted, state.database))
    return None


async def _live(request: Request, state: State) -> Response | None:
    if state.hub and (asked := following(request.scope["query_string"])):
        last_event_id = request.headers.get("last-event-id")
        return await live.live(state.hub, asked.wanted, asked.after, last_event_id)
    return None


HANDLERS = {"/api/feed": _page, "/api/feed/stream": _stream, "/api/feed/live": _live}


class Following(NamedTuple):
    """What a query string asks of the live feed."""

    wanted: Filter
    after: str | None


@lru_cache(1024)  # the head of the feed is asked for again and again
def selection(query: bytes) -> Selection | None:
    """The page that a query string asks for, as api/paging.py would read it; or None."""
    if (parameters := _parameters(query)) is None:
        return None
    limit = parameters.once.pop("limit", str(PAGE_SIZE))
    try:
        cursor = parameters.once.pop("cursor", None)
        place = None if cursor is None else Cursor.parse(cursor)
    except ValueError:
        return None
    wanted = _filter(parameters)
    if wanted is None or not LIMIT.fullmatch(limit):
        return None
    return Selection(int(limit), place, wanted)


def following(query: bytes) -> Following | None:
    """What a query string asks of the live feed, as api/live.py would read it; or None."""
    if (parameters := _parameters(query)) is None:
        return None
    after = parameters.once.pop("after", None)
    wanted = _filter(parameters)
    return None if wanted is None else Following(wanted, after)


class _Parameters(NamedTuple):
    types: set[str]
    once: dict[str, str]


def _parameters(query: bytes) -> _Parameters | None:
    """The parameters of a query string, unless one is there twice that may not be."""
    types: set[str] = set()
    once: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "type":
            types.add(value)
        elif name in once:
            return None
        else:
            once[name] = value
    return _Parameters(types, once)


def _filter(left: _Parameters) -> Filter | None:
    """What parameters filter by; None when they hold anything else, or a mistake."""
    known = left.once.keys() <= set(Links._fields) and left.types <= TYPES
    if not (known and all(map(ID.fullmatch, left.once.values()))):
        return None
    links = Links(**{name: UUID(value) for name, value in left.once.items()})
    return Filter(tuple(sorted(left.types)), links)
