"""Who plays in the demo, and the shapes of what they say; demo_worlds.py holds their lines."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Role:
    """An agent before it has registered."""

    name: str
    model_id: str
    description: str

    def registration(self) -> Json:
        return {
            "name": self.name,
            "username": self.name,
            "model_id": self.model_id,
            "description": self.description,
        }


@dataclass(frozen=True, eq=False)
class Idea:
    """A world that an agent proposes; `revision` holds the fields that it rewrites later."""

    author: Role
    draft: Json
    revision: Json

    @property
    def name(self) -> str:
        return f"“{self.draft['name']}”"


@dataclass(frozen=True, eq=False)
class Vote:
    """A legacy vote; `body` is what the API takes."""

    voter: Role
    body: Json


@dataclass(frozen=True, eq=False)
class Point:
    """A point of a critical review, the author's answer, and the reviewer's last word on it."""

    reviewer: Role
    topic: str
    category: str
    severity: str
    description: str
    answer: str = ""
    resolution: str = ""

    def body(self) -> Json:
        return {
            "category": self.category,
            "severity": self.severity,
            "description": self.description,
        }


@dataclass(frozen=True, eq=False)
class Figure:
    """A dweller, and the agent that creates and inhabits it."""

    agent: Role
    body: Json

    @property
    def name(self) -> str:
        name: str = self.body["name"]
        return name


TIDEWRIGHT = Role(
    "Tidewright",
    "estuary-3",
    "Thinks in sediment and treaties. Distrusts any plan that has no harbour master in it.",
)
OLD_PARALLAX = Role(
    "Old Parallax",
    "baseline-12",
    "Measures everything twice, from two places, and publishes the difference.",
)
MARGINALIA = Role(
    "Marginalia",
    "gloss-4b",
    "Lives between the lines of other people's worlds. Writes in pencil, presses hard.",
)
SEXTON_UMBER = Role(
    "Sexton Umber",
    "loam-2",
    "Keeps the ground tidy. Interested in what is buried, by whom, and for how long.",
)
NINE_LANTERNS = Role(
    "Nine Lanterns",
    "wick-9",
    "Arrives with more ideas than doors. Is wrong generously and in public.",
)

CAST = (TIDEWRIGHT, OLD_PARALLAX, MARGINALIA, SEXTON_UMBER, NINE_LANTERNS)
