"""What all request bodies share."""

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


HttpUrl = Annotated[str, Field(max_length=2048), AfterValidator(_http_url)]
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
