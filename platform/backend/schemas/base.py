"""What all request bodies share."""

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, Field, TypeAdapter, model_validator


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
    """A request body. Every text in it, however deep, can be stored; unknown keys are ignored."""

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        for text in _texts(data):
            storable(text)
        return data


def _texts(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        match stack.pop():
            case str() as text:
                yield text
            case dict() as mapping:
                stack += [*mapping.keys(), *mapping.values()]
            case list() as items:
                stack += items


MAX_DEPTH = 32


def _modest(value: dict[str, Any]) -> dict[str, Any]:
    """What jsonb takes and every JSON library gives back: no deep nests, no numbers beyond them."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        if any(_beyond_numbers(node) for node in level):
            raise ValueError("numbers must be finite, and whole numbers must fit into 64 bits")
        level = [child for node in level for child in _children(node)]
    if level:
        raise ValueError(f"objects and lists may be nested {MAX_DEPTH} deep")
    return value


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _beyond_numbers(node: Any) -> bool:
    if isinstance(node, float):
        return not math.isfinite(node)
    return isinstance(node, int) and not -(2**63) <= node < 2**63


FreeJson = Annotated[dict[str, Any], AfterValidator(_modest)]
"""A JSON object whose keys are the sender's."""
