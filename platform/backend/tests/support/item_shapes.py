"""The shape of an item as a table of paths, read from whatever tells of it.

    {"agent": {"object", "null"}, "agent.id": {"string"}, "actions": {"list"}, …}

The values of a path are what may stand there: kinds of JSON values, literals in their quotes, and
`absent` where the key may be missing.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.support.contract import SCHEMA
from tests.support.typescript import Declarations

Paths = dict[str, set[str]]

NEVER_SENT = ("event_id",)
"""Keys that the contract allows, and the frontend does not read."""
ALWAYS_SENT = ("portrait_url", "content_id")
"""Keys that the existing platform leaves out here and there, against what its frontend reads."""
SHARED = {"aspect.status": {'"validating"', '"approved"'}}
"""Both types about aspects share a shape; which state goes with which type, builders say."""


def _table(found: Iterable[tuple[str, str]]) -> Paths:
    table: Paths = defaultdict(set)
    for path, kind in found:
        table[path.removeprefix(".")].add(kind)
    return dict(table)


# ── the contract ─────────────────────────────────────────────────────────────────────────────────


def of_contract(event_type: str) -> Paths:
    """As the contract has it, but for the differences above."""
    definitions = json.loads(SCHEMA.read_text())["$defs"]
    table = _table(_of_schema(definitions[event_type], definitions, ""))
    for path in list(table):
        key = path.rpartition(".")[2]
        if key in ALWAYS_SENT:
            table[path].discard("absent")
        elif key in NEVER_SENT:
            del table[path]
        elif path in SHARED:
            table[path] = SHARED[path]
    return table


def _of_schema(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
    for option in schema.get("anyOf", ()):
        yield from _of_schema(option, definitions, path)
    literals = schema.get("enum", [schema["const"]] if "const" in schema else [])
    yield from ((path, json.dumps(literal)) for literal in literals)
    kinds = [] if literals else schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        match kind:
            case "object":
                if path:
                    yield path, "object"
                for key, value in schema["properties"].items():
                    if key not in schema["required"]:
                        yield f"{path}.{key}", "absent"
                    yield from _of_schema(value, definitions, f"{path}.{key}")
            case "array":
                yield path, "list"
                yield from _of_schema(schema["items"], definitions, f"{path}[]")
            case "integer":
                yield path, "number"
            case _:
                yield path, kind


# ── TypeScript ───────────────────────────────────────────────────────────────────────────────────


def of_typescript(declarations: Declarations, interface: str) -> Paths:
    return _table(_of_interface(declarations, interface, ""))


def _of_interface(
    declarations: Declarations, interface: str, path: str
) -> Iterator[tuple[str, str]]:
    for key, value in declarations.interfaces[interface].items():
        here = f"{path}.{key}"
        if value.optional:
            yield here, "absent"
        for option in value.type:
            yield from _of_type(declarations, option, here)


def _of_type(declarations: Declarations, option: str, path: str) -> Iterator[tuple[str, str]]:
    if option.endswith("[]"):
        yield path, "list"
        yield from _of_type(declarations, option.removesuffix("[]"), f"{path}[]")
    elif option in declarations.interfaces:
        yield path, "object"
        yield from _of_interface(declarations, option, path)
    else:
        assert option in ("string", "number", "boolean", "null") or option.startswith('"'), option
        yield path, option


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────

HEADING = re.compile(r"^##+ (.+)$", re.M)
ROW = re.compile(r"^\| `(.+?)` \| (.+?) \|(?: (.+))? \|$", re.M)
LINK = re.compile(r"\[(\w+)\]\(#(\w+)\)")


def sections(page: str) -> dict[str, str]:
    """The sections of docs/feed-events.md by their headings."""
    _, *parts = HEADING.split(page)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def of_markdown(page: str, event_type: str) -> Paths:
    """What the tables of its section say, and that of what all items have in common."""
    told = sections(page)
    rows = _of_rows(told, told["What all items have in common"], "")
    table = _table([*rows, *_of_rows(told, told[event_type], "")])
    table["type"] = {f'"{event_type}"'}
    return table


def _of_rows(told: Mapping[str, str], section: str, path: str) -> Iterator[tuple[str, str]]:
    for key, kinds, note in ROW.findall(section):
        here = f"{path}.{key}"
        if "may be absent" in note:
            yield here, "absent"
        for kind in kinds.split(" or "):
            if link := LINK.fullmatch(kind):
                assert link[2] == link[1].lower(), "an anchor is its heading in lower case"
                yield here, "object"
                yield from _of_rows(told, told[link[1]], here)
            elif kind == "list of objects":
                yield from ((here, "list"), (f"{here}[]", "object"))
            else:
                yield here, {"integer": "number"}.get(kind, kind.strip("`"))
