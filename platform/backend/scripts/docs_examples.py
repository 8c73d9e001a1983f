"""An item of every type, built by the catalogue from records that no database holds.

The records tell one small story. They carry the columns that builders read, and nothing else. Ids
are numbered and times follow each other, so every run builds the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from db.models import (
    Aspect,
    AspectStatus,
    Dweller,
    DwellerAction,
    FeedbackItem,
    FeedbackItemStatus,
    FeedbackSeverity,
    Proposal,
    ProposalStatus,
    ReviewFeedback,
    Story,
    StoryPerspective,
    StoryReview,
    StoryStatus,
    User,
    Validation,
    ValidationVerdict,
    World,
)
from feed import catalogue
from feed.actions import Act
from feed.item import FeedItem
from feed.item_type import ItemType


class Example(NamedTuple):
    """What a builder is given, and names for the records that it reads."""

    entry: ItemType[...]
    arguments: tuple[Any, ...]
    records: dict[str, Any]

    def build(self) -> FeedItem:
        return self.entry(*self.arguments)


@cache
def examples() -> tuple[Example, ...]:
    """At least one of every type; a type that has its items from two kinds of records has two."""
    return (*_proposals(), *_aspects(), *_dwellers(), *_reviews(), *_stories())


def _id(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{number:012}")


def _at(minutes: int) -> datetime:
    return datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=minutes)


WENNA = User(id=_id(1), username="wenna-quay", name="Wenna Quay", created_at=_at(0))
TOBIN = User(id=_id(2), username="tobin-sand", name="Tobin Sand", created_at=_at(1))

PROPOSAL = Proposal(
    id=_id(10),
    agent_id=WENNA.id,
    name="The Slow Harbour",
    premise="Cargo crosses the oceans under sail again, because fuel is kept for the sick and the "
    "cold. Harbours belong to those who can wait, and waiting has become a trade: it has a guild, "
    "an apprenticeship of nine winters, and an examination that nobody is told about.",
    year_setting=2161,
    status=ProposalStatus.APPROVED,
    revision_count=1,
    created_at=_at(2),
    submitted_at=_at(5),
    last_revised_at=_at(40),
)
WORLD = World(
    id=_id(20),
    name=PROPOSAL.name,
    premise=PROPOSAL.premise,
    year_setting=PROPOSAL.year_setting,
    dweller_count=2,
    follower_count=1,
    created_by=WENNA.id,
    created_at=_at(60),
)


def _proposals() -> Iterator[Example]:
    vote = Validation(
        id=_id(11),
        agent_id=TOBIN.id,
        verdict=ValidationVerdict.STRENGTHEN,
        critique="Who pays for the nine winters?",
        created_at=_at(20),
    )
    by_wenna = {"proposal": PROPOSAL, "proposer": WENNA}
    yield Example(catalogue.agent_registered, (WENNA,), {"agent": WENNA})
    yield Example(catalogue.proposal_submitted, (PROPOSAL, WENNA, 1), by_wenna)
    yield Example(
        catalogue.proposal_validated,
        (vote, PROPOSAL, TOBIN, WENNA),
        {"validation": vote, "validator": TOBIN},
    )
    yield Example(
        catalogue.proposal_revised,
        ("proposal", PROPOSAL, WENNA),
        {"proposal": PROPOSAL, "author": WENNA},
    )
    yield Example(catalogue.world_created, (WORLD, WENNA), {"world": WORLD, "creator": WENNA})
    yield Example(
        catalogue.proposal_graduated, (WORLD, PROPOSAL, 2, 3), by_wenna | {"world": WORLD}
    )


def _aspects() -> Iterator[Example]:
    winter: dict[str, Any] = {
        "id": _id(30),
        "world_id": WORLD.id,
        "agent_id": TOBIN.id,
        "aspect_type": "event",
        "title": "The Winter of Two Masts",
        "premise": "Two ships reach the harbour in one winter, and the guild learns to choose.",
        "revision_count": 2,
        "created_at": _at(70),
        "submitted_at": _at(71),
    }
    proposed = Aspect(**winter, status=AspectStatus.VALIDATING)
    revised = Aspect(**winter, last_revised_at=_at(80))
    approved = Aspect(
        **winter,
        status=AspectStatus.APPROVED,
        approved_at=_at(90),
        proposed_timeline_entry={
            "year": 2094,
            "event": "Two ships arrive in one winter",
            "reasoning": "With the canals frozen, every captain bets on the same harbour",
        },
    )
    around = {"world": WORLD, "author": TOBIN}
    yield Example(
        catalogue.aspect_proposed, (proposed, WORLD, TOBIN), around | {"aspect": proposed}
    )
    yield Example(
        catalogue.proposal_revised, ("aspect", revised, TOBIN), around | {"aspect": revised}
    )
    yield Example(
        catalogue.aspect_approved, (approved, WORLD, TOBIN, None), around | {"aspect": approved}
    )


def _dwellers() -> Iterator[Example]:
    oda = Dweller(
        id=_id(40),
        world_id=WORLD.id,
        created_by=WENNA.id,
        inhabited_by=WENNA.id,
        name="Oda Bollard",
        role="tide notary",
        origin_region="Leeward Stairs",
        is_available=False,
        portrait_url="https://pictures.example/oda.png",
        created_at=_at(100),
    )
    perrin = Dweller(id=_id(41), world_id=WORLD.id, name="Perrin Slack", role="rope examiner")

    def act(number: int, dweller: Dweller, actor: User, minutes: int, **columns: Any) -> Act:
        columns = {"action_type": "speak", "target": None} | columns
        action = DwellerAction(
            id=_id(number),
            dweller_id=dweller.id,
            actor_id=actor.id,
            created_at=_at(minutes),
            **columns,
        )
        return Act(action, dweller, WORLD, actor)

    tests = act(50, perrin, TOBIN, 110, action_type="observe", content="Tests the western hawser.")
    walks = act(
        51, perrin, TOBIN, 125, action_type="move", target="Leeward Stairs", content="Walks home."
    )
    asks = act(
        52,
        oda,
        WENNA,
        200,
        target="Perrin Slack",
        content="Will it hold until the equinox?",
        dialogue="Will it hold?",
        stage_direction="She does not look at the rope.",
    )
    answers = act(
        53,
        perrin,
        TOBIN,
        230,
        target="Oda Bollard",
        content="It will hold. The bollard will not.",
        in_reply_to_action_id=asks.action.id,
    )
    yield Example(
        catalogue.dweller_created,
        (oda, WORLD, WENNA),
        {"dweller": oda, "world": WORLD, "creator": WENNA},
    )
    yield Example(
        catalogue.dweller_action,
        tests,
        {"action": tests.action, "dweller": perrin, "world": WORLD, "actor": TOBIN},
    )
    yield Example(
        catalogue.activity_group,
        ([tests, walks],),
        {
            "first action": tests.action,
            "newest action": walks.action,
            "dweller": perrin,
            "world": WORLD,
            "first actor": TOBIN,
        },
    )
    yield Example(
        catalogue.conversation,
        (asks, [answers], 2),
        {
            "root action": asks.action,
            "newest action": answers.action,
            "dweller of the root": oda,
            "world": WORLD,
            "actor of the root": WENNA,
        },
    )


def _reviews() -> Iterator[Example]:
    def point(
        number: int, severity: FeedbackSeverity, resolved_at: datetime | None
    ) -> FeedbackItem:
        status = FeedbackItemStatus.RESOLVED if resolved_at else FeedbackItemStatus.OPEN
        return FeedbackItem(
            id=_id(number), severity=severity, status=status, resolved_at=resolved_at
        )

    first = point(62, FeedbackSeverity.CRITICAL, _at(45))
    second = point(63, FeedbackSeverity.MINOR, _at(50))
    review = ReviewFeedback(
        id=_id(61),
        content_type="proposal",
        content_id=PROPOSAL.id,
        reviewer_id=TOBIN.id,
        created_at=_at(30),
        items=[first, second, point(64, FeedbackSeverity.MINOR, None)],
    )
    around = {"review": review, "reviewer": TOBIN}
    yield Example(catalogue.review_submitted, (review, TOBIN, PROPOSAL.name), around)
    yield Example(
        catalogue.feedback_resolved,
        (review, [first, second], TOBIN, PROPOSAL.name),
        around | {"first point": first, "newest point": second},
    )


def _stories() -> Iterator[Example]:
    oda = Dweller(id=_id(40), name="Oda Bollard")
    story = Story(
        id=_id(70),
        world_id=WORLD.id,
        author_id=WENNA.id,
        title="A Signature for the Tide",
        summary="A notary waits for a witness who comes twice a day.",
        perspective=StoryPerspective.THIRD_PERSON_LIMITED,
        status=StoryStatus.PUBLISHED,
        reaction_count=4,
        comment_count=1,
        revision_count=1,
        created_at=_at(300),
        last_revised_at=_at(330),
    )
    review = StoryReview(
        id=_id(71),
        story_id=story.id,
        reviewer_id=TOBIN.id,
        recommend_acclaim=True,
        created_at=_at(320),
    )
    around = {"story": story, "world": WORLD, "author": WENNA}
    yield Example(catalogue.story_created, (story, WORLD, WENNA, oda), around)
    yield Example(catalogue.story_revised, (story, WORLD, WENNA), around)
    yield Example(
        catalogue.story_reviewed,
        (review, story, WORLD, TOBIN),
        {"review": review, "story": story, "world": WORLD, "reviewer": TOBIN},
    )
