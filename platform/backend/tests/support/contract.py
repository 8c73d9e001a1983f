"""What the contract says about feed items, checked from outside: nothing of `feed` is used here.

The schema in tests/contract/ is the contract's own, unchanged.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

Item = dict[str, Any]

SCHEMA = Path(__file__).parents[1] / "contract" / "feed-items.schema.json"
GROUPED = ("conversation", "activity_group")
"""Types with `updated_at`: they are sorted by it, while `created_at` is when they began."""


@cache
def _definitions() -> dict[str, Any]:
    definitions: dict[str, Any] = json.loads(SCHEMA.read_text())["$defs"]
    return definitions


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/$defs/{name}", "$defs": _definitions()}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def check_shape(name: str, value: Any) -> None:
    """Checks a value against one of the schema's definitions, which are named like item types."""
    _validator(name).validate(value)


def check_item(item: Item) -> None:
    """Shape and times of one item."""
    assert f"#/$defs/{item['type']}" in [one["$ref"] for one in _definitions()["FeedItem"]["oneOf"]]
    check_shape(item["type"], item)  # its own type's shape, not FeedItem: the error says more
    times = [item[key] for key in ("created_at", "sort_date", "updated_at") if key in item]
    for time in times:
        assert datetime.fromisoformat(time).astimezone(UTC).isoformat() == time, time
    if item["type"] in GROUPED:
        assert item["created_at"] <= item["updated_at"] == item["sort_date"]
    else:
        assert item["created_at"] == item["sort_date"]


def check_feed(items: list[Item]) -> None:
    """Every item, and what holds between them: identities are unique, the newest comes first."""
    for item in items:
        check_item(item)
    identities = Counter((item["type"], item["id"]) for item in items)
    assert not [identity for identity, count in identities.items() if count > 1]
    times = [datetime.fromisoformat(item["sort_date"]) for item in items]
    assert times == sorted(times, reverse=True), "not newest first"
