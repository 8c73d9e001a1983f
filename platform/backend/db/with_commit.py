"""Statements that travel with the COMMIT: one round trip for both.

What a write says last, its item, needs no answer before the transaction ends. So it waits: for the
commit, which takes it along in one message, or for the next statement, which it goes before. The
database gets all statements in the order in which they were given; an error shows where they are
sent. A rollback forgets them, unsent.
"""

from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, Dialect, PoolProxiedConnection, TextClause, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

WAITING = "statements that wait for the commit"
"""Where they are: in the `info` of their connection. Connections of other engines have no such key,
and statements do not wait there.
"""

CONNECTION = "connection of the last transaction"
"""Where it is: in the `info` of its session."""


class _Statement(NamedTuple):
    text: str
    params: dict[str, Any]


def install(engine: AsyncEngine, sessions: type[Session]) -> None:
    """Lets statements wait on the connections of this engine, whose sessions these are."""
    event.listen(sessions, "after_begin", _remember)
    listened = engine.sync_engine
    event.listen(listened, "begin", _forget)
    event.listen(listened, "rollback", _forget)
    event.listen(listened, "before_cursor_execute", _send_before)
    # No event: here SQLAlchemy sees to it that a commit that fails ends the transaction.
    listened.dialect.do_commit = _commit  # type: ignore[assignment,method-assign]


async def send_with_commit(db: AsyncSession, statement: TextClause, params: dict[str, Any]) -> None:
    """Runs a statement whose result nobody wants, with the end of the session's transaction.

    Flushes first. In a savepoint it does not wait: SQLAlchemy takes one that fails at its very end
    for rolled back.
    """
    connection = _at_hand(db.sync_session)
    if connection is None:
        connection = await db.run_sync(_flushed)
    waiting: list[_Statement] | None = connection.info.get(WAITING)
    if waiting is None or connection.in_nested_transaction():
        await db.execute(statement, params)
    else:
        waiting.append(_Statement(_as_driver_takes_it(statement, connection.dialect), params))


def _remember(session: Session, _: object, connection: Connection) -> None:
    session.info[CONNECTION] = connection


def _at_hand(session: Session) -> Connection | None:
    """The connection of a session that has nothing to flush, and no savepoint to begin. To ask
    SQLAlchemy for it would need a greenlet, which takes a third of the time of building the item.
    """
    connection: Connection | None = session.info.get(CONNECTION)
    if connection is None or connection.closed or session.in_nested_transaction():
        return None
    return None if session.new or session.dirty or session.deleted else connection


def _flushed(session: Session) -> Connection:
    session.flush()
    return session.connection()


@cache
def _as_driver_takes_it(statement: TextClause, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _forget(connection: Connection) -> None:
    if not connection.invalidated:  # else nothing is left of it, not even its `info`
        connection.info[WAITING] = []


def _send_before(connection: Connection, *_: object) -> None:
    for statement in _taken(connection):
        connection.exec_driver_sql(*statement)


def _commit(connection: PoolProxiedConnection) -> None:
    if waiting := _taken(connection):
        await_only(_send_and_commit(connection, waiting))
    else:
        connection.commit()


def _taken(connection: Connection | PoolProxiedConnection) -> list[_Statement]:
    waiting: list[_Statement] = connection.info.get(WAITING, [])
    if waiting:
        connection.info[WAITING] = []
    return waiting


async def _send_and_commit(connection: PoolProxiedConnection, statements: list[_Statement]) -> None:
    """Several statements in one message have no parameters: psycopg writes the values as literals.
    Its pipeline would do it as well, but takes longer than it saves where the database is near.
    """
    driver: Any = connection.driver_connection
    *others, last = statements
    try:
        cursor = psycopg.AsyncClientCursor(driver)
        written = [cursor.mogrify(*one).replace("%", "%%") for one in others]
        await cursor.execute("; ".join([*written, last.text, "COMMIT"]), last.params)
    except Exception:
        with suppress(psycopg.Error):  # of a connection that is lost
            await driver.rollback()  # SQLAlchemy takes the transaction for ended
        raise
