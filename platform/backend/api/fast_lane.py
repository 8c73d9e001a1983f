"""A middleware that takes plain requests for pages of the feed straight to their handlers.

FastAPI finds the route, solves dependencies and validates parameters in about twice the time that
the page takes. A GET whose parameters are plainly right needs none of that. Whatever else comes, a
mistake above all, goes the ordinary way and is judged there: this decides only what is certain.
Both ways end in the same handlers (api/feed.py), so that a page cannot depend on the way.
"""

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from urllib.parse import parse_qsl
from uuid import UUID

import psycopg
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import feed
from api.paging import read_page
from api.problems import database_error, shape
from core.errors import PlatformError
from db.session import Database
from feed.filters import Filter, Links
from feed.item_type import EventType
from feed.page import PAGE_SIZE, Cursor, Selection

LIMIT = re.compile("[1-9]|[1-4][0-9]|50")
ID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TYPES = frozenset(EventType)


async def _page(request: Request, wanted: Selection, database: Database) -> Response:
    return await feed.feed(wanted, database, await feed.tags.known(request))


async def _stream(_: Request, wanted: Selection, database: Database) -> Response:
    return await feed.feed_stream(await read_page(wanted, database))


HANDLERS: dict[str, Callable[[Request, Selection, Database], Awaitable[Response]]] = {
    "/api/feed": _page,
    "/api/feed/stream": _stream,
}


class FastLane:
    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            handler = HANDLERS.get(scope["path"])
            if handler and (wanted := selection(scope["query_string"])):
                request = Request(scope)
                try:
                    response = await handler(request, wanted, self._state.database)
                except PlatformError as error:
                    response = shape(error)
                except psycopg.Error as error:
                    response = await database_error(request, error)
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)


@lru_cache(1024)  # the head of the feed is asked for again and again
def selection(query: bytes) -> Selection | None:
    """What a query string asks for, as api/paging.py would read it; None when that shall do it."""
    types: set[str] = set()
    once: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "type":
            types.add(value)
        elif name in once:
            return None
        else:
            once[name] = value
    limit = once.pop("limit", str(PAGE_SIZE))
    try:
        cursor = Cursor.parse(once.pop("cursor")) if "cursor" in once else None
    except ValueError:
        return None
    known = once.keys() <= set(Links._fields) and types <= TYPES
    if not (known and LIMIT.fullmatch(limit) and all(map(ID.fullmatch, once.values()))):
        return None
    links = Links(**{name: UUID(value) for name, value in once.items()})
    return Selection(int(limit), cursor, Filter(tuple(sorted(types)), links))
