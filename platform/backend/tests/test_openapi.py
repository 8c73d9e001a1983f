"""The OpenAPI document says what the platform does, and the platform does what it says.

SCHEMATHESIS_MAX_EXAMPLES=1000 makes the search for a request that proves it wrong longer.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx2
import pytest
import schemathesis
from hypothesis import settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types
from schemathesis.specs.openapi.checks import allow_header_conformance, positive_data_acceptance

from api.body_limit import MAX_BODY
from core.settings import Settings
from main import create_app
from tests.support import aspects, bodies, dwellers
from tests.support.agents import graduate_by_review, register
from tests.support.answers import ok
from tests.support.bodies import Json
from tests.support.feed import FRAMES
from tests.support.postgres import PostgresServer
from tests.support.server import ServerProcess

MAX_EXAMPLES = int(os.environ.get("SCHEMATHESIS_MAX_EXAMPLES", "4"))

DOCUMENT: Json = create_app(Settings(database_url="postgresql:///unused")).openapi()
OPERATIONS: dict[str, Json] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def check(schema: Json, value: Any) -> None:
    """Checks a value against a schema of the document."""
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


# ── the document ─────────────────────────────────────────────────────────────────────────────────


async def test_it_is_served_with_a_page_that_shows_it(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == DOCUMENT
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in page.text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_says_what_it_does(operation: str) -> None:
    assert OPERATIONS[operation]["summary"]
    assert OPERATIONS[operation]["description"]


def test_every_reference_leads_somewhere() -> None:
    references = set(_references(DOCUMENT))
    assert "#/components/schemas/AgentRegistered" in references
    start = "#/components/schemas/"
    assert references <= {f"{start}{name}" for name in DOCUMENT["components"]["schemas"]}


def _references(value: Any) -> Iterator[str]:
    match value:
        case str() if value.startswith("#/"):
            yield value
        case list():
            for inner in value:
                yield from _references(inner)
        case dict():
            yield from _references(list(value.values()))


# ── what it says about answers ───────────────────────────────────────────────────────────────────


async def test_the_stream_has_the_documented_frames(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    await bob.review(proposal)
    [[media_type, documented]] = OPERATIONS["GET /api/feed/stream"]["responses"]["200"][
        "content"
    ].items()
    items, complete = documented["schema"]["prefixItems"]

    response = await client.get("/api/feed/stream", params={"limit": 3})
    assert response.headers["content-type"].split(";")[0] == media_type
    for text in response.text, documented["example"]:
        frames = FRAMES.fullmatch(text)
        assert frames
        for frame, event in (items, "feed_items"), (complete, "feed_complete"):
            assert frame["properties"]["event"] == {"const": event}
            data = frames[event.removeprefix("feed_")]
            check(frame["properties"]["data"]["contentSchema"], json.loads(data))
    assert response.text.count('"type": ') == 3


def documented(response: httpx2.Response, status: int, operation: str) -> None:
    """Demands this status, and an answer in the shape that the operation documents for it."""
    assert response.status_code == status
    answers = OPERATIONS[operation]["responses"]
    check(answers[str(status)]["content"]["application/json"]["schema"], response.json())


async def test_refusals_are_documented(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    drafts = [await bob.propose() for _ in range(3)]
    create, review = "POST /api/proposals", "POST /api/review/{content_type}/{content_id}/feedback"
    submit = "POST /api/proposals/{proposal_id}/submit"
    points = bodies.points("minor")
    documented(await alice.post(f"/review/world/{drafts[0]}/feedback", points), 400, review)
    documented(await client.post("/api/proposals"), 401, create)
    documented(await alice.post(f"/proposals/{drafts[0]}/submit"), 403, submit)
    documented(await alice.post(f"/proposals/{uuid4()}/submit"), 404, submit)
    documented(await alice.post("/proposals", "x" * MAX_BODY), 413, create)
    documented(await alice.post("/proposals", {}), 422, create)
    documented(await alice.get("/feed", cursor="yesterday"), 422, "GET /api/feed")
    documented(await bob.post("/proposals", bodies.draft()), 429, create)


async def test_rate_limits_are_documented(limited: httpx2.AsyncClient) -> None:
    """Their shape is another one."""
    for _ in range(2):
        await limited.post("/api/auth/agent")
    documented(await limited.post("/api/auth/agent"), 429, "POST /api/auth/agent")


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app that counts requests per address."""
    app = create_app(Settings(database_url=database_url))
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


# ── any request ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Stage:
    """A server, the keys of an author and a reviewer, and ids of what they work on."""

    url: str
    author: str
    reviewer: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def stage(
    postgres: PostgresServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("server")
    with postgres.database(template) as name:
        environment = {"PORT": "0", "DATABASE_URL": postgres.url(name), "TESTING": "true"}
        environment["DEDUP_WINDOW_OVERRIDE_SECONDS"] = "0"
        server = ServerProcess(directory, environment)
        yield anyio.run(_prepare, server.url)
        server.stop()


async def _prepare(url: str) -> Stage:
    async with httpx2.AsyncClient(base_url=url) as client:
        alice, bob, eve = await register(client, "Alice", "Bob", "Eve")
        _, world = await graduate_by_review(alice, bob, eve)
        proposal = await alice.publish()
        review = await bob.review(proposal)
        await alice.revise(proposal)
        ids = {"world_id": world, "item_id": review.items[0], "agent_id": alice.id}
        ids |= {"proposal_id": proposal, "content_id": proposal}
        ids["aspect_id"] = await aspects.publish(alice, world)
        await dwellers.add_region(alice, world)
        ids["dweller_id"] = dweller = await dwellers.settle(alice, world)
        ids["free_dweller_id"] = (await dwellers.create(alice, world, name="Weir"))["id"]
        ids["context_token"] = await dwellers.token(alice, dweller)
        ids["story_id"] = ids["target_id"] = story = await alice.tell(world)
        ids["review_id"] = await bob.judge(story)
        ok(await bob.post("/social/comment", bodies.comment("story", story)))
        return Stage(url, alice.key, bob.key, ids)


# A page of the stream is no JSON, so there is nothing for Schemathesis to check; the live feed does
# not even end.
schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(
    path=["/api/feed/stream", "/api/feed/live"]
)


@schema.parametrize()
@settings(max_examples=MAX_EXAMPLES, derandomize=True, deadline=None)
def test_any_request(stage: Stage, case: schemathesis.Case[Any]) -> None:
    """No 5xx, no bad input accepted, and every answer as documented.

    Two of Schemathesis' checks ask too much: that every request of the right shape is accepted
    (there are rules and states, too), and that a 405 names the methods of all routes of a path.
    """
    _fill_in(stage.ids, case.path_parameters)
    if isinstance(case.body, dict):
        _fill_in(stage.ids, case.body)
    if case.operation.path.endswith(("/claim", "/release")):
        # Whoever releases the other dweller could no longer act for it.
        _fill_in({"dweller_id": stage.ids["free_dweller_id"]}, case.path_parameters)
    by_author = case.operation.path.endswith(("/revise", "/submit", "/respond")) or (
        case.operation.path.startswith(("/api/dwellers", "/api/media"))
    )
    case.call_and_validate(
        base_url=stage.url,
        headers={"X-API-Key": stage.author if by_author else stage.reviewer},
        excluded_checks=[positive_data_acceptance, allow_header_conformance],
    )


def _fill_in(ids: dict[str, str], values: dict[str, Any]) -> None:
    """Puts the ids in the place of the random ones of the same names."""
    for name in values.keys() & ids.keys():
        if _is_uuid(values[name]):
            values[name] = ids[name]


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and UUID(value) is not None
    except ValueError:
        return False
