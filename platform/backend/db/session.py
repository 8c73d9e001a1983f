"""The connections of one server process.

Two pools, because two kinds of work have different needs:

- `session()`: SQLAlchemy sessions for writes and entity reads. One transaction per request, which
  the handler commits.
- `pages`: plain psycopg connections in autocommit for pages of the feed. A page is one statement,
  so a transaction around it would only add round trips (BEGIN, ROLLBACK).

Neither prepares statements by name: behind a transaction pooler the next statement may run on
another server connection, which has never heard of the name. psycopg then sends parse, bind and
execute together, so it costs no extra round trip.
"""

import asyncio
import select
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, Protocol, TypeVar

import orjson
import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq.abc import PGresult
from psycopg_pool import PoolTimeout, TooManyRequests
from sqlalchemy import event, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from core.errors import Unavailable
from core.settings import Settings
from db import with_commit
from db.page_pool import PageConnection, PagePool
from db.raw_select import raw_select
from db.shared_reads import SharedReads
from db.urls import libpq_url, sqlalchemy_url

ANSWER_SECONDS = 3.0
"""A page takes a millisecond. A database that has not answered after this long will not."""

Rows = list[tuple[Any, ...]]

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)
Ask = Callable[[PageConnection], Awaitable[Answer]]


class Question(Hashable, Protocol[Answer_co]):
    """What many may ask at the same time; equal ones have the same answer."""

    @property
    def statement(self) -> tuple[str, dict[str, Any]]:
        """A select and its parameters."""
        ...

    def answer(self, result: PGresult) -> Answer_co:
        """What its rows say."""
        ...


class RawJson(Loader):
    """Hands jsonb on as the bytes that PostgreSQL sent: a page never decodes an item."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class Database:
    """Open connections to one database."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise ValueError("Database needs a database_url; cli.py starts the embedded one")
        self.engine = create_async_engine(
            sqlalchemy_url(settings.database_url),
            pool_size=settings.db_pool_size,
            max_overflow=0,
            pool_timeout=10,
            connect_args={"prepare_threshold": None, "connect_timeout": 10},
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        event.listen(self.engine.sync_engine, "checkout", _find_out_the_dead)
        sessions = self._announcing()
        with_commit.install(self.engine, sessions)
        self.committed: Callable[[], None] = _nobody_cares
        """Called after each commit of a `session()`."""
        self.session = async_sessionmaker(
            self.engine, expire_on_commit=False, sync_session_class=sessions
        )
        self.autocommit = async_sessionmaker(
            self.engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False
        )
        self.pages = PagePool(
            libpq_url(settings.database_url),
            kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": 10},
            configure=_configure_page_connection,
            min_size=settings.page_pool_size,
            max_size=settings.page_pool_size,
            max_waiting=settings.page_queue_size,
            timeout=settings.page_queue_seconds,
            # The pauses between attempts to connect double: after a long outage they would outlast
            # the readers. Given up early, the next reader's request is a new attempt.
            reconnect_timeout=settings.page_queue_seconds / 2,
            open=False,
        )
        self._reads: SharedReads[Any] = SharedReads()
        self._patience = settings.page_queue_seconds + ANSWER_SECONDS

    def _announcing(self) -> type[Session]:
        class Announcing(Session):
            """Says when it has committed."""

        event.listen(Announcing, "after_commit", lambda _: self.committed())
        return Announcing

    async def open(self) -> None:
        """Connects all of the pages' pool, so that no reader pays for it, and one connection for
        writes: the others come as they are needed.

        Raises when the database cannot be reached.
        """
        async with self.session() as db:
            await db.execute(text("SELECT 1"))
        await self.pages.open(wait=True, timeout=30)

    async def warm(self, question: Question[Any]) -> None:
        """Asks on every connection for pages, so that no reader is the first on one.

        The first query of a backend reads the catalogue, which takes longer than ten pages. A
        database that refuses tells so to the readers.
        """
        connections: list[PageConnection] = []
        try:
            for _ in range(self.pages.max_size):
                connections.append(await self.pages.getconn())
            queries = (raw_select(one, *question.statement) for one in connections)
            await asyncio.gather(*queries, return_exceptions=True)
        finally:
            for one in connections:
                await self.pages.putconn(one)

    async def read(self, statement: str, params: dict[str, Any]) -> Rows:
        """Runs one select of a page: one round trip, jsonb as bytes.

        Raises Unavailable when too many wait for a connection, or no answer comes in time, and
        psycopg.Error when the database refuses.
        """
        return await self._read(object(), lambda one: _select(one, statement, params))

    async def read_shared(self, question: Question[Answer]) -> Answer:
        """`read`, in which those who ask for the same at the same time share query and answer.

        The query starts after all of them have asked (db/shared_reads.py). The answer is one object
        for all of them: nobody may change it.
        """
        return await self._read(question, lambda one: _answer(one, question))

    async def _read(self, question: Hashable, ask: Ask[Answer]) -> Answer:
        connected = partial(self._connected, ask)
        # When the last reader leaves, psycopg cancels the query at the server, and closes the
        # connection if that fails. It takes its time when nothing passes; no reader waits for it.
        try:
            answer: Answer = await self._reads.read(question, connected, self._patience)
            return answer
        except (PoolTimeout, TooManyRequests) as error:
            raise Unavailable("The database cannot serve so many readers") from error
        except TimeoutError as error:
            raise Unavailable("The database does not answer") from error

    async def _connected(self, ask: Ask[Answer], starts: Callable[[], None]) -> Answer:
        # Not `pages.connection()`, whose transaction nothing here needs.
        connection = await self.pages.getconn()
        try:
            starts()
            return await ask(connection)
        except psycopg.OperationalError:
            if not connection.broken:
                raise
        finally:
            await self.pages.putconn(connection)
        # It broke while it was idle (the database restarted), as all of its age may have.
        await self.pages.drain()
        async with self.pages.connection() as connection:
            return await ask(connection)

    async def close(self) -> None:
        await self.pages.close()
        await self.engine.dispose()


def _nobody_cares() -> None: ...


def _find_out_the_dead(connection: Any, record: Any, _: object) -> None:
    """Makes SQLAlchemy replace its connections when the database hung up on this idle one.

    An idle connection has nothing to read but its end. Looking costs no round trip, unlike a ping.
    Where a new one is dead as well, the database is away: raises psycopg.OperationalError.
    """
    new = "used" not in record.info
    record.info["used"] = True
    socket = select.poll()
    socket.register(connection.driver_connection.fileno(), select.POLLIN)
    if not socket.poll(0):
        return
    if new:
        raise psycopg.OperationalError("the database hung up at once")
    raise InvalidatePoolError("the database closed the connection")


async def _configure_page_connection(connection: PageConnection) -> None:
    connection.adapters.register_loader("jsonb", RawJson)


async def _select(connection: PageConnection, statement: str, params: dict[str, Any]) -> Rows:
    cursor = await connection.execute(statement, params)
    return await cursor.fetchall()


async def _answer(connection: PageConnection, question: Question[Answer]) -> Answer:
    return question.answer(await raw_select(connection, *question.statement))
