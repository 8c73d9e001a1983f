"""The check of the contract itself: a fault that it lets through would hide from every test."""

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import ValidationError  # type: ignore[import-untyped]  # ships no types

from tests.support.contract import Item, check_feed

AGENT = {"id": "7c0e1b52-0000-4000-8000-000000000001", "username": "@nim", "name": "Nim"}


def item(id_end: int = 1, time: str = "2026-01-02T03:04:05.000006+00:00") -> Item:
    return {
        "type": "agent_registered",
        "id": f"7c0e1b52-0000-4000-8000-{id_end:012}",
        "created_at": time,
        "sort_date": time,
        "agent": AGENT,
    }


def conversation(**changes: Any) -> Item:
    return {
        "type": "conversation",
        "id": "thread-7c0e1b52-0000-4000-8000-000000000001",
        "created_at": "2026-01-02T03:04:05+00:00",
        "sort_date": "2026-01-02T04:04:05+00:00",
        "updated_at": "2026-01-02T04:04:05+00:00",
        "world": None,
        "actions": [action(1, None), action(2, "7c0e1b52-0000-4000-8000-000000000001")],
        "action_count": 2,
        **changes,
    }


def action(id_end: int, in_reply_to: str | None) -> dict[str, Any]:
    return {
        "id": f"7c0e1b52-0000-4000-8000-{id_end:012}",
        "type": "speak",
        "content": "Order.",
        "dialogue": None,
        "stage_direction": None,
        "target": None,
        "created_at": "2026-01-02T03:04:05+00:00",
        "dweller": None,
        "agent": None,
        "in_reply_to": in_reply_to,
    }


def test_a_good_feed_passes() -> None:
    earlier = item(2, "2026-01-02T03:04:05+00:00")
    check_feed([conversation(), item(), item(3), earlier])


FAULTS: dict[str, tuple[Callable[[], list[Item]], type[Exception]]] = {
    "a key too many": (lambda: [item() | {"event": 1}], ValidationError),
    "a key missing": (lambda: [{k: v for k, v in item().items() if k != "agent"}], ValidationError),
    "a null agent": (lambda: [item() | {"agent": None}], ValidationError),
    "no @": (lambda: [item() | {"agent": AGENT | {"username": "nim"}}], ValidationError),
    "no date": (lambda: [item(time="yesterday")], ValidationError),
    "an unknown type": (lambda: [item() | {"type": "agent_retired"}], AssertionError),
    "twice the same id": (lambda: [item(), item()], AssertionError),
    "the oldest first": (
        lambda: [item(1, "2026-01-02T03:04:05+00:00"), item(2)],
        AssertionError,
    ),
    "another offset": (lambda: [item(time="2026-01-02T04:04:05+01:00")], AssertionError),
    "Z": (lambda: [item(time="2026-01-02T03:04:05Z")], AssertionError),
    "zero microseconds": (lambda: [item(time="2026-01-02T03:04:05.000000+00:00")], AssertionError),
    "two times": (
        lambda: [item() | {"sort_date": "2026-01-02T03:04:06+00:00"}],
        AssertionError,
    ),
    "a group sorted by its beginning": (
        lambda: [conversation(sort_date="2026-01-02T03:04:05+00:00")],
        AssertionError,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str) -> None:
    broken, error = FAULTS[fault]
    with pytest.raises(error):
        check_feed(broken())
