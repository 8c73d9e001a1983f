"""Which SQL the application sends, statement by statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import psycopg
import pytest
from psycopg.sql import Composable


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Yields a list that grows by the text of every statement of this process.

    psycopg's cursor is the one place that both of the app's pools pass through, for SQLAlchemy's
    driver adapter uses it as well. BEGIN and COMMIT do not: TcpProxy counts them.
    """
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for cursor in (psycopg.AsyncCursor, psycopg.AsyncServerCursor):
            for name in ("execute", "executemany", "stream", "copy"):
                if name in vars(cursor):
                    patch.setattr(cursor, name, _recording(vars(cursor)[name], seen))
        yield seen


def _recording(method: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    @wraps(method)
    def recording(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(_text(query))
        return method(cursor, query, *args, **kwargs)

    return recording


def _text(query: str | bytes | Composable) -> str:
    if isinstance(query, Composable):
        return query.as_string()
    return query.decode() if isinstance(query, bytes) else query
