"""The figures of a synthetic history: how many there are of each kind, when each one came to be,
and what chance decides.

Everything about a record follows from its number and the seed, so that a record can be told from
another table without looking it up, and slices of a table can be made in any order. The functions
here return SQL expressions; times are seconds since the history began, as float8.
"""

import hashlib
from dataclasses import dataclass

DAY = 86_400
END = 730 * DAY
"""The history runs from 2024-11-01 to 2026-11-01."""

_LAST_ARRIVAL = END - DAY // 2

SETTLING = 5 * DAY
"""Within this time, at most, a proposal, an aspect or a story is done with."""

PARTY = 6
"""Dwellers come to a world in parties. Those of one party talk with each other."""

PROPOSAL_CYCLE = 20
APPROVED_OF_CYCLE = 11
"""Of every 20 proposals in a row, 11 become worlds: so worlds can be counted without a look at
their proposals."""


def at(seconds: str) -> str:
    """The time of the calendar. What is NULL stays so."""
    return f"(timestamptz '2024-11-01 00:00:00+00' + ({seconds}) * interval '1 second')"


@dataclass(frozen=True)
class Dice:
    """Chance that comes out the same for the same seed, label and number."""

    seed: int

    def hash(self, label: str, n: str) -> str:
        """64 bits. PostgreSQL's own hash: hash partitions on disk depend on it, so it stays."""
        digest = hashlib.md5(f"{self.seed} {label}".encode(), usedforsecurity=False).digest()
        return f"hashint8extended({n}, {int.from_bytes(digest[:8], signed=True)})"

    def chance(self, label: str, n: str) -> str:
        """From 0 to 1, without 1."""
        bits = 52  # as many as float8 holds exactly
        return f"(({self.hash(label, n)} & {2**bits - 1})::float8 / {2**bits})"

    def below(self, limit: int | str, label: str, n: str, *, skew: float = 1) -> str:
        """A number from 0 to `limit`, without `limit`. A skew above 1 favours small ones."""
        chance = self.chance(label, n)
        if skew != 1:
            chance = f"power({chance}, {skew})"
        return f"floor({chance} * ({limit}))::bigint"

    def uuid(self, kind: str, n: str) -> str:
        """The id of a record."""
        return f"md5('{self.seed} {kind} ' || ({n}))::uuid"


@dataclass(frozen=True)
class Kind:
    """Records that arrive one by one, at an even pace.

    Those who must be there before anything happens, the founders, arrive in the first days.
    """

    name: str
    count: int
    opens: int
    """From here on the founders are there, and the others arrive."""
    founders: int = 0
    lead: int = 0
    """How long before `opens` the first founder arrives."""

    def seconds(self, dice: Dice, n: str) -> str:
        """When a record arrived."""
        # Never at the very limit of its interval: `existing` may round either way there.
        return self._seconds(f"({n} + 0.05 + 0.9 * {dice.chance(f'{self.name} time', n)})", n)

    def earliest(self, n: str) -> str:
        """What `seconds` is never before."""
        return self._seconds(f"({n})::float8", n)

    def _seconds(self, moment: str, n: str) -> str:
        arriving = f"{self.opens} + ({moment} - {self.founders}) * {self._pace}"
        if not self.founders:
            return f"({arriving})"
        founding = f"{self.opens - self.lead} + {moment} * {self.lead / self.founders}"
        return f"(CASE WHEN {n} < {self.founders} THEN {founding} ELSE {arriving} END)"

    def existing(self, seconds: str) -> str:
        """How many have arrived by a time, which is not before `opens`."""
        arrived = f"floor(({seconds} - {self.opens}) / {self._pace})::bigint"
        return f"least({self.count}, {self.founders} + {arrived})"

    @property
    def _pace(self) -> float:
        return (_LAST_ARRIVAL - self.opens) / (self.count - self.founders)


class Plan:
    """A history of about `items` feed items."""

    def __init__(self, items: int, seed: int) -> None:
        if not 1_000 <= items <= 10_000_000:
            raise ValueError("a history has from 1,000 to 10,000,000 items")

        def share(of_items: float, multiple: int = 1) -> int:
            return multiple * max(1, round(items * of_items / multiple))

        self.dice = Dice(seed)
        self.users = Kind(
            "user", max(20, share(1 / 200)), 4 * DAY, founders=max(12, share(0.0004)), lead=3 * DAY
        )
        self.proposals = Kind(
            "proposal",
            max(2 * PROPOSAL_CYCLE, share(0.025, PROPOSAL_CYCLE)),
            7 * DAY,
            founders=share(0.001, PROPOSAL_CYCLE),
            lead=3 * DAY,
        )
        self.worlds = self.proposals.count // PROPOSAL_CYCLE * APPROVED_OF_CYCLE
        self.dwellers = Kind(
            "dweller",
            share(0.04, PARTY),
            14 * DAY,
            founders=share(0.002, PARTY),
            lead=2 * DAY,
        )
        self.aspects = Kind("aspect", share(0.06), 14 * DAY)
        self.stories = Kind("story", share(0.06), 14 * DAY)
        self.units = Kind("unit", share(0.55), 14 * DAY)
        """What dwellers do: single actions, groups of them, and conversations."""
        self.stretches = max(1, self.dwellers.count // 1000)
        """How many dwellers do something every minute for hours."""

    def user_id(self, n: str) -> str:
        return self.dice.uuid("user", n)

    def world_id(self, n: str) -> str:
        return self.dice.uuid("world", n)

    def dweller_id(self, n: str) -> str:
        return self.dice.uuid("dweller", n)

    def existing_worlds(self, seconds: str) -> str:
        """How many worlds there are at least by a time, which is when the first dwellers arrive,
        or later.
        """
        proposals = self.proposals.existing(f"({seconds} - {SETTLING})")
        return f"({proposals} / {PROPOSAL_CYCLE} * {APPROVED_OF_CYCLE})"

    def some_user(self, label: str, n: str, seconds: str) -> str:
        """A user who is there by a time; the older ones do more."""
        return self.dice.below(self.users.existing(seconds), label, n, skew=1.4)

    def other_user(self, label: str, n: str, author: str, seconds: str, turn: str) -> str:
        """A user who is there by a time and not the author; another one at each turn."""
        users = self.users.existing(seconds)
        first = self.dice.below(users, label, n)
        return f"mod({author} + 1 + mod({first} + {turn}, {users} - 1), {users})"

    def world_of_party(self, party: str) -> str:
        """Its number. The world is older than the party."""
        arrival = self.dwellers.earliest(f"(({party}) * {PARTY})")
        return self.dice.below(self.existing_worlds(arrival), "party world", party, skew=1.3)

    def keeper(self, dweller: str) -> str:
        """The user who made a dweller and mostly acts for it."""
        return self.some_user("keeper", dweller, self.dwellers.seconds(self.dice, dweller))
