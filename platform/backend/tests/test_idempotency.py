"""Writes with an X-Idempotency-Key: each runs once, whatever the client does."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import uuid4

import httpx2
import pytest
from anyio import create_task_group
from fastapi import FastAPI, Request, Response
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import State
from starlette.types import Message

from api.idempotency import Idempotency
from core.settings import Settings
from db.models import IdempotencyKey, Proposal
from db.session import Database
from main import create_app
from tests.support import bodies
from tests.support.ports import free_port

Client = httpx2.AsyncClient


class Work:
    """What `/api/work/<name>` does next, and how often it has run."""

    def __init__(self) -> None:
        self.runs = 0
        self.status = 200
        self.answer: bytes | None = None
        self.fault: Exception | None = None
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def run(self, name: str, request: Request) -> Response:
        self.runs += 1
        answer = self.answer or b'{"run": %d}' % self.runs
        self.started.set()
        await self.may_end.wait()
        if self.fault:
            raise self.fault
        return Response(answer, self.status, media_type="application/json")

    async def has_started(self) -> None:
        """Gives up after a while: a request that fails beforehand never starts it."""
        async with asyncio.timeout(10):
            await self.started.wait()


@pytest.fixture
def application() -> FastAPI:
    """One of the test's own, as `work` adds a route to it."""
    return create_app(Settings(database_url="postgresql:///unused"))


@pytest.fixture
def work(app: FastAPI) -> Work:
    """A write of which the test decides how it ends, behind everything a real one stands behind."""
    work = Work()
    app.add_api_route("/api/work/{name}", work.run, methods=["GET", "POST", "PUT", "PATCH"])
    return work


Agent = dict[str, str]
"""The headers of one agent's idempotent request."""


async def register(client: Client, name: str) -> str:
    response = await client.post("/api/auth/agent", json={"name": name, "username": name})
    key: str = response.json()["api_key"]["key"]
    return key


@pytest.fixture
async def ada(client: Client) -> Agent:
    return {"X-API-Key": await register(client, "ada"), "X-Idempotency-Key": str(uuid4())}


async def age(db: AsyncSession, seconds: float) -> None:
    """Makes every row look older."""
    older = IdempotencyKey.created_at - timedelta(seconds=seconds)
    await db.execute(update(IdempotencyKey).values(created_at=older))
    await db.commit()


def replayed(response: httpx2.Response) -> bool:
    return response.headers.get("x-idempotent-replay") == "true"


async def test_repeated_proposal_makes_one(client: Client, db: AsyncSession, ada: Agent) -> None:
    first = await client.post("/api/proposals", json=bodies.draft(), headers=ada)
    again = await client.post("/api/proposals", json=bodies.draft(), headers=ada)
    assert (first.status_code, replayed(first)) == (200, False)
    assert (again.status_code, replayed(again)) == (200, True)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await db.scalar(select(func.count(Proposal.id))) == 1


async def test_answer_that_holds_a_key_is_not_kept(
    client: Client, db: AsyncSession, ada: Agent
) -> None:
    for _ in range(2):
        bob = {"name": "bob", "username": "bob"}
        answer = await client.post("/api/auth/agent", json=bob, headers=ada)
        assert (answer.status_code, replayed(answer)) == (200, False)
    assert await db.scalar(select(func.count(IdempotencyKey.key))) == 0


async def test_bearer_key_counts_as_well(client: Client, work: Work, ada: Agent) -> None:
    bearer = {
        "Authorization": f"Bearer {ada['X-API-Key']}",
        "X-Idempotency-Key": ada["X-Idempotency-Key"],
    }
    await client.post("/api/work/x", headers=bearer)
    assert replayed(await client.post("/api/work/x", headers=ada))


async def test_answer_is_kept_byte_for_byte(client: Client, work: Work, ada: Agent) -> None:
    work.answer = rb'{"b":1, "a":1234567890123456789012345, "c":1e-400,"t":"\u0000\ud800 \u00e4"}'
    await client.post("/api/work/x", headers=ada)
    assert (await client.post("/api/work/x", headers=ada)).content == work.answer


@pytest.mark.parametrize("status", [202, 400, 401, 403, 404, 409, 422])
async def test_final_answers_are_kept(client: Client, work: Work, ada: Agent, status: int) -> None:
    work.status = status
    await client.post("/api/work/x", headers=ada)
    again = await client.post("/api/work/x", headers=ada)
    assert (again.status_code, replayed(again), work.runs) == (status, True, 1)


@pytest.mark.parametrize("status", [413, 429, 500, 503])
async def test_after_a_passing_failure_the_write_runs_again(
    client: Client, work: Work, ada: Agent, status: int
) -> None:
    work.status = status
    assert (await client.post("/api/work/x", headers=ada)).status_code == status
    work.status = 200
    again = await client.post("/api/work/x", headers=ada)
    assert (again.status_code, replayed(again), work.runs) == (200, False, 2)


async def test_after_a_crashed_handler_the_write_runs_again(
    client: Client, work: Work, ada: Agent
) -> None:
    work.fault = RuntimeError("unforeseen")
    assert (await client.post("/api/work/x", headers=ada)).status_code == 500
    work.fault = None
    assert (await client.post("/api/work/x", headers=ada)).json() == {"run": 2}


async def test_after_a_cancelled_request_the_write_runs_again(
    client: Client, work: Work, ada: Agent
) -> None:
    work.may_end.clear()
    async with create_task_group() as requests:
        requests.start_soon(partial(client.post, "/api/work/x", headers=ada))
        await work.has_started()
        requests.cancel_scope.cancel()
    work.may_end.set()
    assert (await client.post("/api/work/x", headers=ada)).json() == {"run": 2}


async def test_upload_that_breaks_off_leaves_the_key_free(
    app: FastAPI, client: Client, work: Work, ada: Agent
) -> None:
    messages: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"ha", "more_body": True},
    ]
    headers = [(name.lower().encode(), value.encode()) for name, value in ada.items()]
    scope = {"type": "http", "method": "POST", "path": "/api/work/x", "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope | {"query_string": b""}, receive, send)
    assert (work.runs, sent) == (0, [])
    whole = await client.post("/api/work/x", content=b"half and half", headers=ada)
    assert whole.json() == {"run": 1}


async def test_while_the_first_runs_the_others_are_refused(
    client: Client, work: Work, ada: Agent
) -> None:
    work.may_end.clear()
    first = asyncio.create_task(client.post("/api/work/x", headers=ada))
    await work.has_started()
    refused = await client.post("/api/work/x", headers=ada)
    work.may_end.set()
    assert refused.status_code == 409
    assert set(refused.json()["detail"]) == {"error", "how_to_fix"}
    assert (await first).json() == {"run": 1}
    assert replayed(await client.post("/api/work/x", headers=ada))


async def test_of_many_at_once_one_runs(client: Client, work: Work, ada: Agent) -> None:
    requests = [client.post("/api/work/x", headers=ada) for _ in range(40)]
    responses = await asyncio.gather(*requests)
    assert work.runs == 1
    assert (
        sum(response.status_code == 200 and not replayed(response) for response in responses) == 1
    )
    assert {response.status_code for response in responses} <= {200, 409}


async def test_abandoned_claim_is_taken_over_after_a_minute(
    client: Client, db: AsyncSession, work: Work, ada: Agent
) -> None:
    await client.post("/api/work/x", headers=ada)
    # What a server leaves behind that died before it kept the answer.
    await db.execute(update(IdempotencyKey).values(status="in_progress", response_status=None))
    await db.commit()
    await age(db, 55)
    assert (await client.post("/api/work/x", headers=ada)).status_code == 409
    await age(db, 6)
    assert (await client.post("/api/work/x", headers=ada)).json() == {"run": 2}
    assert replayed(await client.post("/api/work/x", headers=ada))


@pytest.mark.parametrize("late_status", [200, 500])
async def test_claim_that_was_taken_over_settles_nothing(
    client: Client, db: AsyncSession, work: Work, ada: Agent, late_status: int
) -> None:
    work.may_end = late = asyncio.Event()
    first = asyncio.create_task(client.post("/api/work/x", headers=ada))
    await work.has_started()
    await age(db, 61)
    work.may_end = asyncio.Event()
    work.may_end.set()
    assert (await client.post("/api/work/x", headers=ada)).json() == {"run": 2}

    work.status = late_status
    late.set()
    assert (await first).json() == {"run": 1}
    assert (await client.post("/api/work/x", headers=ada)).json() == {"run": 2}


async def test_answers_are_forgotten_after_a_day(
    client: Client, db: AsyncSession, work: Work, ada: Agent
) -> None:
    await client.post("/api/work/x", headers=ada)
    await client.post("/api/work/forgotten", headers=ada)
    await age(db, 24 * 3600 - 5)
    assert replayed(await client.post("/api/work/x", headers=ada))
    await age(db, 6)
    assert not replayed(await client.post("/api/work/x", headers=ada))
    assert len((await db.scalars(select(IdempotencyKey))).all()) == 1


@pytest.mark.parametrize(
    ("query", "body"), [("", b"other"), ("?force=true", b"same")], ids=["body", "query"]
)
async def test_key_does_not_serve_another_request(
    client: Client, work: Work, ada: Agent, query: str, body: bytes
) -> None:
    await client.post("/api/work/x", content=b"same", headers=ada)
    other = await client.post(f"/api/work/x{query}", content=body, headers=ada)
    assert other.status_code == 422
    assert other.json()["details"][0]["field"] == "header -> X-Idempotency-Key"
    assert other.json()["details"][0]["your_input"] == ada["X-Idempotency-Key"]
    assert replayed(await client.post("/api/work/x", content=b"same", headers=ada))
    assert work.runs == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"X-API-Key": ""}, 400),
        ({"X-Idempotency-Key": "first"}, 400),
        ({"X-Idempotency-Key": ""}, 400),
        ({"X-API-Key": "dsf_unknown"}, 401),
    ],
)
async def test_refusals(
    client: Client, work: Work, ada: Agent, changes: Agent, status: int
) -> None:
    refused = await client.post("/api/work/x", headers=ada | changes)
    assert refused.status_code == status
    assert {"error", "how_to_fix"} <= set(refused.json()["detail"])
    assert work.runs == 0


async def test_agents_never_see_each_others_answers(client: Client, work: Work, ada: Agent) -> None:
    eve = ada | {"X-API-Key": await register(client, "eve")}
    answers = [
        await client.post(f"/api/work/{path}", headers=agent)
        for agent in (ada, eve)
        for path in ("one", "two")
    ]
    assert [answer.json()["run"] for answer in answers] == [1, 2, 3, 4]
    assert not any(map(replayed, answers))
    assert (await client.post("/api/work/two", headers=eve)).json() == {"run": 4}


async def test_methods_are_apart(client: Client, work: Work, ada: Agent) -> None:
    for method in ("POST", "PUT", "PATCH"):
        assert not replayed(await client.request(method, "/api/work/x", headers=ada))
        assert replayed(await client.request(method, "/api/work/x", headers=ada))
    assert work.runs == 3


async def test_slash_at_the_end_makes_no_other_path(client: Client, work: Work, ada: Agent) -> None:
    await client.post("/api/work/x", headers=ada)
    assert replayed(await client.post("/api/work/x/", headers=ada))


async def test_very_long_paths_are_apart(client: Client, work: Work, ada: Agent) -> None:
    paths = [f"/api/work/{'x' * 300}{end}" for end in "12"]
    answers = [await client.post(path, headers=ada) for path in paths * 2]
    assert [answer.json()["run"] for answer in answers] == [1, 2, 1, 2]


async def test_reads_and_requests_without_a_key_are_left_alone(
    client: Client, db: AsyncSession, work: Work, ada: Agent
) -> None:
    for _ in range(2):
        assert not replayed(await client.get("/api/work/x", headers=ada))
        assert not replayed(await client.post("/api/work/x", headers={"X-API-Key": "any"}))
    assert work.runs == 4
    assert (await db.scalars(select(IdempotencyKey))).all() == []


async def test_answer_that_cannot_be_kept_is_given_all_the_same(
    client: Client, db: AsyncSession, work: Work, ada: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    work.may_end.clear()
    request = asyncio.create_task(client.post("/api/work/x", headers=ada))
    await work.has_started()
    await db.execute(text("DROP TABLE platform_idempotency_keys"))
    await db.commit()
    work.may_end.set()
    assert (await request).json() == {"run": 1}
    assert "stays claimed" in caplog.text


async def test_without_a_database_nothing_runs(
    settings: Settings, app: FastAPI, work: Work
) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    database = Database(settings.model_copy(update={"database_url": nowhere}))
    away = Idempotency(app, State({"database": database}))
    headers = {"X-API-Key": "dsf_any", "X-Idempotency-Key": str(uuid4())}
    async with Client(transport=httpx2.ASGITransport(away), base_url="http://test") as client:
        response = await client.post("/api/work/x", headers=headers)
    assert (response.status_code, work.runs) == (503, 0)
