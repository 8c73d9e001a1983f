"""Every error of the API, shaped for the wire in one place.

    a rule or the state says no   {"detail": {"error", …context, "how_to_fix"}}
    … and has nothing to add      {"detail": "error"}
    too fast                      {"error", "how_to_fix"} and Retry-After
    a field is wrong              {"error": "Validation Error", "message", "details", "how_to_fix"}
    no such route or method       {"detail": "Not Found"}
    our own fault                 {"error", "message", "request_id", "how_to_fix"}

Middlewares stand outside the application's handlers, so they call `shape` and `database_error`.
"""

import json
import logging
import math
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import Invalid, PlatformError, RateLimited, Unavailable

log = logging.getLogger("platform")

FIX_FIELDS = "Correct the fields listed in details and send the request again."


def install(app: FastAPI) -> None:
    """Registers the handlers below."""
    app.add_exception_handler(PlatformError, _platform_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(DBAPIError, database_error)
    app.add_exception_handler(psycopg.Error, database_error)
    app.add_exception_handler(PoolTimeout, database_error)
    app.add_exception_handler(Exception, _unexpected)


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
    detail = {
        "field": error.field,
        "message": error.error,
        "type": "value_error",
        "your_input": error.your_input,
    }
    return problem(422, _validation_body([detail], error.how_to_fix or FIX_FIELDS))


async def _validation_error(_: Request, error: Any) -> Response:
    details = [
        {
            "field": " -> ".join(str(part) for part in one["loc"]),
            "message": one["msg"],
            "type": one["type"],
            "your_input": one.get("input"),
        }
        for one in error.errors()
    ]
    return problem(422, _validation_body(details, FIX_FIELDS))


def _validation_body(details: Sequence[dict[str, Any]], how_to_fix: str) -> dict[str, Any]:
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
    return await _unexpected(request, error)


def _refused(status: int, error: str, how_to_fix: str) -> Response:
    return problem(status, {"detail": {"error": error, "how_to_fix": how_to_fix}})


async def _unexpected(_: Request, error: Exception) -> Response:
    request_id = str(uuid4())
    log.error("request %s failed", request_id, exc_info=error)
    body = {
        "error": "Internal Server Error",
        "message": "Something went wrong on our side.",
        "request_id": request_id,
        "how_to_fix": "Try again; if it happens again, report the request_id.",
    }
    return problem(500, body)


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
