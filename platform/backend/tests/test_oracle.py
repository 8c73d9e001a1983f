"""Is the second opinion right? Records go in as rows, and what the oracle makes of them is compared
with items written out by hand.

Nothing of the application runs here, so that a fault in it cannot hide one of the oracle.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import null, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from db.models import (
    Aspect,
    AspectStatus,
    AspectValidation,
    Base,
    Dweller,
    DwellerAction,
    FeedbackCategory,
    FeedbackItem,
    FeedbackItemStatus,
    FeedbackSeverity,
    Proposal,
    ProposalStatus,
    ReviewFeedback,
    ReviewSystem,
    Story,
    StoryPerspective,
    StoryReview,
    StoryStatus,
    User,
    UserType,
    Validation,
    ValidationVerdict,
    World,
)
from db.urls import sqlalchemy_url
from tests.support.contract import check_item
from tests.support.oracle import Expected, expected

Json = dict[str, Any]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def numbered(number: int) -> UUID:
    return UUID(int=number)


ALICE, BOB, CAROL = numbered(0xA), numbered(0xB), numbered(0xC)
WORLD, BURBLE, TIDE = numbered(0xE), numbered(0xD1), numbered(0xD2)

ALICE_REF = {
    "id": "00000000-0000-0000-0000-00000000000a",
    "username": "@alice",
    "name": "Alice A.",
}
BOB_REF = {"id": "00000000-0000-0000-0000-00000000000b", "username": "@bob", "name": "Bob B."}
WORLD_REF = {
    "id": "00000000-0000-0000-0000-00000000000e",
    "name": "Low Water",
    "year_setting": 2140,
}
BURBLE_REF = {
    "id": "00000000-0000-0000-0000-0000000000d1",
    "name": "Burble",
    "role": "clerk",
    "portrait_url": None,
}
TIDE_REF = {
    "id": "00000000-0000-0000-0000-0000000000d2",
    "name": "Tide",
    "role": "pilot",
    "portrait_url": "https://media.test/tide.png",
}


# ── records ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[AsyncSession]:
    """A session of its own, not the application's: two agents, a human, a world, two dwellers."""
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    async with AsyncSession(engine) as session:
        await add(
            session,
            User(id=ALICE, type=UserType.AGENT, username="alice", name="Alice A.", created_at=NOON),
            User(id=BOB, type=UserType.AGENT, username="bob", name="Bob B.", created_at=NOON),
            User(id=CAROL, type=UserType.HUMAN, username="carol", name="Carol", created_at=NOON),
            world(WORLD),
            dweller(BURBLE, "Burble", role="clerk", created_by=BOB),
            dweller(TIDE, "Tide", role="pilot", portrait_url="https://media.test/tide.png"),
        )
        yield session
    await engine.dispose()


async def add(db: AsyncSession, *records: Base) -> None:
    """One by one, because they refer to each other in ways that only the database knows."""
    for record in records:
        db.add(record)
        await db.flush()


def world(world_id: UUID, **changes: Any) -> World:
    values: Json = {
        "name": "Low Water",
        "premise": "The river is the court.",
        "year_setting": 2140,
        "created_by": ALICE,
        "created_at": NOON,
    }
    return World(id=world_id, **values | changes)


def proposal(number: int, **changes: Any) -> Proposal:
    values: Json = {
        "agent_id": ALICE,
        "premise": "The river is the court.",
        "year_setting": 2140,
        "causal_chain": [],
        "scientific_basis": "Rivers fall.",
        "name": "Low Water",
        "status": ProposalStatus.VALIDATING,
        "created_at": NOON,
    }
    return Proposal(id=numbered(number), **values | changes)


def vote(number: int, proposal_number: int, **changes: Any) -> Validation:
    values: Json = {
        "proposal_id": numbered(proposal_number),
        "agent_id": BOB,
        "verdict": ValidationVerdict.STRENGTHEN,
        "critique": "Who pays the clerk?",
        "created_at": NOON,
    }
    return Validation(id=numbered(number), **values | changes)


def aspect(number: int, **changes: Any) -> Aspect:
    values: Json = {
        "world_id": WORLD,
        "agent_id": BOB,
        "aspect_type": "event",
        "title": "The Long Ebb",
        "premise": "The gauge showed nothing for a year.",
        "content": {},
        "canon_justification": "Rivers fall.",
        "status": AspectStatus.APPROVED,
        "created_at": NOON,
    }
    return Aspect(id=numbered(number), **values | changes)


def aspect_vote(number: int, aspect_number: int, **changes: Any) -> AspectValidation:
    values: Json = {
        "aspect_id": numbered(aspect_number),
        "agent_id": ALICE,
        "verdict": ValidationVerdict.APPROVE,
        "critique": "It holds.",
        "created_at": NOON,
    }
    return AspectValidation(id=numbered(number), **values | changes)


def dweller(dweller_id: UUID, name: str, **changes: Any) -> Dweller:
    values: Json = {
        "world_id": WORLD,
        "created_by": ALICE,
        "origin_region": "The Bench",
        "generation": "third",
        "name_context": "",
        "cultural_identity": "",
        "role": "clerk",
        "age": 40,
        "personality": "",
        "background": "",
        "created_at": NOON,
    }
    return Dweller(id=dweller_id, name=name, **values | changes)


def action(number: int, minutes: float = 0, **changes: Any) -> DwellerAction:
    """Something Burble does by Bob, `minutes` after noon."""
    values: Json = {
        "dweller_id": BURBLE,
        "actor_id": BOB,
        "action_type": "observe",
        "content": "Reads the gauge.",
        "created_at": NOON + timedelta(minutes=minutes),
    }
    return DwellerAction(id=numbered(number), **values | changes)


def reply(number: int, to: int, minutes: float, **changes: Any) -> DwellerAction:
    return action(number, minutes, in_reply_to_action_id=numbered(to), **changes)


def story(number: int, **changes: Any) -> Story:
    values: Json = {
        "world_id": WORLD,
        "author_id": ALICE,
        "title": "Ebb",
        "content": "Nobody sat down.",
        "perspective": StoryPerspective.THIRD_PERSON_LIMITED,
        "created_at": NOON,
    }
    return Story(id=numbered(number), **values | changes)


def review(number: int, content_type: str, content_number: int, **changes: Any) -> ReviewFeedback:
    values: Json = {"reviewer_id": BOB, "created_at": NOON}
    return ReviewFeedback(
        id=numbered(number),
        content_type=content_type,
        content_id=numbered(content_number),
        **values | changes,
    )


def point(
    number: int,
    review_number: int,
    resolved_at: datetime | None = None,
    status: FeedbackItemStatus = FeedbackItemStatus.RESOLVED,
    severity: FeedbackSeverity = FeedbackSeverity.MINOR,
) -> FeedbackItem:
    return FeedbackItem(
        id=numbered(number),
        review_feedback_id=numbered(review_number),
        category=FeedbackCategory.OTHER,
        description="Who pays the clerk?",
        severity=severity,
        status=status,
        resolved_at=resolved_at,
        created_at=NOON,
    )


# ── what the oracle makes of them ────────────────────────────────────────────────────────────────


async def found(db: AsyncSession, *event_types: str) -> list[Expected]:
    """The items of these types by (sort_date, id). All that there are keep to the contract."""
    items = await expected(db)
    for (event_type, item_id), item in items.items():
        check_item(item.payload)
        assert (item.payload["type"], item.payload["id"]) == (event_type, item_id)
        assert datetime.fromisoformat(item.payload["sort_date"]) == item.created_at
    chosen = [item for (event_type, _), item in items.items() if event_type in event_types]
    return sorted(chosen, key=lambda item: (item.created_at, item.payload["id"]))


async def payloads(db: AsyncSession, *event_types: str) -> list[Json]:
    return [item.payload for item in await found(db, *event_types)]


async def solo_pieces(db: AsyncSession) -> list[list[int]]:
    """The numbers of the actions of each item that is no conversation."""
    pieces = []
    for payload in await payloads(db, "dweller_action", "activity_group"):
        ids = [member["id"] for member in payload.get("actions", [payload])]
        assert len(ids) == payload.get("action_count", 1)
        pieces.append([UUID(member).int for member in ids])
    return pieces


async def test_records_of_the_fixture(db: AsyncSession) -> None:
    at = "2026-03-01T12:00:00+00:00"
    alice, bob = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
    burble = "00000000-0000-0000-0000-0000000000d1"
    tide = "00000000-0000-0000-0000-0000000000d2"
    low_water = "00000000-0000-0000-0000-00000000000e"
    assert await expected(db) == {
        ("agent_registered", alice): Expected(
            NOON,
            {
                "type": "agent_registered",
                "id": alice,
                "created_at": at,
                "sort_date": at,
                "agent": {"id": alice, "username": "@alice", "name": "Alice A."},
            },
            world_id=None,
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
        ("agent_registered", bob): Expected(
            NOON,
            {
                "type": "agent_registered",
                "id": bob,
                "created_at": at,
                "sort_date": at,
                "agent": {"id": bob, "username": "@bob", "name": "Bob B."},
            },
            world_id=None,
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        ),
        ("world_created", low_water): Expected(
            NOON,
            {
                "type": "world_created",
                "id": low_water,
                "created_at": at,
                "sort_date": at,
                "world": {
                    "id": low_water,
                    "name": "Low Water",
                    "premise": "The river is the court.",
                    "year_setting": 2140,
                    "cover_image_url": None,
                    "dweller_count": 0,
                    "follower_count": 0,
                },
                "agent": {"id": alice, "username": "@alice", "name": "Alice A."},
            },
            world_id=WORLD,
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
        ("dweller_created", burble): Expected(
            NOON,
            {
                "type": "dweller_created",
                "id": burble,
                "created_at": at,
                "sort_date": at,
                "dweller": {
                    "id": burble,
                    "name": "Burble",
                    "role": "clerk",
                    "origin_region": "The Bench",
                    "is_available": True,
                    "portrait_url": None,
                },
                "world": {"id": low_water, "name": "Low Water", "year_setting": 2140},
                "agent": {"id": bob, "username": "@bob", "name": "Bob B."},
            },
            world_id=WORLD,
            agent_id=BOB,
            dweller_id=BURBLE,
            story_id=None,
        ),
        ("dweller_created", tide): Expected(
            NOON,
            {
                "type": "dweller_created",
                "id": tide,
                "created_at": at,
                "sort_date": at,
                "dweller": {
                    "id": tide,
                    "name": "Tide",
                    "role": "pilot",
                    "origin_region": "The Bench",
                    "is_available": True,
                    "portrait_url": "https://media.test/tide.png",
                },
                "world": {"id": low_water, "name": "Low Water", "year_setting": 2140},
                "agent": {"id": alice, "username": "@alice", "name": "Alice A."},
            },
            world_id=WORLD,
            agent_id=ALICE,
            dweller_id=TIDE,
            story_id=None,
        ),
    }


async def test_two_items_of_one_identity_are_refused(
    db: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = text(
        "SELECT 'a', 'x', NULL, NULL, NULL, NULL, NULL, NULL FROM generate_series(1, 2) AS copy"
    )
    monkeypatch.setattr("tests.support.oracle.QUERY", twice)
    with pytest.raises(AssertionError, match="two items are a x"):
        await expected(db)


# ── times and cuts ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOON, "2026-03-01T12:00:00+00:00"),
        (NOON + INSTANT, "2026-03-01T12:00:00.000001+00:00"),
        (NOON + timedelta(microseconds=500_000), "2026-03-01T12:00:00.500000+00:00"),
        (NOON - INSTANT, "2026-03-01T11:59:59.999999+00:00"),
        (datetime.fromisoformat("2026-01-01T00:30:00+02:00"), "2025-12-31T22:30:00+00:00"),
    ],
)
async def test_times_are_written_alike_wherever_the_session_is(
    db: AsyncSession, moment: datetime, written: str
) -> None:
    await db.execute(text("SET LOCAL TIME ZONE 'Asia/Kathmandu'"))
    await add(db, world(numbered(1), created_at=moment), action(2, created_at=moment))
    await add(db, reply(3, to=2, minutes=9999))

    items = await expected(db)
    made = items["world_created", str(numbered(1))]
    assert made.created_at == moment
    assert (made.payload["created_at"], made.payload["sort_date"]) == (written, written)
    thread = items["conversation", f"thread-{numbered(2)}"]
    assert thread.payload["created_at"] == written
    assert thread.payload["actions"][0]["created_at"] == written


@pytest.mark.parametrize("letter", ["x", "é", "🜄"])
async def test_long_texts_are_cut_by_code_points(db: AsyncSession, letter: str) -> None:
    for number, (premise, critique) in enumerate([(100, 150), (101, 151), (200, 149), (201, 0)]):
        await add(
            db,
            proposal(0x10 + number, premise=premise * letter),
            vote(0x20 + number, 0x10 + number, critique=critique * letter),
            aspect(0x30 + number, premise=critique * letter),
        )
    assert [item["proposal"]["premise"] for item in await payloads(db, "proposal_submitted")] == [
        100 * letter,
        101 * letter,
        200 * letter,
        200 * letter + "...",
    ]
    validated = await payloads(db, "proposal_validated")
    assert [item["proposal"]["premise"] for item in validated] == [
        100 * letter,
        100 * letter + "...",
        100 * letter + "...",
        100 * letter + "...",
    ]
    cut = [150 * letter, 150 * letter + "...", 149 * letter, ""]
    assert [item["validation"]["critique"] for item in validated] == cut
    assert [item["aspect"]["premise"] for item in await payloads(db, "aspect_approved")] == cut


# ── worlds, proposals, votes ─────────────────────────────────────────────────────────────────────


async def test_worlds_that_are_not_active_are_left_out(db: AsyncSession) -> None:
    await add(
        db,
        proposal(1),
        world(numbered(2), is_active=False, proposal_id=numbered(1)),
        world(numbered(3), is_active=null(), proposal_id=numbered(1)),
    )
    assert [item.world_id for item in await found(db, "world_created")] == [WORLD]
    assert await found(db, "proposal_graduated") == []


async def test_counts_that_are_null_read_as_zero(db: AsyncSession) -> None:
    await add(
        db,
        world(numbered(1), dweller_count=null(), follower_count=null(), cover_image_url="c"),
        world(numbered(2), dweller_count=3, follower_count=4),
        story(3, reaction_count=null(), comment_count=null()),
        story(4, reaction_count=5, comment_count=6),
    )
    worlds = [item["world"] for item in await payloads(db, "world_created")]
    assert [(one["dweller_count"], one["follower_count"]) for one in worlds] == [
        (0, 0),
        (3, 4),
        (0, 0),  # the fixture's
    ]
    assert worlds[0]["cover_image_url"] == "c"
    stories = [item["story"] for item in await payloads(db, "story_created")]
    counts = [(one["reaction_count"], one["comment_count"]) for one in stories]
    assert counts == [(0, 0), (5, 6)]


async def test_proposals_are_dated_by_their_submission(db: AsyncSession) -> None:
    await add(
        db,
        proposal(1, status=ProposalStatus.DRAFT),
        proposal(2, status=ProposalStatus.REJECTED, name=None),
        proposal(
            3,
            status=ProposalStatus.APPROVED,
            submitted_at=NOON + timedelta(minutes=5),
            agent_id=CAROL,
        ),
        vote(4, 3),
        vote(5, 3, agent_id=ALICE),
    )
    assert await found(db, "proposal_submitted") == [
        Expected(
            NOON,
            {
                "type": "proposal_submitted",
                "id": "00000000-0000-0000-0000-000000000002",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "proposal": {
                    "id": "00000000-0000-0000-0000-000000000002",
                    "name": None,
                    "premise": "The river is the court.",
                    "year_setting": 2140,
                    "status": "rejected",
                    "validation_count": 0,
                },
                "agent": ALICE_REF,
            },
            world_id=None,
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
        Expected(
            NOON + timedelta(minutes=5),
            {
                "type": "proposal_submitted",
                "id": "00000000-0000-0000-0000-000000000003",
                "created_at": "2026-03-01T12:05:00+00:00",
                "sort_date": "2026-03-01T12:05:00+00:00",
                "proposal": {
                    "id": "00000000-0000-0000-0000-000000000003",
                    "name": "Low Water",
                    "premise": "The river is the court.",
                    "year_setting": 2140,
                    "status": "approved",
                    "validation_count": 2,
                },
                "agent": {
                    "id": "00000000-0000-0000-0000-00000000000c",
                    "username": "@carol",
                    "name": "Carol",
                },
            },
            world_id=None,
            agent_id=CAROL,
            dweller_id=None,
            story_id=None,
        ),
    ]


async def test_votes_on_proposals(db: AsyncSession) -> None:
    await add(
        db,
        proposal(1, status=ProposalStatus.DRAFT, name=None),
        vote(2, 1, verdict=ValidationVerdict.REJECT, created_at=NOON + timedelta(hours=1)),
    )
    assert await found(db, "proposal_validated") == [
        Expected(
            NOON + timedelta(hours=1),
            {
                "type": "proposal_validated",
                "id": "00000000-0000-0000-0000-000000000002",
                "created_at": "2026-03-01T13:00:00+00:00",
                "sort_date": "2026-03-01T13:00:00+00:00",
                "validation": {"verdict": "reject", "critique": "Who pays the clerk?"},
                "proposal": {
                    "id": "00000000-0000-0000-0000-000000000001",
                    "name": None,
                    "premise": "The river is the court.",
                },
                "agent": BOB_REF,
                "proposer": ALICE_REF,
            },
            world_id=None,
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        )
    ]


async def test_revisions_of_proposals_and_aspects(db: AsyncSession) -> None:
    """Drafts too, and whatever their count says."""
    await add(
        db,
        proposal(1, status=ProposalStatus.DRAFT, name=None, last_revised_at=NOON),
        proposal(2, revision_count=1),
        aspect(
            3,
            status=AspectStatus.REJECTED,
            revision_count=2,
            last_revised_at=NOON + timedelta(seconds=1),
        ),
    )
    assert await found(db, "proposal_revised") == [
        Expected(
            NOON,
            {
                "type": "proposal_revised",
                "id": "proposal-revised-00000000-0000-0000-0000-000000000001",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "author_name": "alice",
                "content_type": "proposal",
                "content_id": "00000000-0000-0000-0000-000000000001",
                "content_name": None,
                "revision_count": 0,
            },
            world_id=None,
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
        Expected(
            NOON + timedelta(seconds=1),
            {
                "type": "proposal_revised",
                "id": "aspect-revised-00000000-0000-0000-0000-000000000003",
                "created_at": "2026-03-01T12:00:01+00:00",
                "sort_date": "2026-03-01T12:00:01+00:00",
                "author_name": "bob",
                "content_type": "aspect",
                "content_id": "00000000-0000-0000-0000-000000000003",
                "content_name": "The Long Ebb",
                "revision_count": 2,
            },
            world_id=WORLD,
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        ),
    ]


async def test_graduations_count_reviewers_and_what_they_saw_resolved(db: AsyncSession) -> None:
    reviewed, legacy, unreviewed = 1, 2, 3
    await add(
        db,
        proposal(reviewed, agent_id=BOB),
        proposal(legacy, review_system=ReviewSystem.LEGACY),
        proposal(unreviewed, name=None),
        world(numbered(0x11), proposal_id=numbered(reviewed)),
        world(numbered(0x12), proposal_id=numbered(legacy)),
        world(numbered(0x13), proposal_id=numbered(unreviewed)),
        world(numbered(0x14), proposal_id=numbered(0xDEAD)),
        review(0x21, "proposal", reviewed),
        review(0x22, "proposal", reviewed, reviewer_id=ALICE),
        review(0x23, "aspect", reviewed),  # of something else that has the same id
        point(0x31, 0x21, NOON),
        point(0x32, 0x21, NOON),
        point(0x33, 0x21, status=FeedbackItemStatus.ADDRESSED),
        point(0x34, 0x23, NOON),
    )
    assert await found(db, "proposal_graduated") == [
        Expected(
            NOON,
            {
                "type": "proposal_graduated",
                "id": "graduated-00000000-0000-0000-0000-000000000011",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "content_name": "Low Water",
                "content_type": "proposal",
                "world_id": "00000000-0000-0000-0000-000000000011",
                "reviewer_count": 2,
                "feedback_items_resolved": 2,
            },
            world_id=numbered(0x11),
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        ),
        Expected(
            NOON,
            {
                "type": "proposal_graduated",
                "id": "graduated-00000000-0000-0000-0000-000000000013",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "content_name": None,
                "content_type": "proposal",
                "world_id": "00000000-0000-0000-0000-000000000013",
                "reviewer_count": 0,
                "feedback_items_resolved": 0,
            },
            world_id=numbered(0x13),
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
    ]


# ── aspects ──────────────────────────────────────────────────────────────────────────────────────

FIRST = {"year": 2120, "event": "The ebb begins.", "reasoning": "Dams upstream."}
SECOND = {"year": 2121, "event": "The ebb ends.", "reasoning": "Dams break."}


async def test_aspects_are_one_item_that_moves(db: AsyncSession) -> None:
    await add(
        db,
        aspect(1, status=AspectStatus.DRAFT),
        aspect(2, status=AspectStatus.REJECTED),
        aspect(3, status=AspectStatus.VALIDATING, proposed_timeline_entry=FIRST),
        aspect(
            4,
            status=AspectStatus.VALIDATING,
            aspect_type="institution",
            submitted_at=NOON + timedelta(minutes=1),
            approved_at=NOON + timedelta(minutes=9),
        ),
        aspect(5, submitted_at=NOON + timedelta(minutes=9)),
        aspect(
            6,
            submitted_at=NOON,
            approved_at=NOON + timedelta(minutes=2),
            proposed_timeline_entry=FIRST,
        ),
    )
    base = {"title": "The Long Ebb", "premise": "The gauge showed nothing for a year."}
    places = {"world_id": WORLD, "agent_id": BOB, "dweller_id": None, "story_id": None}
    assert await found(db, "aspect_proposed", "aspect_approved") == [
        Expected(
            NOON,
            {
                "type": "aspect_proposed",
                "id": "00000000-0000-0000-0000-000000000003",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "aspect": {
                    "id": "00000000-0000-0000-0000-000000000003",
                    "type": "event",
                    "status": "validating",
                    **base,
                },
                "world": WORLD_REF,
                "agent": BOB_REF,
            },
            **places,
        ),
        Expected(
            NOON,
            {
                "type": "aspect_approved",
                "id": "00000000-0000-0000-0000-000000000005",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "aspect": {
                    "id": "00000000-0000-0000-0000-000000000005",
                    "type": "event",
                    "status": "approved",
                    **base,
                },
                "world": WORLD_REF,
                "agent": BOB_REF,
            },
            **places,
        ),
        Expected(
            NOON + timedelta(minutes=1),
            {
                "type": "aspect_proposed",
                "id": "00000000-0000-0000-0000-000000000004",
                "created_at": "2026-03-01T12:01:00+00:00",
                "sort_date": "2026-03-01T12:01:00+00:00",
                "aspect": {
                    "id": "00000000-0000-0000-0000-000000000004",
                    "type": "institution",
                    "status": "validating",
                    **base,
                },
                "world": WORLD_REF,
                "agent": BOB_REF,
            },
            **places,
        ),
        Expected(
            NOON + timedelta(minutes=2),
            {
                "type": "aspect_approved",
                "id": "00000000-0000-0000-0000-000000000006",
                "created_at": "2026-03-01T12:02:00+00:00",
                "sort_date": "2026-03-01T12:02:00+00:00",
                "aspect": {
                    "id": "00000000-0000-0000-0000-000000000006",
                    "type": "event",
                    "status": "approved",
                    **base,
                },
                "world": WORLD_REF,
                "agent": BOB_REF,
                "timeline_entry": {
                    "year": 2120,
                    "event": "The ebb begins.",
                    "reasoning": "Dams upstream.",
                },
            },
            **places,
        ),
    ]


@pytest.mark.parametrize(
    ("proposed", "shown"),
    [
        (None, None),
        (FIRST, FIRST),
        (FIRST | {"source": ["log"]}, FIRST | {"source": ["log"]}),  # as stored
        (JSONB.NULL, None),
        ([FIRST], None),
        ("2120", None),
        ({}, None),
        (FIRST | {"year": "2120"}, None),
        (FIRST | {"year": 2120.5}, None),
        (FIRST | {"year": True}, None),
        (FIRST | {"year": [2120]}, None),
        (FIRST | {"year": None}, None),
        (FIRST | {"event": None}, None),
        (FIRST | {"reasoning": 7}, None),
        ({"year": 2120, "event": "The ebb begins."}, None),
    ],
)
async def test_only_whole_timeline_entries_are_shown(
    db: AsyncSession, proposed: Any, shown: Json | None
) -> None:
    await add(db, aspect(1, proposed_timeline_entry=proposed))
    [item] = await payloads(db, "aspect_approved")
    assert item.get("timeline_entry", "no key") == (shown or "no key")


@pytest.mark.parametrize("aspect_type", ["institution", "Event", "event "])
async def test_only_events_have_timeline_entries(db: AsyncSession, aspect_type: str) -> None:
    await add(
        db,
        aspect(1, aspect_type=aspect_type, proposed_timeline_entry=FIRST),
        aspect_vote(2, 1, approved_timeline_entry=SECOND),
    )
    [item] = await payloads(db, "aspect_approved")
    assert "timeline_entry" not in item


LATER = NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("votes", "shown"),
    [
        # An approving vote's entry goes before the author's, the oldest first, then by id.
        ([{"approved_timeline_entry": SECOND}], SECOND),
        (
            [
                {"approved_timeline_entry": FIRST, "created_at": LATER},
                {"approved_timeline_entry": SECOND},
            ],
            SECOND,
        ),
        ([{"approved_timeline_entry": SECOND}, {"approved_timeline_entry": FIRST}], SECOND),
        # Others have no say.
        ([{"approved_timeline_entry": SECOND, "verdict": ValidationVerdict.STRENGTHEN}], FIRST),
        ([{"approved_timeline_entry": SECOND, "verdict": ValidationVerdict.REJECT}], FIRST),
        # What is no object is no entry, and the next is asked.
        ([{"approved_timeline_entry": None}], FIRST),
        ([{"approved_timeline_entry": JSONB.NULL}], FIRST),
        ([{"approved_timeline_entry": [SECOND]}], FIRST),
        ([{"approved_timeline_entry": JSONB.NULL}, {"approved_timeline_entry": SECOND}], SECOND),
        # An object is one, and nothing stands in for it when it is not whole.
        ([{"approved_timeline_entry": {"year": 2121}}], None),
        (
            [{"approved_timeline_entry": {}}, {"approved_timeline_entry": SECOND}],
            None,
        ),
    ],
)
async def test_votes_decide_the_timeline_entry(
    db: AsyncSession, votes: list[Json], shown: Json | None
) -> None:
    await add(db, aspect(1, proposed_timeline_entry=FIRST))
    for number, (voter, changes) in enumerate(zip([ALICE, BOB], votes, strict=False), start=2):
        await add(db, aspect_vote(number, 1, agent_id=voter, **changes))
    [item] = await payloads(db, "aspect_approved")
    assert item.get("timeline_entry", "no key") == (shown or "no key")


# ── dwellers ─────────────────────────────────────────────────────────────────────────────────────


async def test_dwellers_are_available_when_said_so_and_not_inhabited(db: AsyncSession) -> None:
    await add(
        db,
        dweller(numbered(1), "One", is_available=False),
        dweller(numbered(2), "Two", is_available=null()),
        dweller(numbered(3), "Three", inhabited_by=BOB),
        dweller(numbered(4), "Four"),
        dweller(numbered(5), "Five", is_active=False),
    )
    dwellers = [item["dweller"] for item in await payloads(db, "dweller_created")]
    assert {one["name"]: one["is_available"] for one in dwellers} == {
        "One": False,
        "Two": False,
        "Three": False,
        "Four": True,
        "Burble": True,
        "Tide": True,
    }


async def test_one_action_alone(db: AsyncSession) -> None:
    """Its dweller need not be active any more."""
    gone = dweller(numbered(1), "Gone", role="guest", is_active=False)
    await add(
        db,
        gone,
        action(
            2,
            minutes=1,
            dweller_id=gone.id,
            action_type="speak",
            content="Says goodbye.",
            dialogue="Goodbye.",
            stage_direction="quietly",
            target="Burble",
        ),
    )
    assert await found(db, "dweller_action") == [
        Expected(
            NOON + timedelta(minutes=1),
            {
                "type": "dweller_action",
                "id": "00000000-0000-0000-0000-000000000002",
                "created_at": "2026-03-01T12:01:00+00:00",
                "sort_date": "2026-03-01T12:01:00+00:00",
                "action": {
                    "type": "speak",
                    "content": "Says goodbye.",
                    "dialogue": "Goodbye.",
                    "stage_direction": "quietly",
                    "target": "Burble",
                },
                "dweller": {
                    "id": "00000000-0000-0000-0000-000000000001",
                    "name": "Gone",
                    "role": "guest",
                    "portrait_url": None,
                },
                "world": WORLD_REF,
                "agent": BOB_REF,
            },
            world_id=WORLD,
            agent_id=BOB,
            dweller_id=numbered(1),
            story_id=None,
        )
    ]


async def test_actions_without_a_pause_are_one_group(db: AsyncSession) -> None:
    await add(
        db,
        action(2, minutes=25, actor_id=ALICE, content="Writes it down.", target="ledger"),
        action(3, minutes=0),
        action(4, minutes=10, dweller_id=TIDE),  # Tide's, and none of Burble's business
    )
    assert await found(db, "activity_group") == [
        Expected(
            NOON + timedelta(minutes=25),
            {
                "type": "activity_group",
                "id": "group-00000000-0000-0000-0000-0000000000d1"
                "-00000000-0000-0000-0000-000000000003",
                "created_at": "2026-03-01T12:00:00+00:00",
                "updated_at": "2026-03-01T12:25:00+00:00",
                "sort_date": "2026-03-01T12:25:00+00:00",
                "actions": [
                    {
                        "id": "00000000-0000-0000-0000-000000000003",
                        "type": "observe",
                        "content": "Reads the gauge.",
                        "dialogue": None,
                        "stage_direction": None,
                        "target": None,
                        "created_at": "2026-03-01T12:00:00+00:00",
                    },
                    {
                        "id": "00000000-0000-0000-0000-000000000002",
                        "type": "observe",
                        "content": "Writes it down.",
                        "dialogue": None,
                        "stage_direction": None,
                        "target": "ledger",
                        "created_at": "2026-03-01T12:25:00+00:00",
                    },
                ],
                "action_count": 2,
                "dweller": BURBLE_REF,
                "world": WORLD_REF,
                "agent": BOB_REF,
            },
            world_id=WORLD,
            agent_id=BOB,
            dweller_id=BURBLE,
            story_id=None,
        )
    ]
    [other] = await payloads(db, "dweller_action")
    assert (other["dweller"], other["world"], other["agent"]) == (TIDE_REF, WORLD_REF, BOB_REF)


HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("gap", "pieces"),
    [
        (HALF_AN_HOUR - INSTANT, [[1, 2]]),
        (HALF_AN_HOUR, [[1, 2]]),
        (HALF_AN_HOUR + INSTANT, [[1], [2]]),
        (timedelta(days=1, minutes=1), [[1], [2]]),  # PostgreSQL counts days apart
    ],
)
async def test_half_an_hour_is_no_pause_yet(
    db: AsyncSession, gap: timedelta, pieces: list[list[int]]
) -> None:
    await add(db, action(1), action(2, created_at=NOON + gap))
    assert await solo_pieces(db) == pieces


async def test_pauses_are_counted_from_the_action_before(db: AsyncSession) -> None:
    await add(db, action(1, 0), action(2, 30), action(3, 60), action(4, 91), action(5, 92))
    assert await solo_pieces(db) == [[1, 2, 3], [4, 5]]


async def test_actions_of_one_instant_go_by_id(db: AsyncSession) -> None:
    await add(db, action(3), action(1), action(2))
    assert await solo_pieces(db) == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("count", "pieces"),
    [
        (50, [range(1, 51)]),
        (51, [range(1, 51), range(51, 52)]),
        (102, [range(1, 51), range(51, 101), range(101, 103)]),
    ],
)
async def test_stretches_are_cut_at_fifty(
    db: AsyncSession, count: int, pieces: list[range]
) -> None:
    await add(db, *(action(number, number) for number in range(1, count + 1)))
    assert await solo_pieces(db) == [list(piece) for piece in pieces]


async def test_fifty_are_counted_from_the_last_pause(db: AsyncSession) -> None:
    """A pause of this dweller: what Tide does meanwhile does not fill it."""
    await add(
        db,
        action(1, -60),
        *(action(number, number) for number in range(2, 53)),
        action(101, -40, dweller_id=TIDE),
        action(102, -20, dweller_id=TIDE),
        action(103, 1, dweller_id=TIDE),
    )
    assert await solo_pieces(db) == [[1], [101, 102, 103], [*range(2, 52)], [52]]


async def test_a_root_in_the_middle_bridges_no_pause_of_the_others(db: AsyncSession) -> None:
    await add(db, action(1, 0), action(2, 20), action(3, 40), action(4, 45))
    assert await solo_pieces(db) == [[1, 2, 3, 4]]
    await add(db, reply(5, to=2, minutes=21, dweller_id=TIDE))
    assert await solo_pieces(db) == [[1], [3, 4]]


@pytest.mark.parametrize(
    ("late", "pieces"), [(HALF_AN_HOUR, [[1, 3]]), (HALF_AN_HOUR + INSTANT, [[1], [3]])]
)
async def test_a_root_in_the_middle_leaves_near_actions_together(
    db: AsyncSession, late: timedelta, pieces: list[list[int]]
) -> None:
    await add(
        db,
        action(1, 0),
        action(2, 10),
        action(3, created_at=NOON + late),
        reply(4, to=2, minutes=11, dweller_id=TIDE),
    )
    assert await solo_pieces(db) == pieces


async def test_roots_count_among_the_fifty(db: AsyncSession) -> None:
    await add(
        db,
        *(action(number, number) for number in range(1, 53)),
        reply(60, to=7, minutes=7.5),
        reply(61, to=50, minutes=50.5),
    )
    first = [number for number in range(1, 50) if number != 7]
    assert await solo_pieces(db) == [first, [51, 52]]


async def test_replies_do_not_lengthen_a_stretch(db: AsyncSession) -> None:
    """The same dweller's reply in the pause belongs to the conversation alone."""
    await add(
        db,
        action(1, 0),
        action(2, 1, dweller_id=TIDE),
        reply(3, to=2, minutes=20),
        action(4, 40),
    )
    assert await solo_pieces(db) == [[1], [4]]


# ── conversations ────────────────────────────────────────────────────────────────────────────────


async def test_a_conversation_is_a_root_and_all_that_follows(db: AsyncSession) -> None:
    """Of replies to replies too, and in the world of the root's dweller."""
    elsewhere = world(numbered(0xF), name="Elsewhere")
    await add(
        db,
        elsewhere,
        dweller(numbered(0xD3), "Guest", role="guest", world_id=elsewhere.id),
        action(1, 0, action_type="speak", dialogue="Is it low?", target="Tide"),
        reply(2, to=1, minutes=1, dweller_id=TIDE, actor_id=ALICE, stage_direction="nods"),
        reply(
            3,
            to=2,
            minutes=0,
            created_at=NOON + timedelta(hours=2, microseconds=500),
            dweller_id=numbered(0xD3),
            actor_id=ALICE,
        ),
    )
    assert await found(db, "conversation", "dweller_action", "activity_group") == [
        Expected(
            NOON + timedelta(hours=2, microseconds=500),
            {
                "type": "conversation",
                "id": "thread-00000000-0000-0000-0000-000000000001",
                "created_at": "2026-03-01T12:00:00+00:00",
                "updated_at": "2026-03-01T14:00:00.000500+00:00",
                "sort_date": "2026-03-01T14:00:00.000500+00:00",
                "actions": [
                    {
                        "id": "00000000-0000-0000-0000-000000000001",
                        "type": "speak",
                        "content": "Reads the gauge.",
                        "dialogue": "Is it low?",
                        "stage_direction": None,
                        "target": "Tide",
                        "created_at": "2026-03-01T12:00:00+00:00",
                        "dweller": BURBLE_REF,
                        "agent": BOB_REF,
                        "in_reply_to": None,
                    },
                    {
                        "id": "00000000-0000-0000-0000-000000000002",
                        "type": "observe",
                        "content": "Reads the gauge.",
                        "dialogue": None,
                        "stage_direction": "nods",
                        "target": None,
                        "created_at": "2026-03-01T12:01:00+00:00",
                        "dweller": TIDE_REF,
                        "agent": ALICE_REF,
                        "in_reply_to": "00000000-0000-0000-0000-000000000001",
                    },
                    {
                        "id": "00000000-0000-0000-0000-000000000003",
                        "type": "observe",
                        "content": "Reads the gauge.",
                        "dialogue": None,
                        "stage_direction": None,
                        "target": None,
                        "created_at": "2026-03-01T14:00:00.000500+00:00",
                        "dweller": {
                            "id": "00000000-0000-0000-0000-0000000000d3",
                            "name": "Guest",
                            "role": "guest",
                            "portrait_url": None,
                        },
                        "agent": ALICE_REF,
                        "in_reply_to": "00000000-0000-0000-0000-000000000002",
                    },
                ],
                "action_count": 3,
                "world": WORLD_REF,
            },
            world_id=WORLD,
            agent_id=BOB,
            dweller_id=BURBLE,
            story_id=None,
        )
    ]


async def listed(db: AsyncSession) -> tuple[list[int], int]:
    """The numbers of the one conversation's actions, and how many it says there are."""
    [thread] = await payloads(db, "conversation")
    return [UUID(member["id"]).int for member in thread["actions"]], thread["action_count"]


async def test_long_conversations_list_the_root_and_the_newest(db: AsyncSession) -> None:
    await add(db, action(1), *(reply(number, to=1, minutes=number) for number in range(2, 51)))
    assert await listed(db) == ([*range(1, 51)], 50)
    await add(db, reply(51, to=50, minutes=51), reply(52, to=51, minutes=52))
    assert await listed(db) == ([1, *range(4, 53)], 52)


async def test_members_of_one_instant_go_by_id(db: AsyncSession) -> None:
    """The root comes first all the same."""
    await add(db, action(9), reply(3, to=9, minutes=0), reply(2, to=3, minutes=0))
    assert await listed(db) == ([9, 2, 3], 3)


async def test_a_reply_dated_before_its_root_still_comes_after_it(db: AsyncSession) -> None:
    """And the conversation is not older than its newest member, whichever that is."""
    await add(db, action(1), reply(2, to=1, minutes=-5))
    assert await listed(db) == ([1, 2], 2)
    [thread] = await payloads(db, "conversation")
    assert thread["created_at"] == thread["updated_at"] == "2026-03-01T12:00:00+00:00"


async def test_two_conversations_do_not_mix(db: AsyncSession) -> None:
    await add(
        db,
        action(1, 0),
        action(2, 1, dweller_id=TIDE, actor_id=ALICE),
        reply(3, to=1, minutes=2),
        reply(4, to=2, minutes=3),
    )
    threads = await found(db, "conversation")
    assert [
        ([UUID(member["id"]).int for member in item.payload["actions"]], item.dweller_id)
        for item in threads
    ] == [([1, 3], BURBLE), ([2, 4], TIDE)]
    assert [item.agent_id for item in threads] == [BOB, ALICE]


async def test_replies_that_go_in_circles_are_in_no_item(db: AsyncSession) -> None:
    await add(db, action(1), reply(2, to=1, minutes=1))
    await db.execute(
        text("UPDATE platform_dweller_actions SET in_reply_to_action_id = :two WHERE id = :one"),
        {"one": numbered(1), "two": numbered(2)},
    )
    assert await found(db, "conversation", "dweller_action", "activity_group") == []


# ── stories ──────────────────────────────────────────────────────────────────────────────────────


async def test_stories_and_what_becomes_of_them(db: AsyncSession) -> None:
    await add(
        db,
        story(
            1,
            summary="The court waits.",
            perspective=StoryPerspective.FIRST_PERSON_DWELLER,
            perspective_dweller_id=TIDE,
            status=StoryStatus.ACCLAIMED,
            reaction_count=2,
            comment_count=1,
            cover_image_url="cover",
            video_url="video",
            thumbnail_url="thumbnail",
            revision_count=3,
            last_revised_at=NOON + timedelta(minutes=1),
        ),
        StoryReview(
            id=numbered(2),
            story_id=numbered(1),
            reviewer_id=BOB,
            recommend_acclaim=True,
            improvements=[],
            canon_notes="",
            event_notes="",
            style_notes="",
            created_at=NOON + timedelta(minutes=2),
        ),
    )
    assert await found(db, "story_created", "story_revised", "story_reviewed") == [
        Expected(
            NOON,
            {
                "type": "story_created",
                "id": "00000000-0000-0000-0000-000000000001",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "story": {
                    "id": "00000000-0000-0000-0000-000000000001",
                    "title": "Ebb",
                    "summary": "The court waits.",
                    "perspective": "first_person_dweller",
                    "cover_image_url": "cover",
                    "video_url": "video",
                    "thumbnail_url": "thumbnail",
                    "reaction_count": 2,
                    "comment_count": 1,
                },
                "world": WORLD_REF,
                "agent": ALICE_REF,
                "perspective_dweller": {
                    "id": "00000000-0000-0000-0000-0000000000d2",
                    "name": "Tide",
                },
            },
            world_id=WORLD,
            agent_id=ALICE,
            dweller_id=None,
            story_id=numbered(1),
        ),
        Expected(
            NOON + timedelta(minutes=1),
            {
                "type": "story_revised",
                "id": "00000000-0000-0000-0000-000000000001-revision",
                "created_at": "2026-03-01T12:01:00+00:00",
                "sort_date": "2026-03-01T12:01:00+00:00",
                "story": {
                    "id": "00000000-0000-0000-0000-000000000001",
                    "title": "Ebb",
                    "summary": "The court waits.",
                    "revision_count": 3,
                    "status": "acclaimed",
                },
                "world": WORLD_REF,
                "agent": ALICE_REF,
            },
            world_id=WORLD,
            agent_id=ALICE,
            dweller_id=None,
            story_id=numbered(1),
        ),
        Expected(
            NOON + timedelta(minutes=2),
            {
                "type": "story_reviewed",
                "id": "00000000-0000-0000-0000-000000000002",
                "created_at": "2026-03-01T12:02:00+00:00",
                "sort_date": "2026-03-01T12:02:00+00:00",
                "reviewer_name": "bob",
                "reviewer_id": "00000000-0000-0000-0000-00000000000b",
                "story_id": "00000000-0000-0000-0000-000000000001",
                "story_title": "Ebb",
                "world_name": "Low Water",
                "recommends_acclaim": True,
            },
            world_id=WORLD,
            agent_id=BOB,
            dweller_id=None,
            story_id=numbered(1),
        ),
    ]


async def test_what_a_story_may_lack(db: AsyncSession) -> None:
    await add(
        db,
        story(1, revision_count=1),
        story(2, last_revised_at=NOON),
        story(3, revision_count=1, last_revised_at=NOON),
    )
    first, *_ = await payloads(db, "story_created")
    assert first["perspective_dweller"] is None
    assert first["story"] == {
        "id": "00000000-0000-0000-0000-000000000001",
        "title": "Ebb",
        "summary": None,
        "perspective": "third_person_limited",
        "cover_image_url": None,
        "video_url": None,
        "thumbnail_url": None,
        "reaction_count": 0,
        "comment_count": 0,
    }
    [revised] = await payloads(db, "story_revised")
    assert revised["story"] == {
        "id": "00000000-0000-0000-0000-000000000003",
        "title": "Ebb",
        "summary": None,
        "revision_count": 1,
        "status": "published",
    }


# ── reviews ──────────────────────────────────────────────────────────────────────────────────────


async def test_reviews_count_their_points(db: AsyncSession) -> None:
    await add(
        db,
        aspect(1),
        review(2, "aspect", 1),
        review(3, "aspect", 1, reviewer_id=ALICE, created_at=NOON + timedelta(minutes=1)),
        point(4, 2, NOON, severity=FeedbackSeverity.CRITICAL),
        point(5, 2, status=FeedbackItemStatus.OPEN, severity=FeedbackSeverity.CRITICAL),
        point(6, 2, status=FeedbackItemStatus.DISPUTED, severity=FeedbackSeverity.IMPORTANT),
    )
    assert await found(db, "review_submitted") == [
        Expected(
            NOON,
            {
                "type": "review_submitted",
                "id": "00000000-0000-0000-0000-000000000002",
                "created_at": "2026-03-01T12:00:00+00:00",
                "sort_date": "2026-03-01T12:00:00+00:00",
                "reviewer_name": "bob",
                "reviewer_id": "00000000-0000-0000-0000-00000000000b",
                "content_type": "aspect",
                "content_id": "00000000-0000-0000-0000-000000000001",
                "content_name": "The Long Ebb",
                "feedback_count": 3,
                "severities": {"critical": 2, "important": 1, "minor": 0},
            },
            world_id=None,
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        ),
        Expected(
            NOON + timedelta(minutes=1),
            {
                "type": "review_submitted",
                "id": "00000000-0000-0000-0000-000000000003",
                "created_at": "2026-03-01T12:01:00+00:00",
                "sort_date": "2026-03-01T12:01:00+00:00",
                "reviewer_name": "alice",
                "reviewer_id": "00000000-0000-0000-0000-00000000000a",
                "content_type": "aspect",
                "content_id": "00000000-0000-0000-0000-000000000001",
                "content_name": "The Long Ebb",
                "feedback_count": 0,
                "severities": {"critical": 0, "important": 0, "minor": 0},
            },
            world_id=None,
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
    ]


@pytest.mark.parametrize(
    ("content_type", "content_number", "name"),
    [
        ("proposal", 1, "Low Water"),
        ("proposal", 2, None),
        ("proposal", 0xDEAD, "Unknown"),
        ("aspect", 3, "The Long Ebb"),
        ("aspect", 1, "Unknown"),  # that is a proposal
        ("story", 4, "Ebb"),
        ("story", 0xDEAD, "Unknown"),
        ("dweller_proposal", 1, "Unknown"),
    ],
)
async def test_names_of_what_is_reviewed(
    db: AsyncSession, content_type: str, content_number: int, name: str | None
) -> None:
    await add(
        db,
        proposal(1),
        proposal(2, name=None),
        aspect(3),
        story(4),
        review(5, content_type, content_number),
        point(6, 5, NOON),
    )
    named = await payloads(db, "review_submitted", "feedback_resolved")
    assert [item["content_name"] for item in named] == [name, name]
    assert [item["content_id"] for item in named] == [str(numbered(content_number))] * 2


async def test_points_resolved_without_a_pause_are_one_item(db: AsyncSession) -> None:
    proposed, by_bob, by_alice = 1, 2, 3
    await add(
        db,
        proposal(proposed, name=None),
        review(by_bob, "proposal", proposed),
        review(by_alice, "proposal", proposed, reviewer_id=ALICE),
        # Half an hour apart: together. One instant more: the next batch.
        point(0x15, by_bob, NOON),
        point(0x14, by_bob, NOON + HALF_AN_HOUR),
        point(0x13, by_bob, NOON + 2 * HALF_AN_HOUR + INSTANT),
        # Of the same minutes, and another review's.
        point(0x12, by_alice, NOON + timedelta(minutes=15)),
        # In no batch: not resolved, whatever its date says, or resolved nobody knows when.
        point(0x16, by_bob, status=FeedbackItemStatus.OPEN),
        point(0x17, by_bob, NOON, status=FeedbackItemStatus.ADDRESSED),
        point(0x18, by_bob, status=FeedbackItemStatus.DISPUTED),
        point(0x19, by_bob, status=FeedbackItemStatus.RESOLVED),
    )
    assert await found(db, "feedback_resolved") == [
        Expected(
            NOON + timedelta(minutes=15),
            {
                "type": "feedback_resolved",
                "id": "feedback-resolved-00000000-0000-0000-0000-000000000003"
                "-00000000-0000-0000-0000-000000000012",
                "created_at": "2026-03-01T12:15:00+00:00",
                "sort_date": "2026-03-01T12:15:00+00:00",
                "reviewer_name": "alice",
                "content_type": "proposal",
                "content_id": "00000000-0000-0000-0000-000000000001",
                "content_name": None,
                "items_resolved": 1,
                "items_remaining": 0,
            },
            world_id=None,
            agent_id=ALICE,
            dweller_id=None,
            story_id=None,
        ),
        Expected(
            NOON + timedelta(minutes=30),
            {
                "type": "feedback_resolved",
                "id": "feedback-resolved-00000000-0000-0000-0000-000000000002"
                "-00000000-0000-0000-0000-000000000015",
                "created_at": "2026-03-01T12:30:00+00:00",
                "sort_date": "2026-03-01T12:30:00+00:00",
                "reviewer_name": "bob",
                "content_type": "proposal",
                "content_id": "00000000-0000-0000-0000-000000000001",
                "content_name": None,
                "items_resolved": 2,
                "items_remaining": 3,
            },
            world_id=None,
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        ),
        Expected(
            NOON + timedelta(hours=1, microseconds=1),
            {
                "type": "feedback_resolved",
                "id": "feedback-resolved-00000000-0000-0000-0000-000000000002"
                "-00000000-0000-0000-0000-000000000013",
                "created_at": "2026-03-01T13:00:00.000001+00:00",
                "sort_date": "2026-03-01T13:00:00.000001+00:00",
                "reviewer_name": "bob",
                "content_type": "proposal",
                "content_id": "00000000-0000-0000-0000-000000000001",
                "content_name": None,
                "items_resolved": 1,
                "items_remaining": 3,
            },
            world_id=None,
            agent_id=BOB,
            dweller_id=None,
            story_id=None,
        ),
    ]


async def test_points_resolved_at_one_instant_go_by_id(db: AsyncSession) -> None:
    await add(db, story(1), review(2, "story", 1), point(5, 2, NOON), point(4, 2, NOON))
    [item] = await payloads(db, "feedback_resolved")
    assert item["id"] == f"feedback-resolved-{numbered(2)}-{numbered(4)}"
    assert item["items_resolved"] == 2
