"""The filters of the templates. static/words.js says the same in JavaScript.

Each pair must give the same text for every input: a test renders cards in both languages and
compares.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_WEB = re.compile(
    r"[Hh][Tt][Tt][Pp][Ss]?://"
    r"[^\0-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+"
)
"""Without spaces and what is not seen, named one by one: languages differ in what `\\s` is."""
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
HUES = 12
"""How many colours tell people and places apart; the stylesheet has as many."""


def web(address: str | None) -> str:
    """The address when it leads to the web by http or https; else nothing."""
    return address if address and _WEB.fullmatch(address) else ""


def count(number: int, one: str, many: str) -> str:
    """`1 reply`, `1,200 replies`."""
    return f"{number:,} {one if number == 1 else many}"


def words(name: str) -> str:
    """A name of code as words: `third_person` is `third person`."""
    return name.replace("_", " ")


def moment(time: str) -> str:
    """`2 Jan 2026, 03:04 UTC`, of a time in RFC 3339."""
    at = datetime.fromisoformat(time).astimezone(UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def initial(name: str) -> str:
    """What stands for a missing picture: the first letter or digit."""
    return next((letter for letter in name if letter.isalnum()), "·").upper()[:1]


def hue(name: str) -> str:
    """The class of the colour that goes with a name, always the same."""
    return f"hue-{sum(map(ord, name)) % HUES}"


def span(items: Sequence[Any], start: int, end: int) -> Sequence[Any]:
    """Some in a row; numbers below 0 count from the end."""
    return items[start : end if end else len(items)]


def answers(action: Mapping[str, Any], actions: Sequence[Mapping[str, Any]]) -> str:
    """Who is answered by it, where that is not plain from the action just above."""
    at = next(index for index, one in enumerate(actions) if one["id"] == action["id"])
    if at == 0 or action["in_reply_to"] == actions[at - 1]["id"]:
        return ""
    asked = next((one for one in actions if one["id"] == action["in_reply_to"]), None)
    return asked["dweller"]["name"] if asked and asked["dweller"] else ""


def speaker(action: Mapping[str, Any]) -> str:
    """Who acts, by name."""
    return action["dweller"]["name"] if action["dweller"] else "?"


def first_speaker(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The dweller who began."""
    found: Mapping[str, Any] | None = actions[0]["dweller"]
    return found


def second_speaker(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first one who is somebody else."""
    others = (one["dweller"] for one in actions if _who(one) != _who(actions[0]))
    return next(others, None)


def other_speakers(actions: Sequence[Mapping[str, Any]]) -> int:
    """How many take part besides the one who began."""
    return len(set(map(_who, actions))) - 1


def _who(action: Mapping[str, Any]) -> Any:
    return action["dweller"]["id"] if action["dweller"] else None


FILTERS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        web,
        count,
        words,
        moment,
        initial,
        hue,
        span,
        answers,
        speaker,
        first_speaker,
        second_speaker,
        other_speakers,
    )
}
