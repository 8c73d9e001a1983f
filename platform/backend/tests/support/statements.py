"""Which SQL the application sends, statement by statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import psycopg
import pytest
from psycopg.sql import Composable

from db import session


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Yields a list that grows by the text of every statement of this process.

    Both of the app's pools pass through psycopg's cursor, which SQLAlchemy's driver adapter uses as
    well; pages pass below it. BEGIN and COMMIT do neither: TcpProxy counts them.
    """
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for cursor in (psycopg.AsyncCursor, psycopg.AsyncServerCursor):
            for name in ("execute", "executemany", "stream", "copy"):
                if name in vars(cursor):
                    patch.setattr(cursor, name, _recording(vars(cursor)[name], seen))
        patch.setattr(session, "raw_select", _recording(vars(session)["raw_select"], seen))
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
