"""What dwellers do: looking around, moving, speaking, answering; and what the feed says of it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import Dweller, DwellerAction, Notification
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import dated, moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.dwellers import (
    act,
    create,
    detail,
    found_world,
    look,
    release,
    say,
    settle,
    token,
)
from tests.support.feed import feed, of_type, shown_acts, the_only
from tests.support.tables import nothing_written

Client = httpx2.AsyncClient

NOBODY = UUID(int=0)


@pytest.fixture
async def alice(client: Client) -> Agent:
    [alice] = await register(client, "Alice")
    return alice


@pytest.fixture
async def bob(client: Client, alice: Agent) -> Agent:
    [bob] = await register(client, "Bob")
    return bob


@pytest.fixture
async def world(alice: Agent) -> str:
    """Alice's, with two regions."""
    return await found_world(alice, "Upper Reach", "Delta")


@pytest.fixture
async def burble(alice: Agent, world: str) -> str:
    """A dweller that Alice inhabits."""
    return await settle(alice, world, name="Burble")


@pytest.fixture
async def ferry(bob: Agent, world: str) -> str:
    """A dweller that Bob inhabits."""
    return await settle(bob, world, name="Ferry")


async def try_to(agent: Agent, dweller: str, **changes: Any) -> httpx2.Response:
    """Looks around and acts, whatever comes of it."""
    body = bodies.act(await token(agent, dweller), **changes)
    return await agent.post(f"/dwellers/{dweller}/act", body)


async def try_to_say(agent: Agent, dweller: str, to: str, **changes: Any) -> httpx2.Response:
    return await try_to(agent, dweller, action_type="speak", target=to, **changes)


async def change(db: AsyncSession, dweller: str, **values: Any) -> None:
    await db.execute(update(Dweller).where(Dweller.id == UUID(dweller)).values(**values))
    await db.commit()


# ── acting ───────────────────────────────────────────────────────────────────────────────────────


async def test_act(client: Client, alice: Agent, world: str, burble: str) -> None:
    answer = await act(alice, burble, target="the gauge", stage_direction="kneeling")
    action = answer["action"]
    assert answer == {
        "action": {
            "id": action["id"],
            "type": "observe",
            "target": "the gauge",
            "content": bodies.act("")["content"],
            "dialogue": None,
            "stage_direction": "kneeling",
            "importance": 0.5,
            "in_reply_to_action_id": None,
            "created_at": action["created_at"],
        },
        "dweller_name": "Burble",
        "message": answer["message"],
        "nudge": {
            "action": "look_around",
            "message": answer["nudge"]["message"],
            "endpoint": f"/api/dwellers/{burble}/act/context",
            "urgency": "low",
        },
    }
    [newest, *_] = await feed(client)
    assert newest == {
        "type": "dweller_action",
        "id": action["id"],
        **dated(action["created_at"]),
        "action": {
            "type": "observe",
            "content": bodies.act("")["content"],
            "dialogue": None,
            "stage_direction": "kneeling",
            "target": "the gauge",
        },
        "dweller": {
            "id": burble,
            "name": "Burble",
            "role": "gauge reader",
            "portrait_url": None,
        },
        "world": {"id": world, "name": "River Courts", "year_setting": 2140},
        "agent": alice.ref,
    }
    for filters in ({"world_id": world}, {"agent_id": alice.id}, {"dweller_id": burble}):
        assert of_type(await feed(client, **filters), "dweller_action") == [newest]
    session = ok(await alice.get(f"/dwellers/{burble}/state"))["session"]
    assert moment(session["last_action_at"]) == moment(action["created_at"])


async def test_every_act_is_shown(client: Client, alice: Agent, burble: str) -> None:
    """Alone, or among others of its dweller; never twice."""
    ids = []
    for count in range(1, 4):
        ids.append((await act(alice, burble))["action"]["id"])
        [item] = of_type(await feed(client), "dweller_action", "activity_group")
        assert item["type"] == ("dweller_action" if count == 1 else "activity_group")
        assert [shown["id"] for shown in shown_acts([item])] == ids


@pytest.mark.parametrize(("importance", "eligible"), [(0.79, False), (0.8, True), (1, True)])
async def test_importance(alice: Agent, burble: str, importance: float, eligible: bool) -> None:
    answer = await act(alice, burble, importance=importance)
    assert ("escalation" in answer) is eligible
    if eligible:
        assert answer["escalation"]["eligible"] is True
        assert answer["action"]["id"] in answer["escalation"]["confirm_url"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("context_token", None),
        ("context_token", "no uuid"),
        ("action_type", ""),
        ("action_type", "x" * 51),
        ("target", "x" * 256),
        ("content", ""),
        ("content", None),
        ("dialogue", ""),
        ("stage_direction", ""),
        ("importance", -0.1),
        ("importance", 1.1),
        ("importance", "NaN"),
        ("in_reply_to_action_id", "no uuid"),
    ],
)
async def test_bad_act(alice: Agent, burble: str, field: str, value: Any) -> None:
    body = bodies.act(str(uuid4()), **{field: value})
    answer = await alice.post(f"/dwellers/{burble}/act", body)
    assert unprocessable(answer) == [f"body -> {field}"]


async def test_only_the_inhabitant_acts(
    client: Client, alice: Agent, bob: Agent, burble: str, db: AsyncSession
) -> None:
    body = bodies.act(await token(alice, burble))
    async with nothing_written(db):
        refused(await bob.post(f"/dwellers/{burble}/act", body), 403, dweller_id=burble)
        answer = await bob.post(f"/dwellers/{NOBODY}/act", body)
        refused(answer, 404, dweller_id=str(NOBODY))
        refused(await client.post(f"/api/dwellers/{burble}/act", json=body), 401)
    await release(alice, burble)
    refused(await alice.post(f"/dwellers/{burble}/act", body), 403, dweller_id=burble)


async def test_a_reply_to_nothing(alice: Agent, burble: str, db: AsyncSession) -> None:
    """Where nobody in particular is spoken to, only the reference itself is checked."""
    body = bodies.act(await token(alice, burble), in_reply_to_action_id=str(NOBODY))
    async with nothing_written(db):
        error = refused(await alice.post(f"/dwellers/{burble}/act", body), 400)
    assert error == "Invalid Reference"


# ── the context token ────────────────────────────────────────────────────────────────────────────


async def test_a_token_lasts_for_many_acts(alice: Agent, burble: str) -> None:
    body = bodies.act(await token(alice, burble))
    for _ in range(3):
        ok(await alice.post(f"/dwellers/{burble}/act", body))


async def test_a_token_is_replaced_by_the_next(alice: Agent, burble: str) -> None:
    refused(await alice.post(f"/dwellers/{burble}/act", bodies.act(str(uuid4()))), 400)
    first, second = await token(alice, burble), await token(alice, burble)
    refused(await alice.post(f"/dwellers/{burble}/act", bodies.act(first)), 400)
    ok(await alice.post(f"/dwellers/{burble}/act", bodies.act(second)))


async def test_a_token_belongs_to_its_dweller(alice: Agent, burble: str, world: str) -> None:
    other = await settle(alice, world)
    await token(alice, other)
    body = bodies.act(await token(alice, burble))
    refused(await alice.post(f"/dwellers/{other}/act", body), 400)


async def test_a_token_expires(alice: Agent, burble: str, db: AsyncSession) -> None:
    body = bodies.act(await token(alice, burble))
    await change(db, burble, last_context_at=Dweller.last_context_at - timedelta(minutes=59))
    ok(await alice.post(f"/dwellers/{burble}/act", body))
    await change(db, burble, last_context_at=Dweller.last_context_at - timedelta(minutes=2))
    error = refused(await alice.post(f"/dwellers/{burble}/act", body), 400)
    assert "expired" in error


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("target", "region", "spot", "canonical"),
    [
        ("Delta", "Delta", None, "Delta"),
        (" dELTA ", "Delta", None, "Delta"),
        ("delta: the third berth", "Delta", "the third berth", "Delta: the third berth"),
        ("Delta:", "Delta", None, "Delta"),
        ("Delta: pier: end", "Delta", "pier: end", "Delta: pier: end"),
    ],
)
async def test_move(
    client: Client,
    alice: Agent,
    burble: str,
    target: str,
    region: str,
    spot: str | None,
    canonical: str,
) -> None:
    answer = await act(alice, burble, action_type="move", target=target)
    place = {"current_region": region, "specific_location": spot}
    assert answer["new_location"] == place
    assert answer["action"]["target"] == canonical
    shown = await detail(alice, burble)
    assert {key: shown[key] for key in place} == place
    assert the_only(await feed(client), "dweller_action")["action"]["target"] == canonical


async def test_a_region_with_a_colon(alice: Agent) -> None:
    world = await found_world(alice, "Lock", "Lock: Lower")
    dweller = await settle(alice, world, origin_region="Lock")
    for target, region, spot in (
        ("lock: lower", "Lock: Lower", None),
        ("lock: lower: gate", "Lock: Lower", "gate"),
        ("lock: upper", "Lock", "upper"),
    ):
        answer = await act(alice, dweller, action_type="move", target=target)
        assert answer["new_location"] == {"current_region": region, "specific_location": spot}


@pytest.mark.parametrize("target", [None, "", " ", "Del", "The Delta", ": Delta", "Nowhere: here"])
async def test_a_move_to_nowhere(
    alice: Agent, burble: str, db: AsyncSession, target: str | None
) -> None:
    body = bodies.act(await token(alice, burble), action_type="move", target=target)
    async with nothing_written(db):
        answer = await alice.post(f"/dwellers/{burble}/act", body)
        refused(answer, 400, available_regions=["Upper Reach", "Delta"])


# ── speaking ─────────────────────────────────────────────────────────────────────────────────────


async def test_speak(
    client: Client, alice: Agent, bob: Agent, burble: str, ferry: str, db: AsyncSession
) -> None:
    answer = await act(
        alice,
        burble,
        action_type="speak",
        target="fERRY ",
        content="Asks for the level.",
        dialogue="How low?",
    )
    assert answer["action"]["target"] == "Ferry"
    assert answer["notification"]["target_notified"] is True
    card = the_only(await feed(client), "dweller_action")["action"]
    assert card == {
        "type": "speak",
        "content": "Asks for the level.",
        "dialogue": "How low?",
        "stage_direction": None,
        "target": "Ferry",
    }
    [notice] = (await db.scalars(select(Notification))).all()
    assert (str(notice.user_id), str(notice.target_id)) == (bob.id, ferry)
    assert notice.data == {
        "action_id": answer["action"]["id"],
        "from_dweller": "Burble",
        "from_dweller_id": burble,
        "content": "Asks for the level.",
    }


async def test_speaking_to_somebody_without_an_agent(
    alice: Agent, bob: Agent, burble: str, ferry: str, db: AsyncSession
) -> None:
    await release(bob, ferry)
    answer = await act(alice, burble, action_type="speak", target="Ferry")
    assert answer["notification"]["target_notified"] is False
    assert not (await db.scalars(select(Notification))).all()


async def test_speaking_to_nobody_in_particular(alice: Agent, burble: str) -> None:
    for target in (None, " "):
        answer = await act(alice, burble, action_type="speak", target=target)
        assert answer["action"]["target"] is None
        assert "notification" not in answer


async def test_speaking_to_who_is_not_there(
    alice: Agent, world: str, burble: str, ferry: str, db: AsyncSession
) -> None:
    elsewhere = await found_world(alice)
    await create(alice, elsewhere, name="Stranger")
    gone = await create(alice, world, name="Gone")
    await change(db, gone["id"], is_active=False)
    body = bodies.act(await token(alice, burble), action_type="speak")
    async with nothing_written(db):
        for target in ("Nobody", "Burble", "Stranger", "Gone", "Fer"):
            answer = await alice.post(f"/dwellers/{burble}/act", body | {"target": target})
            refused(answer, 400, available_dwellers=["Ferry"], dweller_count=1)


async def test_other_acts_may_be_aimed_at_anything(alice: Agent, burble: str) -> None:
    answer = await act(alice, burble, action_type="interact", target="the old crane")
    assert answer["action"]["target"] == "the old crane"


# ── answering ────────────────────────────────────────────────────────────────────────────────────


async def test_a_conversation(
    client: Client, alice: Agent, bob: Agent, world: str, burble: str, ferry: str
) -> None:
    question = await say(alice, burble, "Ferry", "How low?")
    answer = await say(bob, ferry, "Burble", "Two hands.", in_reply_to_action_id=question)
    thanks = await say(alice, burble, "Ferry", "Ah.", in_reply_to_action_id=answer)
    items = await feed(client)
    talk = the_only(items, "conversation")
    assert shown_acts(items) == talk["actions"]
    assert [(shown["id"], shown["in_reply_to"]) for shown in talk["actions"]] == [
        (question, None),
        (answer, question),
        (thanks, answer),
    ]
    assert [shown["dweller"]["id"] for shown in talk["actions"]] == [burble, ferry, burble]
    for filters in ({"world_id": world}, {"agent_id": alice.id}, {"dweller_id": burble}):
        assert of_type(await feed(client, **filters), "conversation") == [talk]


async def test_who_is_spoken_to_answers_first(
    alice: Agent, bob: Agent, burble: str, ferry: str, db: AsyncSession
) -> None:
    first = await say(alice, burble, "Ferry", "How low?")
    later = await act(alice, burble, action_type="speak", target=None)
    assert later["nudge"]["urgency"] == "low"
    body = bodies.act(await token(bob, ferry), action_type="speak", target="Burble")
    async with nothing_written(db):
        answer = await bob.post(f"/dwellers/{ferry}/act", body)
        refused(answer, 400, context={"partner": "Burble", "unanswered_action_ids": [first]})
    aside = await act(bob, ferry, action_type="speak")
    assert aside["nudge"] | {"message": ""} == {
        "action": "reply",
        "message": "",
        "endpoint": f"/api/dwellers/{ferry}/pending",
        "urgency": "high",
    }
    await say(bob, ferry, "Burble", "Two hands.", in_reply_to_action_id=first)


async def test_who_goes_on_says_with_what(
    alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    first = await say(alice, burble, "Ferry", "How low?")
    answer = await try_to_say(alice, burble, "Ferry")
    waiting = {"partner": "Ferry", "last_action_id": first, "reply_to_action_id": None}
    refused(answer, 400, context=waiting)
    second = await say(bob, ferry, "Burble", "Two hands.", in_reply_to_action_id=first)
    answer = await try_to_say(bob, ferry, "Burble")
    going_on = {"partner": "Burble", "last_action_id": second, "reply_to_action_id": first}
    refused(answer, 400, context=going_on)
    await say(bob, ferry, "Burble", "And falling.", in_reply_to_action_id=first)


async def test_replies_to_the_wrong_thing(
    alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    mine = await say(alice, burble, "Ferry", "How low?")
    deed = (await act(bob, ferry))["action"]["id"]
    for wrong in (str(NOBODY), mine, deed):
        answer = await try_to_say(alice, burble, "Ferry", in_reply_to_action_id=wrong)
        refused(answer, 400, context={"partner": "Ferry", "in_reply_to_action_id": wrong})


async def test_what_was_said_to_nobody_can_be_answered(
    alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    murmur = (await act(bob, ferry, action_type="speak", content="Low again."))["action"]["id"]
    await say(alice, burble, "Ferry", "How low?", in_reply_to_action_id=murmur)


async def test_another_world_is_out_of_earshot(alice: Agent, bob: Agent, burble: str) -> None:
    """Names are a world's own: what is said to a Burble elsewhere concerns nobody here."""
    elsewhere = await found_world(alice)
    speaker = await settle(bob, elsewhere, name="Ferry")
    await create(alice, elsewhere, name="Burble")
    await say(bob, speaker, "Burble", "Who are you?")
    pending = ok(await alice.get(f"/dwellers/{burble}/pending"))
    assert pending["pending_conversations"] == []


# ── looking around ───────────────────────────────────────────────────────────────────────────────


async def test_context(alice: Agent, burble: str, world: str) -> None:
    seen = await look(alice, burble)
    shown = await detail(alice, burble)
    state = ok(await alice.get(f"/dwellers/{burble}/state"))
    assert UUID(seen.pop("context_token"))
    assert moment(seen["delta"].pop("since")) == moment(seen["session"]["last_action_at"])
    session = seen.pop("session")
    assert session.keys() == state["session"].keys()
    assert seen == {
        "expires_in_minutes": 60,
        "delta": {
            "new_actions_in_region": [],
            "arrived_dwellers": [],
            "departed_dwellers": [],
            "canon_changes": [],
            "new_conversations": 0,
            "world_events": [],
        },
        "world_canon": state["world_canon"],
        "persona": {
            key: shown[key]
            for key in ("name", "role", "age", "personality", "cultural_identity", "background")
        },
        "memory": {
            "core_memories": [],
            "personality_blocks": {},
            "recent_episodes": [],
            "relationships": {},
        },
        "conversations": [],
        "recent_region_activity": [],
        "location": {"current_region": "Upper Reach", "specific_location": None},
        "other_dwellers": [],
    }
    assert state["world_canon"]["id"] == world
    assert state["world_canon"]["canon_summary"] == state["world_canon"]["premise"]


async def test_context_without_a_body(alice: Agent, burble: str) -> None:
    assert ok(await alice.post(f"/dwellers/{burble}/act/context"))["context_token"]


async def test_refused_context(
    client: Client, alice: Agent, bob: Agent, burble: str, db: AsyncSession
) -> None:
    async with nothing_written(db):
        answer = await bob.post(f"/dwellers/{burble}/act/context")
        refused(answer, 403, context={"dweller_id": burble})
        answer = await bob.post(f"/dwellers/{NOBODY}/act/context")
        refused(answer, 404, context={"dweller_id": str(NOBODY)})
        refused(await client.post(f"/api/dwellers/{burble}/act/context"), 401)
        unprocessable(await alice.post(f"/dwellers/{burble}/act/context", {"target": "x" * 256}))


async def test_context_shows_conversations(
    alice: Agent, bob: Agent, world: str, burble: str, ferry: str
) -> None:
    carol = await settle(bob, world, name="Weir")
    question = await say(alice, burble, "Ferry", "How low?")
    greeting = await say(bob, carol, "Burble", "Good morning.")
    answer = await say(bob, ferry, "Burble", "Two hands.", in_reply_to_action_id=question)

    seen = await look(alice, burble)

    assert seen["delta"]["new_conversations"] == 2
    with_ferry, with_weir = seen["conversations"]
    relationship = with_ferry.pop("relationship")
    assert [entry["event"] for entry in relationship["history"]] == ["speak: How low?"]
    for speech in with_ferry["thread"]:
        assert moment(speech.pop("created_at"))
    assert with_ferry == {
        "with_dweller": "Ferry",
        "dweller_id": ferry,
        "thread": [
            {
                "action_id": question,
                "speaker": "Burble",
                "content": "How low?",
                "dialogue": None,
                "in_reply_to": None,
                "awaiting_your_reply": False,
            },
            {
                "action_id": answer,
                "speaker": "Ferry",
                "content": "Two hands.",
                "dialogue": None,
                "in_reply_to": question,
                "awaiting_your_reply": True,
            },
        ],
        "unanswered_count": 1,
        "your_turn": True,
    }
    assert (with_weir["dweller_id"], with_weir["relationship"]) == (carol, None)
    assert [speech["action_id"] for speech in with_weir["thread"]] == [greeting]

    await say(alice, burble, "Weir", "Morning.", in_reply_to_action_id=greeting)
    [only] = (await look(alice, burble, target="weir"))["conversations"]
    assert (only["with_dweller"], only["unanswered_count"], only["your_turn"]) == (
        "Weir",
        0,
        False,
    )
    assert (await look(alice, burble, target="Nobody"))["conversations"] == []


async def test_context_shows_the_neighbourhood(
    alice: Agent, bob: Agent, world: str, burble: str, ferry: str
) -> None:
    weir = await settle(bob, world, name="Weir", origin_region="Delta")
    await look(alice, burble)
    await act(alice, burble)
    deed = (await act(bob, ferry, content="Casts off."))["action"]
    await act(bob, weir, content="Far away.")

    seen = await look(alice, burble)
    nearby = [
        {
            "id": deed["id"],
            "dweller_id": ferry,
            "dweller_name": "Ferry",
            "action_type": "observe",
            "target": None,
            "content": "Casts off.",
            "dialogue": None,
            "created_at": deed["created_at"],
        }
    ]
    assert seen["recent_region_activity"] == seen["delta"]["new_actions_in_region"] == nearby
    assert seen["other_dwellers"] == [
        {
            "id": ferry,
            "name": "Ferry",
            "role": "gauge reader",
            "current_region": "Upper Reach",
            "is_inhabited": True,
        },
        {
            "id": weir,
            "name": "Weir",
            "role": "gauge reader",
            "current_region": "Delta",
            "is_inhabited": True,
        },
    ]
    again = await look(alice, burble)
    assert again["recent_region_activity"] == nearby
    assert again["delta"]["new_actions_in_region"] == []


async def test_context_shows_who_came_and_went(
    alice: Agent, bob: Agent, world: str, burble: str, ferry: str
) -> None:
    weir = await settle(bob, world, name="Weir", origin_region="Delta")

    async def moves() -> tuple[list[str], list[str]]:
        delta = (await look(alice, burble))["delta"]
        arrived, departed = delta["arrived_dwellers"], delta["departed_dwellers"]
        return [one["name"] for one in arrived], [one["name"] for one in departed]

    async def go(dweller: str, *regions: str) -> None:
        for region in regions:
            await act(bob, dweller, action_type="move", target=region)

    assert await moves() == ([], [])
    await go(weir, "Upper Reach: the lock")
    await go(ferry, "delta")
    assert await moves() == (["Weir"], ["Ferry"])
    assert await moves() == ([], [])
    await go(weir, "Delta", "Upper Reach")
    await go(ferry, "Delta: pier", "Upper Reach", "Delta")
    assert await moves() == ([], [])
    await go(ferry, "Upper Reach")
    await go(weir, "Delta")
    assert await moves() == (["Ferry"], ["Weir"])


async def test_context_shows_new_canon(alice: Agent, world: str, burble: str) -> None:
    await look(alice, burble)
    made = ok(await alice.post(f"/aspects/worlds/{world}/aspects", ASPECT))["aspect"]
    ok(await alice.post(f"/aspects/{made['id']}/submit"))
    assert (await look(alice, burble))["delta"]["canon_changes"] == []
    summary = {"updated_canon_summary": "Courts float, and their judges may not own land." * 2}
    ok(await alice.post(f"/aspects/{made['id']}/test-approve", summary))
    seen = await look(alice, burble)
    [change] = seen["delta"]["canon_changes"]
    assert moment(change.pop("approved_at"))
    assert change == {
        "aspect_id": made["id"],
        "type": "institution",
        "title": "The Barge Bench",
        "premise": ASPECT["premise"],
    }
    assert seen["world_canon"]["canon_summary"] == summary["updated_canon_summary"]
    assert (await look(alice, burble))["delta"]["canon_changes"] == []


ASPECT: Json = {
    "aspect_type": "institution",
    "title": "The Barge Bench",
    "premise": "Judges live aboard and may not own land.",
    "content": {"seats": 7},
    "canon_justification": "Courts float in this world, so somebody has to crew them.",
}


# ── state ────────────────────────────────────────────────────────────────────────────────────────


async def test_state(alice: Agent, bob: Agent, burble: str, ferry: str) -> None:
    await say(bob, ferry, "Burble", "Well?")
    await act(alice, burble, content="Listens.")
    state = ok(await alice.get(f"/dwellers/{burble}/state"))
    assert state.keys() == {
        "dweller_id",
        "world_canon",
        "persona",
        "cultural_context",
        "location",
        "memory",
        "memory_metrics",
        "current_state",
        "session",
        "other_dwellers",
        "pending_conversations_summary",
    }
    assert state["dweller_id"] == burble
    assert state["cultural_context"] == {
        "origin_region": "Upper Reach",
        "generation": "second after the flood",
        "region_details": bodies.region(),
    }
    assert state["memory"].keys() == {
        "core_memories",
        "personality_blocks",
        "summaries",
        "recent_episodes",
        "relationships",
    }
    assert [episode["content"] for episode in state["memory"]["recent_episodes"]] == ["Listens."]
    assert state["memory_metrics"] == {
        "working_memory_size": 50,
        "core_memories": 0,
        "episodes": 1,
        "episodes_in_working_memory": 1,
        "summaries": 0,
        "relationships": 0,
    }
    assert state["current_state"] == {"situation": ""}
    assert [other["id"] for other in state["other_dwellers"]] == [ferry]
    assert state["pending_conversations_summary"]["unanswered_speaks"] == 1


@pytest.mark.parametrize(
    ("hours", "left", "warning", "imminent"),
    [(19.9, 4.1, False, False), (20.1, 3.9, True, True), (30, 0, True, True)],
)
async def test_session(
    alice: Agent,
    burble: str,
    db: AsyncSession,
    hours: float,
    left: float,
    warning: bool,
    imminent: bool,
) -> None:
    await change(db, burble, last_action_at=Dweller.last_action_at - timedelta(hours=hours))
    session = ok(await alice.get(f"/dwellers/{burble}/state"))["session"]
    assert session["hours_since_action"] == pytest.approx(hours, abs=0.05)
    assert session["hours_until_timeout"] == pytest.approx(left, abs=0.05)
    assert (session["timeout_warning"], session["timeout_imminent"]) == (warning, imminent)


async def test_a_session_of_an_older_database(alice: Agent, burble: str, db: AsyncSession) -> None:
    """Where no last action was recorded, nothing is known."""
    await change(db, burble, last_action_at=None)
    session = ok(await alice.get(f"/dwellers/{burble}/state"))["session"]
    assert session == {
        "last_action_at": None,
        "hours_since_action": None,
        "hours_until_timeout": None,
        "timeout_warning": False,
        "timeout_imminent": False,
    }
    assert await token(alice, burble)


async def test_state_is_the_inhabitants(client: Client, bob: Agent, burble: str) -> None:
    refused(await bob.get(f"/dwellers/{burble}/state"), 403, dweller_id=burble)
    refused(await bob.get(f"/dwellers/{NOBODY}/state"), 404, dweller_id=str(NOBODY))
    refused(await client.get(f"/api/dwellers/{burble}/state"), 401)


# ── at the same time ─────────────────────────────────────────────────────────────────────────────


async def test_acts_of_one_dweller_wait_for_each_other(
    client: Client, alice: Agent, burble: str, ferry: str
) -> None:
    """None of the memories that all of them add to is lost."""
    shared = await token(alice, burble)
    acts = [
        alice.post(
            f"/dwellers/{burble}/act",
            bodies.act(shared, content=str(number), target="Ferry", action_type="help"),
        )
        for number in range(12)
    ]
    for answer in await asyncio.gather(*acts):
        ok(answer)
    items = await feed(client)
    group = the_only(items, "activity_group")
    assert shown_acts(items) == group["actions"]
    contents = [shown["content"] for shown in group["actions"]]
    assert sorted(contents) == sorted(str(number) for number in range(12))
    memory = ok(await alice.get(f"/dwellers/{burble}/memory"))
    assert [episode["content"] for episode in memory["episodic_memories"]] == contents
    assert len(memory["relationship_memories"]["Ferry"]["history"]) == 12


async def test_two_speak_to_each_other_at_once(
    alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    """Neither could have heard the other, so both speak, and both are to answer."""
    requests = [
        agent.post(
            f"/dwellers/{dweller}/act",
            bodies.act(await token(agent, dweller), action_type="speak", target=target),
        )
        for agent, dweller, target in ((alice, burble, "Ferry"), (bob, ferry, "Burble"))
    ]
    spoken = [answer for answer in await asyncio.gather(*requests) if answer.status_code == 200]
    assert spoken
    waiting = [
        ok(await agent.get(f"/dwellers/{dweller}/pending"))["unanswered_count"]
        for agent, dweller in ((alice, burble), (bob, ferry))
    ]
    assert sum(waiting) == len(spoken)


async def test_act_against_release_and_claim(
    client: Client, alice: Agent, bob: Agent, burble: str
) -> None:
    """An act belongs to who inhabited the dweller at its moment, or is refused."""
    body = bodies.act(await token(alice, burble))
    answers = await asyncio.gather(
        *(alice.post(f"/dwellers/{burble}/act", body) for _ in range(3)),
        alice.post(f"/dwellers/{burble}/release"),
        bob.post(f"/dwellers/{burble}/claim"),
    )
    acted = [ok(answer)["action"]["id"] for answer in answers[:3] if answer.status_code == 200]
    assert all(answer.status_code in (200, 403) for answer in answers[:3])
    assert answers[3].status_code == 200
    assert answers[4].status_code in (200, 400)
    shown = [one["id"] for one in shown_acts(await feed(client))]
    assert sorted(shown) == sorted(acted)


class TestWithDedupWindow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"dedup_window_override_seconds": None})

    async def test_fifteen_seconds_between_two_acts(
        self, alice: Agent, bob: Agent, burble: str, ferry: str, db: AsyncSession
    ) -> None:
        first = (await act(alice, burble))["action"]["id"]
        refused(await try_to(alice, burble, content="Again."), 429, existing_action_id=first)
        nonsense = await try_to(alice, burble, action_type="move", target="Nowhere")
        refused(nonsense, 429, existing_action_id=first)
        await act(bob, ferry)
        earlier = DwellerAction.created_at - timedelta(seconds=15)
        await db.execute(update(DwellerAction).values(created_at=earlier))
        await db.commit()
        await act(alice, burble)

    async def test_at_the_same_time(self, client: Client, alice: Agent, burble: str) -> None:
        body = bodies.act(await token(alice, burble))
        acts = [alice.post(f"/dwellers/{burble}/act", body) for _ in range(5)]
        answers = await asyncio.gather(*acts)
        assert sorted(answer.status_code for answer in answers) == [200] + [429] * 4
        assert the_only(await feed(client), "dweller_action")
