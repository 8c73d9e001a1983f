"""The oracle of the live campaign finds what it is there to find."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bench.live.items import AGENTS, Key
from bench.live.oracle import check
from bench.live.truth import (
    EVERYTHING,
    Change,
    Links,
    Message,
    Page,
    Session,
    Transaction,
    Truth,
    Wanted,
)

A, B = Key("agent_registered", "a"), Key("world_created", "b")
OURS, THEIRS = Links(None, AGENTS[0]), Links(None, AGENTS[1])
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
KINDS = {"new": "item", "patch": "patch", "remove": "remove"}


def change(number: int, op: str, key: Key, links: Links, former: Links | None = None) -> Change:
    """Change `number` of transaction `number`, which came of the one before."""
    tag, cause = (f"t{number}", number - 1) if op != "remove" else (None, None)
    at = NOON + timedelta(seconds=number) if tag else None
    return Change(number, op, number == 3, key, tag, str(number), cause or None, at, links, former)


CHANGES = [
    change(1, "new", A, OURS),
    change(2, "new", B, THEIRS),
    change(3, "patch", A, OURS, OURS),
    change(4, "patch", B, OURS, THEIRS),
    change(5, "patch", A, THEIRS, OURS),
    change(6, "remove", B, OURS),
    change(7, "new", B, THEIRS),
]


def told(number: int, event: str = "", tag: str | None = "") -> Message:
    """The message that tells of a change."""
    its = CHANGES[number - 1]
    event = event or KINDS[its.op]
    tag = its.tag if tag == "" else tag
    return Message(number, event, its.key, None if event == "remove" else tag, its.imported, 1)


def session(
    messages: list[Message], wanted: Wanted = EVERYTHING, page: Page | None = None
) -> Session:
    return Session("somebody", wanted, 2 if page else 0, 7, messages, page, [])


@dataclass
class Log:
    """A story in which all is well."""

    changes: list[Change] = field(default_factory=lambda: list(CHANGES))
    notes: list[Transaction] = field(
        default_factory=lambda: [
            Transaction(str(number), number, number + 0.5, "commit", 1) for number in range(1, 8)
        ]
    )
    everything: list[Message] = field(default_factory=lambda: [told(n) for n in range(1, 8)])
    ours: list[Message] = field(
        default_factory=lambda: [told(1), told(3), told(4), told(5, "remove"), told(6)]
    )
    page: Page = field(default_factory=lambda: Page(1.0, 1.1, "e.2~1:1:", ["t3", "t2"], full=False))
    after_page: list[Message] = field(default_factory=lambda: [told(n) for n in range(4, 8)])
    complaints: list[str] = field(default_factory=list)

    def laws(self) -> set[str]:
        """Those that are violated."""
        truth = Truth(self.changes, self.notes, {A: "t5", B: "t7"}, [])
        sessions = [
            session(self.everything)._replace(complaints=self.complaints),
            session(self.ours, Wanted(agent_id=AGENTS[0])),
            session(self.after_page, page=self.page),
        ]
        return {violation.law for violation in check(truth, sessions)}


def test_a_true_story_is_believed() -> None:
    assert Log().laws() == set()


def lost_for_all(log: Log) -> None:
    del log.everything[4], log.ours[3], log.after_page[1]


def lost_for_one(log: Log) -> None:
    del log.ours[1]


def lost_after_a_page(log: Log) -> None:
    del log.after_page[0]


def doubled(log: Log) -> None:
    log.everything.append(log.everything[-1]._replace(seq=8))


def repeated(log: Log) -> None:
    log.everything.insert(3, log.everything[2])


def reordered(log: Log) -> None:
    log.everything[2:4] = [told(4)._replace(seq=3), told(3)._replace(seq=4)]


def two_orders(log: Log) -> None:
    log.ours[1] = log.ours[1]._replace(key=B)


def wrong_kind(log: Log) -> None:
    log.everything[0] = told(1, "patch")


def removed_without_reason(log: Log) -> None:
    log.everything[4] = told(5, "remove")


def wrong_flag(log: Log) -> None:
    log.everything[2] = log.everything[2]._replace(imported=False)


def stale(log: Log) -> None:
    log.everything[2] = told(3, tag="t1")


def phantom(log: Log) -> None:
    log.everything[0] = told(1, tag="t99")


def unwanted(log: Log) -> None:
    log.ours.insert(1, told(2))


def effect_before_cause(log: Log) -> None:
    log.changes[0] = log.changes[0]._replace(cause=4)


def later_before_earlier(log: Log) -> None:
    log.notes[0] = log.notes[0]._replace(begin=9.0, ack=9.5)


def on_page_and_in_stream(log: Log) -> None:
    log.after_page.insert(0, told(3))


def rollback_is_there(log: Log) -> None:
    log.notes[6] = log.notes[6]._replace(outcome="rollback", ack=None)


def commit_is_not_there(log: Log) -> None:
    log.notes.append(Transaction("8", 8.0, 8.5, "commit", 1))


def wrong_end(log: Log) -> None:
    log.everything[4] = told(5, tag="t3")


def noticed_by_the_reader(log: Log) -> None:
    log.complaints.append("gone")


@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (lost_for_all, "lost"),
        (lost_for_one, "lost"),
        (lost_after_a_page, "page"),
        (doubled, "doubled"),
        (repeated, "doubled"),
        (reordered, "one order"),
        (two_orders, "one order"),
        (wrong_kind, "kind"),
        (removed_without_reason, "kind"),
        (wrong_flag, "import"),
        (stale, "stale"),
        (phantom, "phantom"),
        (unwanted, "filter"),
        (effect_before_cause, "causality"),
        (later_before_earlier, "real time"),
        (on_page_and_in_stream, "page"),
        (rollback_is_there, "truth"),
        (commit_is_not_there, "truth"),
        (wrong_end, "state"),
        (noticed_by_the_reader, "reader"),
    ],
)
def test_a_story_that_is_not_true_is_found_out(spoil: Callable[[Log], None], law: str) -> None:
    log = Log()
    spoil(log)
    assert law in log.laws()
