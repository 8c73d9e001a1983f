"""What dwellers remember. Every write is read back: none of it may be lost."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dweller
from tests.support.agents import Agent, register
from tests.support.answers import moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.dwellers import act, detail, found_world, release, say, settle
from tests.support.tables import nothing_written

Client = httpx2.AsyncClient

NOBODY = UUID(int=0)
THOUGHT = "The gauge has never lied, but it has been misread."
PERIOD: Json = {
    "period": "the dry month",
    "summary": "The river sank by two hands and the court with it.",
    "key_events": ["The bench ran aground"],
    "emotional_arc": "patience, then none",
}


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
    return await found_world(alice)


@pytest.fixture
async def burble(bob: Agent, world: str) -> str:
    """A dweller of Alice's world that Bob inhabits."""
    return await settle(bob, world, name="Burble")


async def memory(agent: Agent, dweller: str) -> Json:
    return ok(await agent.get(f"/dwellers/{dweller}/memory"))


async def send(agent: Agent, method: str, dweller: str, path: str, body: Any) -> httpx2.Response:
    path = f"/dwellers/{dweller}/{path}"
    if method == "GET":
        return await agent.get(path)
    return await (agent.post if method == "POST" else agent.patch)(path, body)


async def change(agent: Agent, dweller: str, what: str, body: Json) -> Json:
    return ok(await agent.patch(f"/dwellers/{dweller}/memory/{what}", body))


# ── what acting leaves behind ────────────────────────────────────────────────────────────────────


async def test_an_act_is_an_episode(bob: Agent, burble: str) -> None:
    acts = [
        (await act(bob, burble, content="Reads.", importance=0.9))["action"],
        (await act(bob, burble, action_type="move", target="upper reach"))["action"],
    ]
    episodes = (await memory(bob, burble))["episodic_memories"]
    for episode, action in zip(episodes, acts, strict=True):
        assert UUID(episode.pop("id"))
        assert moment(episode.pop("timestamp")) == moment(action["created_at"])
        assert episode == {
            "action_id": action["id"],
            "type": action["type"],
            "content": action["content"],
            "target": action["target"],
            "importance": action["importance"],
        }
    assert (await detail(bob, burble))["episodic_memory_count"] == 2


async def test_acts_make_history(alice: Agent, bob: Agent, world: str, burble: str) -> None:
    """The second event and every later one is kept, too; moves are no relationship."""
    ferry = await settle(alice, world, name="Ferry")
    await say(bob, burble, "ferry", "How low?")
    await act(bob, burble, action_type="help", target="FERRY", content="Holds the rope.")
    await act(bob, burble, action_type="move", target="Upper Reach")
    await act(bob, burble)
    long = await act(bob, burble, action_type="mend", target="the old crane", content="x" * 300)
    relationships = (await memory(bob, burble))["relationship_memories"]
    history = relationships["Ferry"]["history"]
    assert [entry["event"] for entry in history] == ["speak: How low?", "help: Holds the rope."]
    assert {entry["sentiment"] for entry in history} == {"neutral"}
    assert relationships.keys() == {"Ferry", "the old crane"}
    [entry] = relationships["the old crane"]["history"]
    assert entry["event"] == f"mend: {'x' * 194}..."
    assert moment(entry["timestamp"]) == moment(long["action"]["created_at"])
    assert (await memory(alice, ferry))["relationship_memories"] == {}


@pytest.mark.parametrize(
    ("remembered", "status"),
    [
        ({"current_status": "rival", "history": [{"event": "before"}]}, "rival"),
        ({"current_status": "rival", "history": "long"}, "rival"),
        ({"note": "owes me"}, "known"),
        ("rival", "rival"),
        (["rival"], "known"),
        (None, "known"),
    ],
)
async def test_relationships_as_creators_write_them(
    bob: Agent, world: str, remembered: Any, status: str
) -> None:
    dweller = await settle(bob, world, relationship_memories={"Ferry": remembered})
    await act(bob, dweller, action_type="help", target="ferry", content="Rows.")
    await act(bob, dweller, action_type="help", target="Ferry", content="Rows on.")
    relationship = (await memory(bob, dweller))["relationship_memories"]["Ferry"]
    assert relationship["current_status"] == status
    events = [entry["event"] for entry in relationship["history"]]
    assert events[-2:] == ["help: Rows.", "help: Rows on."]
    if isinstance(remembered, dict):
        assert relationship.keys() == {*remembered, "current_status", "history"}


async def test_working_memory_is_limited(
    bob: Agent, world: str, burble: str, db: AsyncSession
) -> None:
    for number in range(3):
        await act(bob, burble, content=str(number))
    for size, contents in ((2, ["1", "2"]), (0, [])):
        await db.execute(
            update(Dweller).where(Dweller.id == UUID(burble)).values(working_memory_size=size)
        )
        await db.commit()
        state = ok(await bob.get(f"/dwellers/{burble}/state"))
        recent = [episode["content"] for episode in state["memory"]["recent_episodes"]]
        assert recent == contents
        metrics = state["memory_metrics"]
        assert (metrics["episodes"], metrics["episodes_in_working_memory"]) == (3, size)
    assert len((await memory(bob, burble))["episodic_memories"]) == 3


# ── changing it ──────────────────────────────────────────────────────────────────────────────────


async def test_core(bob: Agent, burble: str) -> None:
    saved = await change(bob, burble, "core", {"add": ["The sill", "The flood", "The sill"]})
    assert saved["core_memories"] == ["The sill", "The flood"]
    body = {"add": ["The court", "The flood"], "remove": ["The sill", "Nothing like it"]}
    saved = await change(bob, burble, "core", body)
    assert saved["core_memories"] == ["The flood", "The court"]
    assert (await memory(bob, burble))["core_memories"] == ["The flood", "The court"]


async def test_relationship(bob: Agent, burble: str) -> None:
    event = {"event": "Shared a lamp", "sentiment": "warm"}
    await change(bob, burble, "relationship", {"target": "Ferry", "add_event": event})
    await change(bob, burble, "relationship", {"target": "ferry", "new_status": "friend"})
    plain = {"event": "Lost the lamp"}
    saved = await change(
        bob, burble, "relationship", {"target": "Ferry", "new_status": "rival", "add_event": plain}
    )
    assert saved["target"] == "Ferry"
    relationships = (await memory(bob, burble))["relationship_memories"]
    assert relationships == {"Ferry": saved["relationship"]}
    for entry in relationships["Ferry"]["history"]:
        assert moment(entry.pop("timestamp"))
    assert relationships["Ferry"] == {
        "current_status": "rival",
        "history": [event, {"event": "Lost the lamp", "sentiment": "neutral"}],
    }


async def test_personality(alice: Agent, bob: Agent, burble: str) -> None:
    """The founder of the world has a say in it, too."""
    await change(bob, burble, "personality", {"updates": {"fears": ["thirst"], "quirks": 1}})
    saved = await change(alice, burble, "personality", {"updates": {"quirks": {"counts": "steps"}}})
    blocks = {"fears": ["thirst"], "quirks": {"counts": "steps"}}
    assert saved["personality_blocks"] == blocks
    assert (await memory(bob, burble))["personality_blocks"] == blocks


async def test_situation(bob: Agent, burble: str) -> None:
    for situation in ("Waiting at the lock", ""):
        saved = ok(await bob.patch(f"/dwellers/{burble}/situation", {"situation": situation}))
        assert saved["current_situation"] == situation
        state = ok(await bob.get(f"/dwellers/{burble}/state"))
        assert state["current_state"] == {"situation": situation}


async def test_summaries(bob: Agent, burble: str) -> None:
    path = f"/dwellers/{burble}/memory/summarize"
    first = ok(await bob.post(path, PERIOD))
    second = ok(await bob.post(path, {"period": "the wet month", "summary": PERIOD["summary"]}))
    assert (first["total_summaries"], second["total_summaries"]) == (1, 2)
    kept = (await memory(bob, burble))["memory_summaries"]
    assert kept == [first["summary"], second["summary"]]
    assert UUID(kept[0].pop("id"))
    assert moment(kept[0].pop("created_at"))
    assert kept[0] == {**PERIOD, "created_by": bob.id}
    assert (kept[1]["key_events"], kept[1]["emotional_arc"]) == ([], "")
    assert (await detail(bob, burble))["memory_summaries"][1] == kept[1]


async def test_reflections(bob: Agent, burble: str) -> None:
    await act(bob, burble)
    [episode] = (await memory(bob, burble))["episodic_memories"]
    path = f"/dwellers/{burble}/memory/reflect"
    body = {"content": THOUGHT, "topics": ["gauges"], "source_memory_ids": [episode["id"]]}
    first = ok(await bob.post(path, body))["reflection"]
    second = ok(await bob.post(path, {"content": THOUGHT, "importance": 0.2}))["reflection"]
    assert (await memory(bob, burble))["episodic_memories"] == [episode, first, second]
    assert UUID(first.pop("id"))
    assert moment(first.pop("timestamp"))
    assert first == {**body, "type": "reflection", "importance": 0.9}
    assert (second["topics"], second["source_memory_ids"], second["importance"]) == ([], [], 0.2)


async def test_search(bob: Agent, burble: str) -> None:
    await act(bob, burble, content="Reads the GAUGE.", importance=0.1)
    await act(bob, burble, content="Mends it.", target="the gauge", importance=0.5)
    await act(bob, burble, content="Sleeps.", importance=1)
    thought = {"content": THOUGHT.replace("gauge", "scale"), "topics": ["Gauges"]}
    ok(await bob.post(f"/dwellers/{burble}/memory/reflect", thought))

    async def found(**query: Any) -> list[str]:
        answer = ok(await bob.get(f"/dwellers/{burble}/memory/search", q="gauge", **query))
        assert (answer["query"], answer["count"]) == ("gauge", len(answer["results"]))
        return [result["type"] + str(result["importance"]) for result in answer["results"]]

    assert await found() == ["reflection0.9", "observe0.5", "observe0.1"]
    assert await found(importance_min=0.5) == ["reflection0.9", "observe0.5"]
    assert await found(limit=1) == ["reflection0.9"]


async def test_episodes_of_an_older_database(bob: Agent, burble: str, db: AsyncSession) -> None:
    old = [{"content": "A gauge"}, {"topics": None, "importance": "high"}, {}]
    await db.execute(
        update(Dweller).where(Dweller.id == UUID(burble)).values(episodic_memories=old)
    )
    await db.commit()
    answer = ok(await bob.get(f"/dwellers/{burble}/memory/search", q="GAUGE"))
    assert answer["results"] == old[:1]
    await act(bob, burble)
    assert (await memory(bob, burble))["episodic_memories"][:3] == old


# ── who may, and what may not be ─────────────────────────────────────────────────────────────────

WRITES: list[tuple[str, str, Json]] = [
    ("PATCH", "memory/core", {"add": ["x"]}),
    ("PATCH", "memory/relationship", {"target": "x", "new_status": "x"}),
    ("PATCH", "memory/personality", {"updates": {"x": 1}}),
    ("PATCH", "situation", {"situation": "x"}),
    ("POST", "memory/summarize", PERIOD),
    ("POST", "memory/reflect", {"content": THOUGHT}),
]


async def test_memories_are_the_inhabitants(
    client: Client, alice: Agent, bob: Agent, burble: str, db: AsyncSession
) -> None:
    [carol] = await register(client, "Carol")
    reads = [("GET", path, None) for path in ("memory", "memory/search?q=x", "pending")]
    async with nothing_written(db):
        for method, path, body in [*WRITES, *reads]:
            for agent in (carol,) if path == "memory/personality" else (carol, alice):
                answer = await send(agent, method, burble, path, body)
                refused(answer, 403, dweller_id=burble)
            answer = await send(bob, method, str(NOBODY), path, body)
            refused(answer, 404, dweller_id=str(NOBODY))
            url = f"/api/dwellers/{burble}/{path}"
            refused(await client.request(method, url, json=body), 401)
    await release(bob, burble)
    refused(await bob.get(f"/dwellers/{burble}/memory"), 403, dweller_id=burble)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("memory/core", {"add": "x"}, "add"),
        ("memory/relationship", {"new_status": "x"}, "target"),
        ("memory/relationship", {"target": "", "new_status": "x"}, "target"),
        ("memory/relationship", {"target": "x" * 256, "new_status": "x"}, "target"),
        ("memory/relationship", {"target": "x", "new_status": ""}, "new_status"),
        ("memory/relationship", {"target": "x", "add_event": {"event": ""}}, "add_event -> event"),
        ("memory/personality", {}, "updates"),
        ("memory/personality", {"updates": {}}, "updates"),
        ("memory/personality", {"updates": {"x": 2**64}}, "updates"),
        ("situation", {}, "situation"),
        ("memory/summarize", {**PERIOD, "period": ""}, "period"),
        ("memory/summarize", {**PERIOD, "summary": "x" * 19}, "summary"),
        ("memory/reflect", {"content": "x" * 19}, "content"),
        ("memory/reflect", {"content": THOUGHT, "importance": 1.01}, "importance"),
        ("memory/reflect", {"content": THOUGHT, "source_memory_ids": ["x"]}, "source_memory_ids"),
    ],
)
async def test_bad_memories(bob: Agent, burble: str, path: str, body: Json, field: str) -> None:
    method = "POST" if path in ("memory/summarize", "memory/reflect") else "PATCH"
    [found] = unprocessable(await send(bob, method, burble, path, body))
    assert found.startswith(f"body -> {field}")


@pytest.mark.parametrize("query", ["", "q=", "q=x&importance_min=2", "q=x&limit=0", "q=%00"])
async def test_bad_search(bob: Agent, burble: str, query: str) -> None:
    assert unprocessable(await bob.get(f"/dwellers/{burble}/memory/search?{query}"))


async def test_changes_that_change_nothing(bob: Agent, burble: str, db: AsyncSession) -> None:
    async with nothing_written(db):
        refused(await bob.patch(f"/dwellers/{burble}/memory/core", {}), 400)
        body = {"target": "Ferry"}
        refused(await bob.patch(f"/dwellers/{burble}/memory/relationship", body), 400)


async def test_changes_at_the_same_time(bob: Agent, burble: str) -> None:
    """Each of them rewrites a whole column, and none is lost."""
    path = f"/dwellers/{burble}/memory"
    event = {"target": "Ferry", "add_event": {"event": "A wave"}}
    requests = [
        request
        for number in range(6)
        for request in (
            bob.patch(f"{path}/core", {"add": [str(number)]}),
            bob.patch(f"{path}/relationship", event),
            bob.patch(f"{path}/personality", {"updates": {str(number): number}}),
            bob.post(f"{path}/reflect", {"content": THOUGHT}),
            bob.post(f"{path}/summarize", PERIOD),
        )
    ]
    for answer in await asyncio.gather(*requests):
        ok(answer)
    kept = await memory(bob, burble)
    assert len(kept["core_memories"]) == len(kept["personality_blocks"]) == 6
    assert len(kept["relationship_memories"]["Ferry"]["history"]) == 6
    assert len(kept["episodic_memories"]) == len(kept["memory_summaries"]) == 6


# ── what waits for an answer ─────────────────────────────────────────────────────────────────────


async def test_pending(alice: Agent, bob: Agent, world: str, burble: str) -> None:
    ferry = await settle(alice, world, name="Ferry")
    question = await say(alice, ferry, "Burble", "How low?", dialogue="Well?")
    waiting = ok(await bob.get(f"/dwellers/{burble}/pending"))
    [speech] = waiting["pending_conversations"]
    [notice] = waiting["notifications"]
    assert moment(speech.pop("created_at"))
    assert speech == {
        "action_id": question,
        "from_dweller": {"id": ferry, "name": "Ferry"},
        "content": "How low?",
        "dialogue": "Well?",
        "stage_direction": None,
        "in_reply_to_action_id": None,
    }
    assert (notice["type"], notice["data"]["action_id"]) == ("dweller_spoken_to", question)
    assert (waiting["unanswered_count"], waiting["unread_count"]) == (1, 1)

    read = ok(await bob.get(f"/dwellers/{burble}/pending", mark_read=True))
    assert read == waiting | {"pending_conversations": read["pending_conversations"]}
    after = ok(await bob.get(f"/dwellers/{burble}/pending"))
    assert (after["unanswered_count"], after["notifications"]) == (1, [])

    await say(bob, burble, "Ferry", "Two hands.", in_reply_to_action_id=question)
    answered = ok(await bob.get(f"/dwellers/{burble}/pending"))
    assert (answered["dweller_name"], answered["pending_conversations"]) == ("Burble", [])
