"""The pool of connections that read pages."""

from collections import deque
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

PageConnection = psycopg.AsyncConnection[tuple[Any, ...]]


class PagePool(AsyncConnectionPool[PageConnection]):
    """Gives out the connection that came back last; the library's own gives the one idle longest.

    Its backend has plans and rows in the processor's cache: a lone reader who goes round all
    backends in turns pays a tenth of a page for that. Readers still wait in the order they came.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pool = _Stack()


class _Stack(deque[PageConnection]):
    """The library appends on the right and takes from the left."""

    def append(self, connection: PageConnection) -> None:
        self.appendleft(connection)
