"""Every error of the API, shaped for the wire in one place.

    a rule or the state says no   {"detail": {"error", …context, "how_to_fix"}}
    … and has nothing to add      {"detail": "error"}
    too fast                      {"error", "how_to_fix"} and Retry-After
    a field is wrong              {"error": "Validation Error", "message", "details", "how_to_fix"}
    no such route or method       {"detail": "Not Found"}
    our own fault                 {"error", "message", "request_id", "how_to_fix"}

Middlewares stand outside the application's handlers, so they call `shape`, `database_error` and
`unexpected`.
"""

import json
import logging
import math
from typing import Any
from uuid import uuid4

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import Invalid, NotFound, PlatformError, RateLimited, Unavailable
from schemas import problems as wire

log = logging.getLogger("platform")

FIX_FIELDS = "Correct the fields listed in details and send the request again."
FIX_BODY = "Send a JSON object with Content-Type: application/json."

# How much of an error is sent, whatever was wrong: faults, characters.
MAX_DETAILS = 20
MAX_MESSAGE = 1000
MAX_ECHO = 200

_REFUSALS = {
    400: "A rule or the state of things is against it",
    401: "No API key, or not a valid one",
    403: "Not the caller's to do",
    404: "Nothing has this id",
    409: "Somebody else was first",
    413: "The body is larger than 1 MiB",
    503: "Try again soon",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    **{status: {"model": wire.Refusal, "description": why} for status, why in _REFUSALS.items()},
    422: {"model": wire.Unprocessable, "description": "A field is wrong"},
    429: {"model": wire.Refusal | wire.Reason, "description": "Too many, or too fast"},
}
"""What the operations of an area may answer besides 200, for the OpenAPI document."""


def install(app: FastAPI) -> None:
    """Registers the handlers below."""
    app.add_exception_handler(PlatformError, _platform_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(DBAPIError, database_error)
    app.add_exception_handler(psycopg.Error, database_error)
    app.add_exception_handler(PoolTimeout, database_error)
    app.add_exception_handler(NoResultFound, _gone)
    app.add_exception_handler(Exception, unexpected)


def problem(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """ASCII JSON, because an error quotes its input, and that may hold what UTF-8 cannot say."""
    content = json.dumps(_finite(jsonable_encoder(body)), ensure_ascii=True)
    return Response(content, status, headers, media_type="application/json")


async def _platform_error(_: Request, error: Any) -> Response:
    return shape(error)


def shape(error: PlatformError) -> Response:
    """The response for an error that was raised on purpose."""
    if isinstance(error, Invalid):
        return _field_problem(error)
    retry = getattr(error, "retry_after", None)
    headers = {"Retry-After": str(retry)} if retry else None
    detail = _detail(error)
    body = detail if isinstance(error, RateLimited) else {"detail": detail}
    return problem(error.status, body, headers)


def _detail(error: PlatformError) -> str | dict[str, Any]:
    if error.how_to_fix is None and not error.context:
        return error.error
    fix = {"how_to_fix": error.how_to_fix} if error.how_to_fix else {}
    return {"error": error.error, **error.context, **fix}


def _field_problem(error: Invalid) -> Response:
    detail = _field(error.field, error.error, "value_error", error.your_input)
    return problem(422, _validation_body([detail], error.how_to_fix or FIX_FIELDS))


async def _validation_error(_: Request, error: Any) -> Response:
    errors = error.errors()
    details = [
        _field(" -> ".join(map(str, one["loc"])), one["msg"], one["type"], one.get("input"))
        for one in errors[:MAX_DETAILS]
    ]
    no_object = errors[0]["loc"] == ("body",) or errors[0]["type"] == "json_invalid"
    return problem(422, _validation_body(details, FIX_BODY if no_object else FIX_FIELDS))


def _field(field: str, message: str, kind: str, your_input: Any) -> wire.FieldProblem:
    return {
        "field": _cut(field, MAX_ECHO),
        "message": _cut(message, MAX_MESSAGE),
        "type": kind,
        "your_input": _echo(your_input),
    }


def _validation_body(details: list[wire.FieldProblem], how_to_fix: str) -> wire.Unprocessable:
    return {
        "error": "Validation Error",
        "message": "; ".join(f"{one['field']}: {one['message']}" for one in details),
        "details": details,
        "how_to_fix": how_to_fix,
    }


async def database_error(request: Request, error: Any) -> Response:
    """What the database refused. Constraints are the client's business, the rest is ours."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, psycopg.errors.UniqueViolation):
        return _refused(409, "Already Exists", "Somebody was first; read the current state.")
    if isinstance(cause, psycopg.errors.ForeignKeyViolation):
        return _refused(400, "Invalid Reference", "Refer to something that exists.")
    if isinstance(cause, psycopg.IntegrityError | psycopg.DataError):
        return _refused(400, "Invalid Data", "Send values that the field can hold.")
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout):
        log.warning("database unavailable: %s", cause)
        return shape(Unavailable("Database unavailable"))
    return await unexpected(request, error)


async def _gone(request: Request, error: Any) -> Response:
    """A handler found a record, and then not what belongs to it: somebody has deleted its world."""
    log.warning("%s %s: deleted meanwhile", request.method, request.url.path, exc_info=error)
    return shape(NotFound("It has just been deleted"))


def _refused(status: int, error: str, how_to_fix: str) -> Response:
    return problem(status, {"detail": {"error": error, "how_to_fix": how_to_fix}})


async def unexpected(_: Request, error: Exception) -> Response:
    """The response for a fault of ours, which is logged."""
    request_id = str(uuid4())
    log.error("request %s failed", request_id, exc_info=error)
    body = {
        "error": "Internal Server Error",
        "message": "Something went wrong on our side.",
        "request_id": request_id,
        "how_to_fix": "Try again; if it happens again, report the request_id.",
    }
    return problem(500, body)


def _echo(value: Any) -> Any:
    """The input as it came; of a long one, the beginning of its JSON text.

    Written piece by piece: the whole may be nested deeper than Python recurses.
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        return _cut(value, MAX_ECHO)
    text = ""
    for piece in json.JSONEncoder(default=str).iterencode(value):
        text += piece
        if len(text) > MAX_ECHO:
            return _cut(text, MAX_ECHO)
    return value


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity, although Python's parser lets them in."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
        case _:
            return value
