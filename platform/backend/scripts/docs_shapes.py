"""The shapes of items as data: what feed/payloads.py and the catalogue say, ready to be printed.

Pydantic reads the types, as it does when it checks an item, and says them as JSON Schema.
"""

import inspect
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, Union

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from feed import payloads
from feed.catalogue import CATALOGUE
from feed.item_type import EventType

Schema = dict[str, Any]

BASE = payloads.ItemBase.__name__


class Key(NamedTuple):
    """`schema` is that of the value without null; `limits` is in words, or empty."""

    name: str
    schema: Schema
    nullable: bool
    required: bool
    limits: str


class Shape(NamedTuple):
    """`keys` are all of them, `own` those that `base` lacks or says less about."""

    name: str
    doc: str
    base: str | None
    keys: list[Key]
    own: list[Key]


@cache
def shapes() -> dict[str, Shape]:
    """Every shape by its name: that of all items, those of items, those that these are made of."""
    items = tuple(entry.shape for entry in CATALOGUE.values())
    every: Any = Union[items]  # noqa: UP007  # made at run time
    found = {BASE: _shape(BASE, TypeAdapter(payloads.ItemBase).json_schema(), None)}
    schemas = TypeAdapter(every).json_schema()["$defs"]
    for name in sorted(schemas, key=_depth):
        base = _base(name)
        found[name] = _shape(name, schemas[name], found[base] if base else None)
    return found


def item_shapes() -> dict[EventType, Shape]:
    """Those of items, in the order of `EventType`, documented by their builders."""
    named = {name: CATALOGUE[name].shape.__name__ for name in EventType}
    return {
        name: shapes()[shape]._replace(doc=inspect.cleandoc(CATALOGUE[name].doc))
        for name, shape in named.items()
    }


def parts() -> dict[str, Shape]:
    """Those that items are made of, by name."""
    items = {shape.name for shape in item_shapes().values()}
    return {name: shape for name, shape in shapes().items() if name not in {BASE, *items}}


def shared() -> set[str]:
    """The names of those parts that are used in more than one place."""
    used: Counter[str] = Counter()
    for shape in shapes().values():
        used.update(name for key in shape.keys for name in references(key.schema))
    return {name for name, count in used.items() if count > 1}


def references(schema: Schema) -> Iterator[str]:
    """The names of the shapes that a value consists of."""
    if "$ref" in schema:
        yield schema["$ref"].removeprefix("#/$defs/")
    if "items" in schema:
        yield from references(schema["items"])


def _base(name: str) -> str | None:
    if any(entry.shape.__name__ == name for entry in CATALOGUE.values()):
        return BASE
    [base] = getattr(payloads, name).__orig_bases__
    return None if base is TypedDict else str(base.__name__)


def _depth(name: str) -> int:
    base = _base(name)
    return 1 + _depth(base) if base and base != BASE else 0


def _shape(name: str, schema: Schema, base: Shape | None) -> Shape:
    required = set(schema["required"])
    keys = [_key(key, value, key in required) for key, value in schema["properties"].items()]
    own = [key for key in keys if not base or key not in base.keys]
    return Shape(name, schema.get("description", ""), base.name if base else None, keys, own)


def _key(name: str, schema: Schema, required: bool) -> Key:
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    [value] = options
    value = {word: meaning for word, meaning in value.items() if word != "title"}
    nullable = len(options) < len(schema.get("anyOf", options))
    return Key(name, value, nullable, required, _limits(value))


def _limits(schema: Schema) -> str:
    match schema:
        case {"pattern": pattern}:
            return f"matches `{pattern}`"
        case {"minLength": least, "maxLength": most}:
            return f"{least} to {most} characters"
        case {"maxLength": most}:
            return f"at most {most} characters"
        case {"minLength": least}:
            return "not empty" if least == 1 else f"at least {least} characters"
        case {"minimum": least} | {"minItems": least}:
            return f"{least} or more"
        case _:
            return ""
