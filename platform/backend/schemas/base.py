"""What all request bodies share."""

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, Field, TypeAdapter, field_validator

MAX_DEPTH = 32
"""JSON that is nested deeper, some readers and writers of it cannot handle."""
MAX_VALUES = 10_000
"""In one field. Each could be wrong in several ways, and every error costs time and memory."""


def storable(text: str) -> str:
    """PostgreSQL text holds every Unicode character but NUL; UTF-8 holds no lone surrogates."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("text must not contain NUL characters or lone surrogates")
    return text


BIGINT_MAX = 2**63 - 1
"""The largest OFFSET that PostgreSQL takes."""

PlainText = Annotated[str, AfterValidator(storable)]
"""Text of a query parameter."""


_HTTP_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


def _http_url(text: str) -> str:
    _HTTP_URL.validate_python(text)
    return text


HttpUrl = Annotated[
    str,
    # The parser would mend "https:\\host" and spaces; who reads the text later might not.
    Field(max_length=2048, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$"),
    AfterValidator(_http_url),
]
"""An http(s) address, kept as it was written."""


class Body(BaseModel):
    """A request body. Every field can be stored, however deep; unknown keys are ignored."""

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        count = 0
        for depth, level in enumerate(_levels(value)):
            count += len(level)
            if depth > MAX_DEPTH:
                raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
            if count > MAX_VALUES:
                raise ValueError(f"must not hold more than {MAX_VALUES} values")
            for node in level:
                _check(node)
        return value


FreeJson = dict[str, Any]
"""A JSON object whose keys are the sender's; `Body` sees to it that it can be stored."""


def _check(node: Any) -> None:
    match node:
        case str():
            storable(node)
        case float() if not math.isfinite(node):
            raise ValueError("numbers must be finite")
        case int() if not -(2**63) <= node < 2**63:
            raise ValueError("whole numbers must fit into 64 bits")


def _levels(value: Any) -> Iterator[list[Any]]:
    """The value, then what it holds, then what that holds, …; keys count as values."""
    level = [value]
    while level:
        yield level
        level = [inner for outer in level for inner in _held_by(outer)]


def _held_by(value: Any) -> list[Any]:
    match value:
        case dict():
            return [*value.keys(), *value.values()]
        case list():
            return value
        case _:
            return []
