"""The errors that the platform raises on purpose.

    PlatformError                 status, error, context, how_to_fix
    ├── BadRequest           400  the request contradicts a rule or the state
    ├── NotAuthenticated     401  no key, or not a valid one
    ├── Forbidden            403  the key is valid, the act is not the caller's
    ├── NotFound             404
    ├── Conflict             409  somebody else was first
    ├── PayloadTooLarge      413
    ├── Invalid              422  one field is wrong in a way that its type cannot say
    ├── TooManyRequests      429  a limit of what an agent may have or repeat
    │   └── RateLimited           a limit of how fast it may ask
    └── Unavailable          503  try again soon
    DatabaseInUse                 the embedded database belongs to another server
    NoDatabase                    no PostgreSQL to be had
    MigrationNeeded               the schema is not the one that the code works with

They carry their status so that one place, api/problems.py, can shape them for the wire.
"""

from typing import Any


class PlatformError(Exception):
    """An error that a client can understand.

    `error` says what is wrong, `how_to_fix` what to do; `context` holds further JSON values that
    appear beside them (`current_status`, `existing_story_id`, …). An error with neither is sent as
    its text alone: some areas of the contract answer that way.
    """

    status = 500

    def __init__(self, error: str, how_to_fix: str | None = None, **context: Any) -> None:
        super().__init__(error)
        self.error = error
        self.how_to_fix = how_to_fix
        self.context = context


class BadRequest(PlatformError):
    status = 400


class NotAuthenticated(PlatformError):
    status = 401


class Forbidden(PlatformError):
    status = 403


class NotFound(PlatformError):
    status = 404


class Conflict(PlatformError):
    status = 409


class PayloadTooLarge(PlatformError):
    status = 413


class Invalid(PlatformError):
    """`field` names the place in the contract's way: `query -> cursor`."""

    status = 422

    def __init__(self, field: str, message: str, your_input: Any, how_to_fix: str) -> None:
        super().__init__(message, how_to_fix)
        self.field = field
        self.your_input = your_input


class TooManyRequests(PlatformError):
    status = 429


class RateLimited(TooManyRequests):
    """Too fast, whatever the request says. `retry_after` is in whole seconds."""

    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(f"Rate limit exceeded: {limit}", f"Try again in {retry_after} s.")
        self.retry_after = retry_after


class Unavailable(PlatformError):
    """`retry_after` is in whole seconds."""

    status = 503

    def __init__(self, error: str, retry_after: int = 1) -> None:
        super().__init__(error, f"Try again in {retry_after} s.")
        self.retry_after = retry_after


class DatabaseInUse(Exception):
    """Another server uses this DATA_DIR."""


class NoDatabase(Exception):
    """There is no PostgreSQL to start; set DATABASE_URL."""


class MigrationNeeded(Exception):
    """The database is at another revision than the code."""
