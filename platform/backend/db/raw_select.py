"""A select as libpq answers it, without psycopg's cursor.

A cursor converts its parameters by way of several objects, and every value of every row. A page
hands 20 items on as they came and looks at three values beside them: the cursor was a tenth of it.
What sends, waits and cancels is psycopg's own, as below its cursor.
"""

import re
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


async def raw_select(
    connection: psycopg.AsyncConnection[Any], statement: str, params: dict[str, Any]
) -> PGresult:
    """Runs one select with `%(name)s` in it, in autocommit, and returns its values as text.

    The connection must be the caller's alone. A `%` that begins no parameter stands for itself.
    Raises psycopg.Error when the database refuses or is gone. Whoever is cancelled meanwhile
    cancels the query.
    """
    query, names = _numbered(statement)
    dump = Transformer.from_context(connection)
    values = dump.dump_sequence([params[name] for name in names], [PyFormat.AUTO] * len(names))
    connection.pgconn.send_query_params(query, values, dump.types, dump.formats)
    results: list[PGresult] = await connection.wait(execute(connection.pgconn))
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result, dump.encoding)
    if len(results) != 1 or results[0].status != ExecStatus.TUPLES_OK:
        raise psycopg.InternalError("not the answer to a select")
    return results[0]


@lru_cache(256)  # of pages: one for each set of filters
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1` and so on, and what these are called."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(statement)))
    places = {name: f"${number}" for number, name in enumerate(names, 1)}
    return _PLACEHOLDER.sub(lambda found: places[found[1]], statement).encode(), names
