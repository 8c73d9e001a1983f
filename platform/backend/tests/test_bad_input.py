"""Bad input gets a clear 4xx in the contract's shape, never a 5xx, and nothing is written.

WRITES lists every write as the platform accepts it; each test spoils one thing about them. They
share one application and one database: that nothing in it changes is what they prove.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from api.body_limit import MAX_BODY
from core.settings import Settings
from main import create_app
from schemas.base import MAX_DEPTH, MAX_VALUES, Body, FreeJson
from tests.support import aspects, bodies, dwellers
from tests.support.agents import Agent, register
from tests.support.answers import ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.postgres import PostgresServer
from tests.support.server import ServerProcess
from tests.support.tables import nothing_written

JSON = "application/json"
MAX_ECHO = 200
NOBODY = str(UUID(int=0))
ADMIN_KEY = "the-operator's"
ID_IN_JSON = re.compile(r'"\{(\w+)\}"')


@dataclass(frozen=True)
class Write:
    """A request that changes something; `caller` and the {ids} are those of the Stage."""

    method: str
    path: str
    caller: str | None
    body: Json | None = None


REGISTRATION = {
    "name": "Carol",
    "username": "carol",
    "description": "reads gauges",
    "model_id": "model-1",
    "callback_url": "https://agents.example/carol",
    "callback_token": "t0ken",
    "platform_notifications": True,
}
CALLBACK = {"callback_url": "https://agents.example/alice", "callback_token": "t0ken"}
DRAFT = bodies.draft(citations=[{"title": "Snow lines", "url": "https://papers.example/1"}])
VOTE = bodies.vote(scientific_issues=["Sensors drift"], suggested_fixes=["Calibrate them"])

ASPECT = bodies.event(inspired_by_actions=["{action}"])
ASPECT_VOTE = bodies.aspect_vote(
    "strengthen",
    canon_conflicts=["The bench sits ashore"],
    suggested_fixes=["Set it afloat"],
    updated_canon_summary=bodies.CANON,
    approved_timeline_entry=bodies.entry(),
)
ASPECT_REVISION = {
    key: value for key, value in ASPECT.items() if key not in ("aspect_type", "inspired_by_actions")
}
APPROVAL = ASPECT_VOTE | {"verdict": "approve"}
DWELLER = bodies.dweller(
    core_memories=["The gauge at low water"],
    personality_blocks={"habits": ["counts"]},
    relationship_memories={"Ferry": {"current_status": "rival"}},
    current_situation="On the barge.",
    current_region="Upper Reach",
    specific_location="the bow",
    image_prompt="A gauge reader at dusk",
)
ACT = bodies.act(
    "{token}",
    action_type="speak",
    target="Ferry",
    dialogue="Two hands.",
    stage_direction="Looks up",
    importance=0.9,
    in_reply_to_action_id="{action}",
)
STORY = bodies.story(
    "{world}",
    title="High Water",
    perspective_dweller_id="{dweller}",
    source_event_ids=[NOBODY],
    source_action_ids=[NOBODY],
    time_period_start="2071",
    time_period_end="2072",
)
STORY_REVISION = {key: STORY[key] for key in ("title", "content", "summary")}
STORY_REVIEW = bodies.story_review(
    canon_issues=["No bench"], event_issues=["No strike"], style_issues=["No end"]
)
RELATIONSHIP = {
    "target": "Ferry",
    "new_status": "friend",
    "add_event": {"event": "Shared a gauge", "sentiment": "warm"},
}
SUMMARY = {
    "period": "the dry month",
    "summary": "The river sank by two hands and the court with it.",
    "key_events": ["The bench ran aground"],
    "emotional_arc": "patience, then none",
}
REFLECTION = {
    "content": "The gauge has never lied, but it has been misread.",
    "topics": ["gauges"],
    "source_memory_ids": [NOBODY],
    "importance": 0.8,
}
REACTION = {"target_type": "story", "target_id": "{story}", "reaction_type": "fire"}
FOLLOW = {"target_type": "world", "target_id": "{world}"}
FOLLOW_LOUDLY = {**FOLLOW, "notify": True, "notify_events": ["story_created"]}
COMMENT = bodies.comment("story", "{story}", parent_id="{comment}", reaction="heart")
PICTURE = "https://pictures.example/1"
STORY_MEDIA = dict.fromkeys(("cover_image_url", "video_url", "thumbnail_url"), PICTURE)

# In an order in which all of them work.
WRITES = [
    Write("POST", "/auth/agent", None, REGISTRATION),
    Write("PATCH", "/auth/me/model", "author", {"model_id": "model-1"}),
    Write("PATCH", "/auth/me/callback", "author", CALLBACK),
    Write("POST", "/proposals", "author", DRAFT),
    Write("POST", "/proposals/{draft}/submit", "author"),
    Write("POST", "/proposals/{proposal}/revise", "author", bodies.draft()),
    Write("POST", "/proposals/{proposal}/validate", "reader", VOTE),
    Write("POST", "/review/proposal/{proposal}/feedback", "reader", bodies.points("minor")),
    Write("POST", "/review/proposal/{proposal}/add-feedback", "reviewer", bodies.points("minor")),
    Write("POST", "/review/feedback-item/{item}/respond", "author", bodies.ANSWER),
    Write("POST", "/review/feedback-item/{item}/resolve", "reviewer", {"resolution_note": "Paid."}),
    Write("POST", "/review/feedback-item/{item}/reopen", "reviewer"),
    Write("POST", "/proposals/{proposal}/test-approve", "reader"),
    Write("POST", "/aspects/worlds/{world}/aspects", "author", ASPECT),
    Write("POST", "/aspects/{aspect_draft}/submit", "author"),
    Write("POST", "/aspects/{aspect}/validate", "reader", ASPECT_VOTE),
    Write("POST", "/aspects/{aspect}/revise", "author", ASPECT_REVISION),
    Write("POST", "/aspects/{aspect}/test-approve", "reviewer", APPROVAL),
    Write("POST", "/dwellers/worlds/{world}/regions", "reader", bodies.region(name="Delta")),
    Write("POST", "/dwellers/worlds/{world}/dwellers", "reader", DWELLER),
    Write("POST", "/dwellers/{free_dweller}/claim", "reader"),
    Write("POST", "/dwellers/{free_dweller}/release", "reader"),
    Write("POST", "/dwellers/{dweller}/act", "author", ACT),
    Write("POST", "/dwellers/{dweller}/act/context", "author", {"target": "Ferry"}),
    Write("PATCH", "/dwellers/{dweller}/memory/core", "author", {"add": ["a"], "remove": ["b"]}),
    Write("PATCH", "/dwellers/{dweller}/memory/relationship", "author", RELATIONSHIP),
    Write(
        "PATCH", "/dwellers/{dweller}/memory/personality", "author", {"updates": {"calm": ["yes"]}}
    ),
    Write("PATCH", "/dwellers/{dweller}/situation", "author", {"situation": "Aground."}),
    Write("POST", "/dwellers/{dweller}/memory/summarize", "author", SUMMARY),
    Write("POST", "/dwellers/{dweller}/memory/reflect", "author", REFLECTION),
    Write("POST", "/stories", "author", STORY),
    Write("POST", "/stories/{story}/react", "reader", {"reaction_type": "fire"}),
    Write("POST", "/stories/{story}/revise", "author", STORY_REVISION),
    Write("POST", "/stories/{story}/review", "reader", STORY_REVIEW),
    Write("POST", "/stories/{story}/reviews/{review}/respond", "author", bodies.STORY_ANSWER),
    Write("POST", "/social/react", "reader", REACTION),
    Write("POST", "/social/follow", "reader", FOLLOW_LOUDLY),
    Write("POST", "/social/unfollow", "reader", FOLLOW),
    Write("POST", "/social/comment", "reader", COMMENT),
    Write("PATCH", "/media/world/{world}", "author", {"cover_image_url": PICTURE}),
    Write("PATCH", "/media/story/{story}", "author", STORY_MEDIA),
    Write("PATCH", "/media/dweller/{dweller}", "author", {"portrait_url": PICTURE}),
    Write("PATCH", "/admin/worlds/{world}", "admin", {"name": "Tide", "is_active": False}),
    Write("PATCH", "/admin/agents/{agent}", "admin", {"name": "Alicia"}),
    Write("PATCH", "/admin/dwellers/{dweller}", "admin", {"is_active": False}),
    Write("DELETE", "/worlds/{world}", "admin"),
]
WITH_BODY = [write for write in WRITES if write.body is not None]
FIELDS = [(write, key) for write in WITH_BODY for key in write.body or ()]


def name_of(value: Any) -> str | None:
    return value.path if isinstance(value, Write) else None


@dataclass(frozen=True)
class Stage:
    """Keys of all callers, and content on which every write works."""

    client: httpx2.AsyncClient
    keys: dict[str, str]
    ids: dict[str, str]

    async def send(self, write: Write, path: str = "", **request: Any) -> httpx2.Response:
        """Sends the write, perhaps to another path, with the body that `request` gives."""
        headers = {"X-API-Key": self.keys[write.caller]} if write.caller else {}
        if "json" in request:
            request["content"] = json.dumps(request.pop("json"))
        if isinstance(request.get("content"), str):
            request["content"] = self.with_ids(request["content"])
        return await self.client.request(
            write.method,
            f"/api{path or write.path}".format(**self.ids),
            headers={"Content-Type": JSON} | headers | request.pop("headers", {}),
            **request,
        )

    def with_ids(self, content: str) -> str:
        """The JSON text, with ids in the place of their names."""
        return ID_IN_JSON.sub(lambda name: f'"{self.ids[name[1]]}"', content)


async def prepare(client: httpx2.AsyncClient) -> Stage:
    author, reviewer, reader = await register(client, "Alice", "Bob", "Eve")
    world = await dwellers.found_world(author)
    draft, proposal = await author.propose(), await author.publish()
    review = await reviewer.review(proposal)
    ids = {"agent": author.id, "world": world}
    ids |= {"draft": draft, "proposal": proposal, "item": review.items[0]}
    ids |= await prepare_aspects(author, world)
    ids |= await prepare_dwellers(author, reader, world)
    ids |= await prepare_story(author, reviewer, world)
    keys = {"author": author.key, "reviewer": reviewer.key, "reader": reader.key}
    return Stage(client, keys | {"admin": ADMIN_KEY}, ids)


async def prepare_aspects(author: Agent, world: str) -> dict[str, str]:
    return {
        "aspect_draft": await aspects.draft(author, world),
        "aspect": await aspects.publish(author, world, bodies.event()),
    }


async def prepare_dwellers(author: Agent, reader: Agent, world: str) -> dict[str, str]:
    """The author's dweller is asked something, and has looked around to answer."""
    dweller = await dwellers.settle(author, world)
    ferry = await dwellers.settle(reader, world, name="Ferry")
    return {
        "dweller": dweller,
        "free_dweller": (await dwellers.create(reader, world, name="Weir"))["id"],
        "action": await dwellers.say(reader, ferry, "Burble Sillgate", "How low?"),
        "token": await dwellers.token(author, dweller),
    }


async def prepare_story(author: Agent, reviewer: Agent, world: str) -> dict[str, str]:
    story = await author.tell(world)
    commented = ok(await reviewer.post("/social/comment", bodies.comment("story", story)))
    return {
        "story": story,
        "review": await reviewer.judge(story),
        "comment": commented["comment"]["id"],
    }


@pytest.fixture(scope="module")
async def app(postgres: PostgresServer, template: str) -> AsyncIterator[FastAPI]:
    with postgres.database(template) as name:
        settings = Settings(
            database_url=postgres.url(name),
            testing=True,
            test_mode=True,
            dedup_window_override_seconds=0,
            admin_api_key=SecretStr(ADMIN_KEY),
            background_tasks=False,
        )
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            yield app


@pytest.fixture(scope="module")
async def stage(app: FastAPI) -> AsyncIterator[Stage]:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield await prepare(client)


async def test_unspoilt_writes_work(client: httpx2.AsyncClient) -> None:
    stage = await prepare(client)
    for write in WRITES:
        ok(await stage.send(write, content=json.dumps(write.body) if write.body else None))


def test_all_writes_are_listed(app: FastAPI) -> None:
    documented = {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations.keys() - {"get"}
    }
    names = re.findall(r"\{(\w+)\}", " ".join(write.path for write in WRITES))
    generic = {name: f"{{{name}_id}}" for name in names}
    generic |= {"draft": "{proposal_id}", "aspect_draft": "{aspect_id}"}
    generic |= {"free_dweller": "{dweller_id}"}
    review = ("/review/proposal/{proposal_id}", "/review/{content_type}/{content_id}")
    listed = {
        (write.method, f"/api{write.path.format(**generic).replace(*review)}") for write in WRITES
    }
    assert listed == documented


# ── bodies that are no JSON object ───────────────────────────────────────────────────────────────

NO_OBJECT = {
    "none": (b"", JSON),
    "blank": (b" ", JSON),
    "cut off": (b'{"name": "x"', JSON),
    "two": (b"{} {}", JSON),
    "single quotes": (b"{'name': 'x'}", JSON),
    "raw NUL": (b'{"name": "\0"}', JSON),
    "null": (b"null", JSON),
    "number": (b"1", JSON),
    "NaN": (b"NaN", JSON),
    "text": (b'"x"', JSON),
    "list": (b"[{}]", JSON),
    "JSON as text": (b"{}", "text/plain"),
    "JSON of no type": (b"{}", ""),
    "JSON of a strange type": (b"{}", "application/\xff\0"),
    "form": (b"name=x&username=x", "application/x-www-form-urlencoded"),
    "binary": (b"\xff\xfe\0\x80", "application/octet-stream"),
}


BODY_IS_OPTIONAL = {"/dwellers/{dweller}/act/context"}


@pytest.mark.parametrize("write", WITH_BODY, ids=name_of)
async def test_no_object(stage: Stage, db: AsyncSession, write: Write) -> None:
    async with nothing_written(db):
        for name, (content, content_type) in NO_OBJECT.items():
            if write.path in BODY_IS_OPTIONAL and name in ("none", "null"):
                continue
            headers = {"Content-Type": content_type.encode("latin-1")}
            response = await stage.send(write, content=content, headers=headers)
            [field] = unprocessable(response)
            assert field.startswith("body")
            assert "application/json" in response.json()["how_to_fix"]


UNREADABLE = {
    "not UTF-8": b'{"name": "\xff"}',
    "an endless number": b'{"name": %s}' % (b"9" * 5000),
    "a bottomless list": b"[" * 100_000,
    "a bottomless object": b'{"name":' * 100_000,
}


@pytest.mark.parametrize("write", WITH_BODY, ids=name_of)
async def test_unreadable(stage: Stage, db: AsyncSession, write: Write) -> None:
    async with nothing_written(db):
        for content in UNREADABLE.values():
            assert refused(await stage.send(write, content=content), 400)


# ── fields ───────────────────────────────────────────────────────────────────────────────────────

WRONG_EVERYWHERE = {
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "1e400": "1e400",
    "a huge number": "9" * 4000,
    "a deep list": "[" * 500 + "]" * 500,
    "a deep object": '{"a":' * 300 + "1" + "}" * 300,
    "many values": f"[{'0,' * MAX_VALUES}0]",
}


@pytest.mark.parametrize(("write", "key"), FIELDS, ids=name_of)
async def test_wrong_type(stage: Stage, db: AsyncSession, write: Write, key: str) -> None:
    body = json.dumps({**(write.body or {}), key: "@"})
    async with nothing_written(db):
        for wrong in WRONG_EVERYWHERE.values():
            response = await stage.send(write, content=body.replace('"@"', wrong))
            assert {field.split(" -> ")[1] for field in unprocessable(response)} == {key}


OPTIONAL = {
    "/auth/agent": REGISTRATION.keys() - {"name", "username"},
    "/auth/me/model": {"model_id"},
    "/auth/me/callback": CALLBACK.keys(),
    "/proposals": {"citations"},
    "/proposals/{proposal}/revise": DRAFT.keys(),
    "/proposals/{proposal}/validate": {"scientific_issues", "suggested_fixes", "weaknesses"},
    "/review/feedback-item/{item}/resolve": {"resolution_note"},
    "/aspects/worlds/{world}/aspects": {"inspired_by_actions", "proposed_timeline_entry"},
    "/aspects/{aspect}/revise": ASPECT_REVISION.keys(),
    "/aspects/{aspect}/validate": ASPECT_VOTE.keys() - {"verdict", "critique"},
    "/aspects/{aspect}/test-approve": APPROVAL.keys(),
    "/dwellers/worlds/{world}/regions": {"population_origins"},
    "/dwellers/worlds/{world}/dwellers": DWELLER.keys() - bodies.dweller().keys(),
    "/dwellers/{dweller}/act": ACT.keys() - {"context_token", "action_type", "content"},
    "/dwellers/{dweller}/act/context": {"target"},
    "/dwellers/{dweller}/memory/core": {"add", "remove"},
    "/dwellers/{dweller}/memory/relationship": {"new_status", "add_event"},
    "/dwellers/{dweller}/memory/summarize": {"key_events", "emotional_arc"},
    "/dwellers/{dweller}/memory/reflect": REFLECTION.keys() - {"content"},
    "/stories": STORY.keys() - bodies.story("").keys() | {"summary"},
    "/stories/{story}/revise": STORY_REVISION.keys(),
    "/stories/{story}/review": {"canon_issues", "event_issues", "style_issues"},
    "/social/follow": {"notify", "notify_events"},
    "/social/comment": {"parent_id", "reaction"},
    "/media/world/{world}": {"cover_image_url"},
    "/media/story/{story}": STORY_MEDIA.keys(),
    "/media/dweller/{dweller}": {"portrait_url"},
    "/admin/worlds/{world}": {"name", "is_active"},
    "/admin/agents/{agent}": {"name"},
    "/admin/dwellers/{dweller}": {"is_active"},
}
REQUIRED = [(write, key) for write, key in FIELDS if key not in OPTIONAL.get(write.path, ())]


@pytest.mark.parametrize(("write", "key"), REQUIRED, ids=name_of)
async def test_missing(stage: Stage, db: AsyncSession, write: Write, key: str) -> None:
    body = {other: value for other, value in (write.body or {}).items() if other != key}
    async with nothing_written(db):
        response = await stage.send(write, json=body)
    assert unprocessable(response) == [f"body -> {key}"]


def changed(write: Write, key: str, value: Any, deeper: str = "") -> tuple[Write, Json, str]:
    """A write, its body with one change, and the field that is to be named."""
    return write, {**(write.body or {}), key: value}, f"body -> {key}{deeper}"


def to(path: str) -> Write:
    return next(write for write in WRITES if write.path == path)


REGISTER, MODEL, CALL = to("/auth/agent"), to("/auth/me/model"), to("/auth/me/callback")
CREATE, REVISE = to("/proposals"), to("/proposals/{proposal}/revise")
VALIDATE = to("/proposals/{proposal}/validate")
REVIEW = to("/review/proposal/{proposal}/feedback")
ADD = to("/review/proposal/{proposal}/add-feedback")
RESPOND = to("/review/feedback-item/{item}/respond")
RESOLVE = to("/review/feedback-item/{item}/resolve")
REGION = to("/dwellers/worlds/{world}/regions")
SETTLE, SPEAK = to("/dwellers/worlds/{world}/dwellers"), to("/dwellers/{dweller}/act")
LOOK = to("/dwellers/{dweller}/act/context")
RELATE = to("/dwellers/{dweller}/memory/relationship")
ENRICH = to("/dwellers/{dweller}/memory/personality")
SUMMARIZE = to("/dwellers/{dweller}/memory/summarize")
REFLECT = to("/dwellers/{dweller}/memory/reflect")
ADD_ASPECT, CHANGE_ASPECT = to("/aspects/worlds/{world}/aspects"), to("/aspects/{aspect}/revise")
JUDGE_ASPECT = to("/aspects/{aspect}/validate")
TELL, RETELL = to("/stories"), to("/stories/{story}/revise")
JUDGE, ANSWER = to("/stories/{story}/review"), to("/stories/{story}/reviews/{review}/respond")
REACT, FOLLOWING, SAY = to("/social/react"), to("/social/follow"), to("/social/comment")
RENAME_WORLD, RENAME_AGENT = to("/admin/worlds/{world}"), to("/admin/agents/{agent}")
HIDE_DWELLER = to("/admin/dwellers/{dweller}")
STEP = bodies.STEPS[0]
WRONG_POINTS = [
    ("description", "x" * 9),
    ("description", "x" * 2001),
    ("category", "taste"),
    ("severity", "blocker"),
]
RULES = [
    changed(REGISTER, "name", ""),
    changed(REGISTER, "name", "x" * 256),
    changed(REGISTER, "username", "x" * 41),
    changed(REGISTER, "model_id", "x" * 101),
    changed(REGISTER, "callback_token", "x" * 257),
    changed(REGISTER, "callback_url", "https://agents.example/" + "x" * 2048),
    changed(REGISTER, "callback_url", "javascript:alert(1)"),
    changed(REGISTER, "callback_url", "http://[::1"),
    changed(REGISTER, "platform_notifications", "yes"),
    changed(MODEL, "model_id", "x" * 101),
    changed(CALL, "callback_token", "x" * 257),
    changed(CALL, "callback_url", "agents.example"),
    changed(CREATE, "premise", "x" * 49),
    changed(CREATE, "scientific_basis", "x" * 49),
    changed(CREATE, "name", "x"),
    changed(CREATE, "name", "x" * 51),
    changed(CREATE, "image_prompt", "x" * 29),
    changed(CREATE, "image_prompt", "x" * 1001),
    changed(CREATE, "year_setting", 2029),
    changed(CREATE, "year_setting", 2501),
    changed(CREATE, "year_setting", 2100.5),
    changed(CREATE, "year_setting", "2140"),
    changed(CREATE, "year_setting", True),
    changed(CREATE, "causal_chain", bodies.STEPS[:2]),
    changed(CREATE, "causal_chain", [*bodies.STEPS, 1], " -> 3"),
    changed(CREATE, "causal_chain", [*bodies.STEPS, STEP | {"event": "x" * 9}], " -> 3 -> event"),
    changed(CREATE, "citations", [{}] * 11),
    changed(CREATE, "citations", [{"title": 1}], " -> 0 -> title"),
    changed(REVISE, "name", "x" * 256),
    changed(REVISE, "year_setting", 2501),
    changed(REVISE, "causal_chain", [STEP | {"year": 10**9}], " -> 0 -> year"),
    changed(REVISE, "causal_chain", [STEP | {"year": False}], " -> 0 -> year"),
    changed(VALIDATE, "verdict", "perhaps"),
    changed(VALIDATE, "critique", "x" * 49),
    changed(VALIDATE, "research_conducted", "x" * 99),
    changed(REVIEW, "feedback_items", []),
    changed(REVIEW, "feedback_items", [bodies.point()] * 21),
    changed(ADD, "feedback_items", []),
    changed(ADD, "feedback_items", [bodies.point()] * 11),
    *(
        changed(write, "feedback_items", [bodies.point() | {key: value}], f" -> 0 -> {key}")
        for write in (REVIEW, ADD)
        for key, value in WRONG_POINTS
    ),
    changed(RESPOND, "response_text", "x" * 9),
    changed(RESPOND, "response_text", "x" * 2001),
    changed(RESOLVE, "resolution_note", "x" * 501),
    changed(ADD_ASPECT, "aspect_type", ""),
    changed(ADD_ASPECT, "aspect_type", "x" * 101),
    changed(ADD_ASPECT, "title", "x" * 2),
    changed(ADD_ASPECT, "title", "x" * 256),
    changed(ADD_ASPECT, "premise", "x" * 29),
    changed(ADD_ASPECT, "canon_justification", "x" * 49),
    changed(ADD_ASPECT, "inspired_by_actions", [NOBODY] * 101),
    changed(ADD_ASPECT, "inspired_by_actions", ["1"], " -> 0"),
    changed(CHANGE_ASPECT, "title", "x" * 256),
    changed(JUDGE_ASPECT, "critique", "x" * 19),
    changed(JUDGE_ASPECT, "verdict", "perhaps"),
    changed(REGION, "name", " "),
    changed(REGION, "name", "x" * 101),
    changed(REGION, "cultural_blend", "x" * 19),
    changed(SETTLE, "name", "x" * 101),
    changed(SETTLE, "origin_region", "x" * 256),
    changed(SETTLE, "current_region", "x" * 256),
    changed(SETTLE, "age", -1),
    changed(SETTLE, "age", 201),
    changed(SETTLE, "age", 40.5),
    changed(SETTLE, "age", "41"),
    changed(SETTLE, "age", True),
    changed(SETTLE, "image_prompt", "x" * 1001),
    changed(SPEAK, "action_type", "x" * 51),
    changed(SPEAK, "target", "x" * 256),
    changed(SPEAK, "content", ""),
    changed(SPEAK, "importance", 1.1),
    changed(SPEAK, "importance", "0.5"),
    changed(SPEAK, "importance", True),
    changed(LOOK, "target", "x" * 256),
    changed(RELATE, "target", "x" * 256),
    changed(RELATE, "add_event", {"event": ""}, " -> event"),
    changed(ENRICH, "updates", {}),
    changed(SUMMARIZE, "summary", "x" * 19),
    changed(REFLECT, "importance", -0.1),
    changed(REFLECT, "importance", False),
    changed(TELL, "title", "x" * 201),
    changed(TELL, "content", "x" * 99),
    changed(TELL, "summary", "x" * 501),
    changed(TELL, "video_prompt", "x" * 49),
    changed(TELL, "time_period_start", "x" * 51),
    changed(TELL, "time_period_end", "x" * 51),
    changed(TELL, "source_action_ids", [NOBODY] * 101),
    changed(RETELL, "title", "x" * 201),
    changed(RETELL, "summary", "x" * 501),
    changed(JUDGE, "improvements", []),
    changed(JUDGE, "recommend_acclaim", "yes"),
    changed(JUDGE, "canon_notes", "x" * 19),
    changed(ANSWER, "response", "x" * 19),
    changed(REACT, "reaction_type", "x" * 21),
    changed(REACT, "target_type", "user"),
    changed(FOLLOWING, "target_type", "story"),
    changed(FOLLOWING, "notify", 1),
    changed(FOLLOWING, "notify_events", ["x"] * 51),
    changed(SAY, "content", ""),
    changed(SAY, "content", "x" * 2001),
    *(
        changed(write, "name", name)
        for write in (RENAME_WORLD, RENAME_AGENT)
        for name in ("", "x" * 256)
    ),
    *(
        changed(write, "is_active", value)
        for write in (RENAME_WORLD, HIDE_DWELLER)
        for value in ("yes", 1)
    ),
    *(
        changed(write, key, url)
        for write in WITH_BODY
        if write.path.startswith("/media/")
        for key in write.body or ()
        for url in ("pictures.example/1", "javascript:alert(1)", f"{PICTURE}{'x' * 2048}")
    ),
]


@pytest.mark.parametrize(("write", "body", "field"), RULES, ids=name_of)
async def test_a_broken_rule(
    stage: Stage, db: AsyncSession, write: Write, body: Json, field: str
) -> None:
    async with nothing_written(db):
        response = await stage.send(write, json=body)
    assert unprocessable(response) == [field]


async def test_of_a_key_that_comes_twice_the_last_counts(stage: Stage, db: AsyncSession) -> None:
    content = b'{"name": 1, "name": "x", "username": "x", "username": 1}'
    async with nothing_written(db):
        response = await stage.send(REGISTER, content=content)
    assert unprocessable(response) == ["body -> username"]


@pytest.mark.parametrize("value", ["\0", "\ud800", {"\0": "\ud800"}, [["\0"]]], ids=ascii)
async def test_unknown_keys_are_ignored_whatever_they_hold(
    stage: Stage, db: AsyncSession, value: Any
) -> None:
    async with nothing_written(db):
        response = await stage.send(REGISTER, content=json.dumps({"\ud800": value, "x": value}))
    assert unprocessable(response) == ["body -> name", "body -> username"]


# ── text that cannot be stored ───────────────────────────────────────────────────────────────────

UNSTORABLE = ["\0", "\ud83c", "\udf0a\ud83c"]
"""NUL, half a surrogate pair, and a pair the wrong way round."""


def spoilt(value: Any, end: str) -> Iterator[Any]:
    """The value once for each text in it, however deep, with this end added to the text."""
    match value:
        case str():
            yield value + end
        case list():
            for index, inner in enumerate(value):
                for bad in spoilt(inner, end):
                    yield [*value[:index], bad, *value[index + 1 :]]
        case dict():
            for key, inner in value.items():
                for bad in spoilt(inner, end):
                    yield value | {key: bad}


@pytest.mark.parametrize(("write", "key"), FIELDS, ids=name_of)
async def test_text(stage: Stage, db: AsyncSession, write: Write, key: str) -> None:
    body = write.body or {}
    async with nothing_written(db):
        for value in (bad for end in UNSTORABLE for bad in spoilt(body[key], end)):
            response = await stage.send(write, content=json.dumps(body | {key: value}))
            assert unprocessable(response) == [f"body -> {key}"]


@pytest.mark.parametrize("end", UNSTORABLE, ids=ascii)
async def test_keys_are_text(stage: Stage, db: AsyncSession, end: str) -> None:
    body = DRAFT | {"citations": [{f"title{end}": "Snow lines"}]}
    async with nothing_written(db):
        response = await stage.send(CREATE, content=json.dumps(body))
    assert unprocessable(response) == ["body -> citations"]


async def test_surrogates_in_utf_8(stage: Stage, db: AsyncSession) -> None:
    content = json.dumps(REGISTRATION | {"name": "\ud83c"}, ensure_ascii=False)
    async with nothing_written(db):
        response = await stage.send(REGISTER, content=content.encode(errors="surrogatepass"))
    assert unprocessable(response) == ["body -> name"]


class FreeForm(Body):
    content: FreeJson


def nested(depth: int) -> Json:
    return {"a": nested(depth - 1)} if depth > 1 else {"a": 1}


def test_free_forms_are_bounded() -> None:
    FreeForm(content=nested(MAX_DEPTH))
    FreeForm(content={"a": [0] * (MAX_VALUES - 3)})
    for too_much in nested(MAX_DEPTH + 1), {"a": [0] * (MAX_VALUES - 2)}, {"a": [{"b": "\0"}]}:
        with pytest.raises(ValidationError):
            FreeForm(content=too_much)


# ── paths, queries, headers ──────────────────────────────────────────────────────────────────────

NO_UUID = ["1", "x" * 5000, "%00", "%ED%A0%80", "%FF", "0" * 33, "{0}", "%F0%9F%8C%8A", "NaN"]
READS = [
    Write("GET", path, "reader")
    for path in (
        "/proposals/{proposal}",
        "/proposals/{proposal}/validations",
        "/worlds/{world}",
        "/review/proposal/{proposal}/feedback",
        "/review/proposal/{proposal}/status",
        "/aspects/{aspect}",
        "/aspects/worlds/{world}/aspects",
        "/aspects/worlds/{world}/canon",
        "/dwellers/worlds/{world}/regions",
        "/dwellers/worlds/{world}/dwellers",
        "/dwellers/worlds/{world}/activity",
        "/dwellers/{dweller}",
        "/dwellers/{dweller}/state",
        "/dwellers/{dweller}/memory",
        "/dwellers/{dweller}/memory/search?q=low",
        "/dwellers/{dweller}/pending",
        "/stories/{story}",
        "/stories/{story}/arc",
        "/stories/{story}/reviews",
        "/stories/worlds/{world}",
        "/agents/{agent}",
    )
]
BY_ID = [(call, name) for call in [*WRITES, *READS] for name in re.findall(r"\{\w+\}", call.path)]


def with_id(call: Write, name: str, value: str) -> str:
    """The path of the call with another id; braces are escaped for Stage.send."""
    return call.path.replace(name, value.replace("{", "{{").replace("}", "}}"))


@pytest.mark.parametrize(("call", "name"), BY_ID, ids=name_of)
async def test_no_uuid(stage: Stage, db: AsyncSession, call: Write, name: str) -> None:
    async with nothing_written(db):
        for value in NO_UUID:
            response = await stage.send(call, with_id(call, name, value), json=call.body)
            [field] = unprocessable(response)
            assert re.fullmatch(r"path -> \w+_id", field)


@pytest.mark.parametrize(("call", "name"), BY_ID, ids=name_of)
async def test_unknown_id(stage: Stage, db: AsyncSession, call: Write, name: str) -> None:
    async with nothing_written(db):
        response = await stage.send(call, with_id(call, name, NOBODY), json=call.body)
    assert response.status_code == 404
    assert response.json().keys() == {"detail"}


IDS_IN_BODIES = [
    (write, name) for write in WITH_BODY for name in ID_IN_JSON.findall(json.dumps(write.body))
]


@pytest.mark.parametrize(("write", "name"), IDS_IN_BODIES, ids=name_of)
async def test_unknown_id_in_a_body(
    stage: Stage, db: AsyncSession, write: Write, name: str
) -> None:
    content = json.dumps(write.body).replace(f"{{{name}}}", NOBODY)
    async with nothing_written(db):
        response = await stage.send(write, content=content)
    assert response.status_code in (400, 404)
    assert response.json().keys() == {"detail"}


@pytest.mark.parametrize(
    "call", [call for call in [*WRITES, *READS] if "/review/proposal/" in call.path], ids=name_of
)
async def test_unknown_kind_of_content(stage: Stage, db: AsyncSession, call: Write) -> None:
    async with nothing_written(db):
        for kind in "world", "%00", "%ED%A0%80", "x" * 5000:
            path = call.path.replace("/review/proposal/", f"/review/{kind}/")
            response = await stage.send(call, path, json=call.body)
            kinds = ["proposal", "aspect", "dweller_proposal", "story"]
            refused(response, 400, valid_types=kinds)


@pytest.mark.parametrize("name", ["%00", "%ED%A0%80", "@%00"])
async def test_usernames(stage: Stage, name: str) -> None:
    response = await stage.client.get(f"/api/agents/by-username/{name}")
    if name == "%ED%A0%80":  # no UTF-8: it is decoded to other characters, which nobody bears
        assert response.status_code == 404
    else:
        assert unprocessable(response) == ["path -> username"]


@pytest.mark.parametrize("path", ["user/{world}", "%00/{world}", "story/1", "world/%00"])
async def test_targets_of_comments(stage: Stage, path: str) -> None:
    response = await stage.send(Write("GET", f"/social/comments/{path}", "reader"))
    [field] = unprocessable(response)
    assert field in ("path -> target_type", "path -> target_id")


QUERIES = [
    *(
        ("/feed?cursor=" + cursor, "cursor")
        for cursor in (
            "",
            "yesterday",
            "%00",
            "%ED%A0%80",
            "nan",
            "inf",
            "1e400",
            "9" * 5000,
            "-9" * 3000,
            "0001-01-01T00:00:00%2B23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-01-02T03:04:05Z~",
            "2026-01-02T03:04:05Z~" + "-" * 36,
            "~00000000-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-000000000000",
        )
    ),
    ("/feed?limit=0", "limit"),
    ("/feed?limit=51", "limit"),
    ("/feed?limit=NaN", "limit"),
    ("/feed?limit=" + "9" * 5000, "limit"),
    ("/feed?world_id=1", "world_id"),
    ("/feed?agent_id=%00", "agent_id"),
    ("/feed?type=nothing", "type -> 0"),
    ("/feed?type=world_created&type=%00", "type -> 1"),
    ("/feed/stream?cursor=yesterday", "cursor"),
    ("/feed/stream?limit=-1", "limit"),
    ("/proposals?cursor=yesterday", "cursor"),
    ("/proposals?cursor=%00", "cursor"),
    (f"/proposals?cursor={NOBODY}", "cursor"),
    ("/proposals?status=lost", "status"),
    ("/proposals?sort=random", "sort"),
    ("/proposals?limit=0", "limit"),
    ("/worlds?offset=-1", "offset"),
    (f"/worlds?offset={2**63}", "offset"),
    ("/worlds?offset=" + "9" * 5000, "offset"),
    ("/worlds?sort=%00", "sort"),
    ("/stories?offset=-1", "offset"),
    (f"/stories?offset={2**63}", "offset"),
    ("/stories?limit=51", "limit"),
    ("/stories?world_id=%00", "world_id"),
    ("/stories?perspective=%00", "perspective"),
    ("/stories?status=lost", "status"),
    ("/stories/worlds/{world}?sort=random", "sort"),
    ("/agents?limit=101", "limit"),
    (f"/agents?offset={2**63}", "offset"),
    ("/social/comments/story/{story}?limit=0", "limit"),
    ("/dwellers/worlds/{world}/activity?limit=NaN", "limit"),
    ("/dwellers/worlds/{world}/dwellers?available_only=%00", "available_only"),
    ("/dwellers/{dweller}/memory/search", "q"),
    ("/dwellers/{dweller}/memory/search?q=%00", "q"),
    ("/dwellers/{dweller}/memory/search?q=x&importance_min=NaN", "importance_min"),
    ("/dwellers/{dweller}/pending?mark_read=perhaps", "mark_read"),
    ("/auth/check", "name"),
    ("/auth/check?name=%00", "name"),
    ("/auth/check?name=" + "x" * 256, "name"),
    ("/auth/check?name=x&model_id=%00", "model_id"),
]


@pytest.mark.parametrize(("path", "field"), QUERIES, ids=lambda value: value[:50])
async def test_queries(stage: Stage, path: str, field: str) -> None:
    response = await stage.send(Write("GET", path, "author"))
    assert unprocessable(response) == [f"query -> {field}"]
    assert len(response.content) < 3000


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/proposals/{draft}/submit?force=perhaps", "force"),
        ("/proposals/{proposal}/validate?test_mode=%00", "test_mode"),
    ],
)
async def test_queries_of_writes(stage: Stage, db: AsyncSession, path: str, field: str) -> None:
    write = next(write for write in WRITES if write.path == path.split("?", maxsplit=1)[0])
    async with nothing_written(db):
        response = await stage.send(write, path, json=write.body)
    assert unprocessable(response) == [f"query -> {field}"]


BAD_KEYS = [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"dsf_" + b"x" * 10_000, "Schlüssel".encode()]


@pytest.mark.parametrize("write", [write for write in WRITES if write.caller], ids=name_of)
async def test_api_keys(stage: Stage, db: AsyncSession, write: Write) -> None:
    async with nothing_written(db):
        for key in BAD_KEYS:
            bearer = {"X-API-Key": b"", "Authorization": b"Bearer " + key}
            for headers in {"X-API-Key": key}, bearer:
                response = await stage.send(write, json=write.body, headers=headers)
                refused(response, 401, key_prefix=key.decode("latin-1")[:12])


async def test_idempotency_keys(stage: Stage, db: AsyncSession) -> None:
    async with nothing_written(db):
        for key in b"", b"\0", b"\xff", b"x" * 10_000:
            headers = {"X-Idempotency-Key": key}
            refused(await stage.send(CREATE, json=CREATE.body, headers=headers), 400)


# ── routes and methods ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/auth", "/%00", "/api/%FF", "/api/feed/x"]
)
async def test_unknown_routes(stage: Stage, path: str) -> None:
    for method in "GET", "POST", "PUT", "PATCH", "DELETE", "BREW":
        response = await stage.client.request(method, path)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("write", WRITES, ids=name_of)
async def test_wrong_methods(stage: Stage, db: AsyncSession, write: Write) -> None:
    async with nothing_written(db):
        for method in {"PUT", "DELETE", "TRACE", "BREW"} - {write.method}:
            wrong = replace(write, method=method)
            response = await stage.send(wrong, content=json.dumps(write.body))
            assert response.status_code == 405
            assert response.json() == {"detail": "Method Not Allowed"}


# ── size ─────────────────────────────────────────────────────────────────────────────────────────


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    """Without a known length, so without Content-Length."""
    for start in range(0, len(content), 64 * 1024):
        yield content[start : start + 64 * 1024]


def whole(content: bytes) -> bytes:
    return content


SENT: list[Callable[[bytes], Any]] = [whole, in_pieces]


@pytest.mark.parametrize("write", WRITES, ids=name_of)
async def test_more_than_a_mebibyte(stage: Stage, db: AsyncSession, write: Write) -> None:
    content = json.dumps(write.body).encode().ljust(MAX_BODY + 1)
    async with nothing_written(db):
        for sent in SENT:
            response = await stage.send(write, content=sent(content))
            refused(response, 413, max_bytes=MAX_BODY)


@pytest.mark.parametrize("write", WITH_BODY, ids=name_of)
async def test_a_mebibyte_is_read(stage: Stage, db: AsyncSession, write: Write) -> None:
    async with nothing_written(db):
        for sent in SENT:
            response = await stage.send(write, content=sent(b"[]".ljust(MAX_BODY)))
            assert unprocessable(response) == ["body"]
            assert response.json()["details"][0]["your_input"] == []


async def test_a_server_refuses_what_it_does_not_read(server: ServerProcess) -> None:
    """The answer arrives although most of the body is still on its way, and the next one, too."""
    async with httpx2.AsyncClient(base_url=server.url) as client:
        for sent in SENT * 2:
            response = await client.post("/api/auth/agent", content=sent(b" " * 8 * MAX_BODY))
            refused(response, 413, max_bytes=MAX_BODY)


async def test_half_a_request_is_none(stage: Stage, app: FastAPI, db: AsyncSession) -> None:
    """A client that breaks off in the middle gets nothing done: not even what needs no body."""
    received = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return received.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/api/proposals/{stage.ids['draft']}/submit",
        "query_string": b"",
        "headers": [(b"x-api-key", stage.keys["author"].encode())],
    }
    async with nothing_written(db):
        await app(scope, receive, send)
    assert (received, sent) == ([], [])


@pytest.mark.parametrize(
    ("value", "echo"),
    [
        ("x" * 256, "x" * MAX_ECHO + "…"),
        ("x" * 1_000_000, "x" * MAX_ECHO + "…"),
        ([1, {"a": None}], [1, {"a": None}]),
        (["x"] * 100, '["x", ' + '"x", ' * 38 + '"x",…'),
        (float("nan"), "nan"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_your_input_is_quoted_but_not_all_of_it(stage: Stage, value: Any, echo: Any) -> None:
    response = await stage.send(REGISTER, content=json.dumps(REGISTRATION | {"name": value}))
    assert unprocessable(response) == ["body -> name"]
    assert response.json()["details"][0]["your_input"] == echo


async def test_many_faults_make_a_short_answer(stage: Stage) -> None:
    response = await stage.send(CREATE, json=DRAFT | {"causal_chain": [{}] * 3000})
    assert unprocessable(response) == [
        f"body -> causal_chain -> {index // 3} -> {('year', 'event', 'reasoning')[index % 3]}"
        for index in range(20)
    ]
    assert len(response.content) < 10_000
    response = await stage.client.get("/api/feed?" + "type=x&" * 9000)
    assert unprocessable(response) == [f"query -> type -> {index}" for index in range(20)]
    assert len(response.content) < 30_000
