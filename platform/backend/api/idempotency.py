"""A middleware for writes that a client may repeat: `X-Idempotency-Key: <uuid>`.

The first request with a key runs. Its answer is kept for a day, and every repetition gets it again,
byte for byte, with `x-idempotent-replay: true`. A key counts per agent, method and path: the same
key elsewhere is another key.

    400   no API key, or the idempotency key is no UUID
    401   a bad API key
    409   the first request still runs
    422   the key came with another body or query before. The old answer would hide that this
          write never happened, and running it would make the key worthless.

The key is free again, at once, after 5xx, 413 and 429, and when the application gives no answer:
nothing was written, and another attempt may end better. Every other answer is final.

A server that dies leaves its claim behind; 60 seconds later the next request takes it over. It
writes a second time if the server died between its commit and the keeping of the answer: a short
moment, but the answer is not part of the write's transaction.

The row of `platform_idempotency_keys`:

    key        `<agent>/<idempotency key>/<SHA-256 of method and path>`: a path may be longer
               than the column
    endpoint   method, path (cut) and the SHA-256 of query and body: what was asked
    created_at when it was claimed, by the database's clock; it also tells two claims apart
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from uuid import UUID

from anyio import CancelScope
from sqlalchemy import (
    JSON,
    ColumnElement,
    Text,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.base import Executable
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import presented_key, require_agent
from api.problems import database_error, shape
from core.errors import BadRequest, Conflict, Invalid, PlatformError
from db.models import IdempotencyKey
from db.session import Database

log = logging.getLogger("platform")

HEADER = "x-idempotency-key"
METHODS = ("POST", "PUT", "PATCH")
SECRET = ("/api/auth/agent",)
"""Paths whose answers hold a key in clear: they are never kept, so a repetition runs again."""
IN_PROGRESS, COMPLETED = "in_progress", "completed"
CLAIM_LIFETIME = timedelta(seconds=60)
ANSWER_LIFETIME = timedelta(hours=24)
RENEWED = ("endpoint", "status", "response_status", "response_body", "created_at", "completed_at")


@dataclass(frozen=True)
class Call:
    """A request as the table knows it."""

    agent_id: UUID
    key: str
    endpoint: str


@dataclass(frozen=True)
class Claim:
    """The right to run a call, until somebody claims its key later than `since`."""

    key: str
    since: datetime


class Idempotency:
    """Stands inside BodyLimit, which hands every body over in one message."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self.state = state

    @property
    def database(self) -> Database:
        """The application's, as it is now."""
        database: Database = self.state.database
        return database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in METHODS:
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if HEADER not in request.headers or scope["path"] in SECRET:
            await self.app(scope, receive, send)
            return
        message = await receive()
        begun = await self._begin(request, message.get("body", b""))
        if isinstance(begun, Claim):
            await self._run(begun, scope, _first(message, receive), send)
        else:
            await begun(scope, receive, send)

    async def _begin(self, request: Request, body: bytes) -> Claim | Response:
        """The claim to run the request, or what to answer instead."""
        try:
            call = await self._identify(request, body)
            return await self._claim(call) or await self._kept_answer(call)
        except PlatformError as error:
            return shape(error)
        except SQLAlchemyError as error:
            return await database_error(request, error)

    async def _identify(self, request: Request, body: bytes) -> Call:
        headers = request.headers
        api_key = await presented_key(headers.get("x-api-key"), headers.get("authorization"))
        if api_key is None:
            raise BadRequest(
                "X-Idempotency-Key needs an API key", "Send X-API-Key too, or neither of them."
            )
        key = _uuid(headers[HEADER])
        agent = await require_agent(api_key, self.database)
        where = f"{request.method} {request.scope['path']}"
        what = sha256(request.scope["query_string"] + b"\n" + body).hexdigest()
        scoped_key = f"{agent.id}/{key}/{sha256(where.encode()).hexdigest()}"
        return Call(agent.id, scoped_key, f"{where[:190]} {what}")

    async def _claim(self, call: Call) -> Claim | None:
        """Takes the key if it is free, abandoned or outdated. One statement, so one winner."""
        new = insert(IdempotencyKey).values(
            key=call.key,
            user_id=call.agent_id,
            endpoint=call.endpoint,
            status=IN_PROGRESS,
            created_at=func.now(),
        )
        claim = new.on_conflict_do_update(
            index_elements=[IdempotencyKey.key],
            set_={name: new.excluded[name] for name in RENEWED},
            where=or_(
                _older_than(ANSWER_LIFETIME),
                and_(IdempotencyKey.status == IN_PROGRESS, _older_than(CLAIM_LIFETIME)),
            ),
        )
        async with self.database.autocommit() as db:
            since = await db.scalar(claim.returning(IdempotencyKey.created_at))
        return Claim(call.key, since) if since else None

    async def _kept_answer(self, call: Call) -> Response:
        query = select(
            IdempotencyKey.endpoint,
            IdempotencyKey.status,
            IdempotencyKey.response_status,
            cast(IdempotencyKey.response_body, Text).label("body"),
        ).where(IdempotencyKey.key == call.key)
        async with self.database.autocommit() as db:
            row = (await db.execute(query)).one_or_none()
        # No row: the request that had the key has just given it back.
        if row is None or row.status == IN_PROGRESS:
            raise Conflict(
                "A request with this idempotency key is in progress", "Try again in a moment."
            )
        if row.endpoint != call.endpoint:
            raise Invalid(
                "header -> X-Idempotency-Key",
                "This key was used with another body or query",
                call.key.split("/")[1],
                "Repeat the request unchanged, or send a new key with a new request.",
            )
        headers = {"x-idempotent-replay": "true"}
        return Response(row.body, row.response_status, headers, media_type="application/json")

    async def _run(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        answer = HeldBack(send, partial(self._settle, claim))
        try:
            await self.app(scope, receive, answer)
        finally:
            if not answer.complete:
                await self._settle(claim, 500, b"")

    async def _settle(self, claim: Claim, status: int, body: bytes) -> None:
        """Keeps the answer, or gives the key back. If it fails, the client is answered anyway."""
        settle = _keep(claim, status, body) if _is_final(status) else _release(claim)
        with CancelScope(shield=True):
            try:
                async with self.database.autocommit() as db:
                    await db.execute(settle)
            except SQLAlchemyError:
                log.warning("idempotency key %s stays claimed", claim.key, exc_info=True)


class HeldBack:
    """A `send` that holds the response back until it is complete, so it is kept before it is seen.

    Whoever has the answer and repeats the request must not be told that it is in progress.
    """

    def __init__(self, send: Send, settle: Callable[[int, bytes], Awaitable[None]]) -> None:
        self.complete = False
        self._send = send
        self._settle = settle
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)
        if message["type"] != "http.response.body" or message.get("more_body", False):
            return
        self.complete = True
        start, *parts = self._messages
        await self._settle(start["status"], b"".join(part.get("body", b"") for part in parts))
        for held in self._messages:
            await self._send(held)


def _first(message: Message, receive: Receive) -> Receive:
    """`receive` with a message put back in front."""
    pending = [message]

    async def first() -> Message:
        return pending.pop() if pending else await receive()

    return first


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest(
            "X-Idempotency-Key is not a UUID", "Make a new UUID for every new request."
        ) from error


def _is_final(status: int) -> bool:
    return status < 500 and status not in (413, 429)


def _older_than(age: timedelta) -> ColumnElement[bool]:
    return IdempotencyKey.created_at < func.now() - age


def _held_by(claim: Claim) -> ColumnElement[bool]:
    """Not so any more when the claim was taken over."""
    return and_(IdempotencyKey.key == claim.key, IdempotencyKey.created_at == claim.since)


def _keep(claim: Claim, status: int, body: bytes) -> Executable:
    """Also forgets outdated answers. The body goes in as text: parsed, numbers could change."""
    outdated = delete(IdempotencyKey).where(_older_than(ANSWER_LIFETIME)).cte("outdated")
    return (
        update(IdempotencyKey)
        .where(_held_by(claim))
        .values(
            status=COMPLETED,
            response_status=status,
            response_body=cast(literal(body.decode(), Text), JSON),
            completed_at=func.now(),
        )
        .add_cte(outdated)
    )


def _release(claim: Claim) -> Executable:
    return delete(IdempotencyKey).where(_held_by(claim))
