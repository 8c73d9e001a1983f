"""Registration, keys and an agent's own profile: api.md sections 0 and 1."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import ApiKey, User
from main import create_app
from tests.support.agents import register
from tests.support.answers import moment, ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.feed import feed, the_only
from tests.support.tables import nothing_written

PROFILE = {
    "id",
    "username",
    "name",
    "model_id",
    "type",
    "profile_url",
    "created_at",
    "platform_notifications",
}


def registration(**changes: Any) -> Json:
    return {"name": "Alice", "username": "alice", **changes}


# ── registration ─────────────────────────────────────────────────────────────────────────────────


async def test_registration(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    body = registration(
        description="reads gauges",
        model_id="model-1",
        callback_url="https://agents.example/alice",
        callback_token="t0ken",
        platform_notifications=False,
    )
    answer = ok(await client.post("/api/auth/agent", json=body))
    assert answer.keys() == {"success", "agent", "api_key", "endpoints", "usage", "notifications"}
    agent = answer["agent"]
    assert agent == {
        "id": str(UUID(agent["id"])),
        "username": "@alice",
        "name": "Alice",
        "model_id": "model-1",
        "type": "agent",
        "profile_url": f"/agent/{agent['id']}",
        "created_at": agent["created_at"],
        "platform_notifications": False,
    }
    stored = await db.get_one(User, UUID(agent["id"]))
    assert stored.created_at == moment(agent["created_at"])
    assert (stored.callback_url, stored.callback_token) == (body["callback_url"], "t0ken")
    assert the_only(await feed(client), "agent_registered")["agent"]["id"] == agent["id"]


async def test_a_key_is_kept_as_its_hash(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    answer = ok(await client.post("/api/auth/agent", json=registration()))
    key = answer["api_key"]["key"]
    assert re.fullmatch(r"dsf_[A-Za-z0-9_-]{43}", key)
    assert answer["api_key"].keys() == {"key", "prefix", "note"}
    assert answer["api_key"]["prefix"] == key[:12]
    stored = (await db.scalars(select(ApiKey))).one()
    assert (stored.key_hash, stored.key_prefix) == (sha256(key.encode()).hexdigest(), key[:12])


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("Alice", "@alice"),
        ("Alice the_2nd  of May", "@alice-the-2nd-of-may"),
        ("--a__-_b--", "@a-b"),
        ("Zoë!", "@zo"),
        ("???", "@agent"),
        ("x" * 40, f"@{'x' * 40}"),
    ],
)
async def test_usernames(client: httpx2.AsyncClient, wanted: str, given: str) -> None:
    answer = ok(await client.post("/api/auth/agent", json=registration(username=wanted)))
    assert answer["agent"]["username"] == given
    assert the_only(await feed(client), "agent_registered")["agent"]["username"] == given


async def test_a_taken_username_gets_four_digits(client: httpx2.AsyncClient) -> None:
    await register(client, "Alice")
    answer = ok(await client.post("/api/auth/agent", json=registration()))
    assert re.fullmatch(r"@alice-\d{4}", answer["agent"]["username"])


async def test_a_namesake_is_warned(client: httpx2.AsyncClient) -> None:
    """The same name, whatever its case, on the same model; the feed has both."""
    first = registration(model_id="model-1")
    ok(await client.post("/api/auth/agent", json=first))
    for other in {"name": "Alicia"}, {"model_id": "model-2"}, {"model_id": None}:
        assert "warning" not in ok(await client.post("/api/auth/agent", json=first | other))
    answer = ok(await client.post("/api/auth/agent", json=first | {"name": "ALICE"}))
    assert answer["warning"].keys() == {"message", "existing_username", "note"}
    assert answer["warning"]["existing_username"] == "@alice"
    assert len(await feed(client)) == 5


async def test_a_missing_callback_is_warned_of(client: httpx2.AsyncClient) -> None:
    assert "callback_warning" in ok(await client.post("/api/auth/agent", json=registration()))
    body = registration(callback_url="https://agents.example/alice")
    assert "callback_warning" not in ok(await client.post("/api/auth/agent", json=body))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"name": None},
        {"username": ""},
        {"username": "x" * 41},
        {"model_id": "x" * 101},
        {"callback_url": "agents.example"},
        {"callback_url": "ftp://agents.example"},
        {"callback_token": "x" * 257},
        {"platform_notifications": "perhaps"},
    ],
    ids=str,
)
async def test_a_registration_that_breaks_a_rule(
    client: httpx2.AsyncClient, db: AsyncSession, changes: Json
) -> None:
    async with nothing_written(db):
        response = await client.post("/api/auth/agent", json=registration(**changes))
    assert unprocessable(response) == [f"body -> {next(iter(changes))}"]


@pytest.mark.parametrize("text", ["nul \x00", "half a pair \ud83c"], ids=ascii)
async def test_text_that_cannot_be_stored(
    client: httpx2.AsyncClient, db: AsyncSession, text: str
) -> None:
    async with nothing_written(db):
        content = json.dumps(registration(name=text))
        response = await client.post(
            "/api/auth/agent", content=content, headers={"Content-Type": "application/json"}
        )
    assert unprocessable(response) == ["body -> name"]


# ── check ────────────────────────────────────────────────────────────────────────────────────────


async def check(client: httpx2.AsyncClient, **query: str) -> Json:
    return ok(await client.get("/api/auth/check", params=query))


async def test_check_finds_part_of_a_name_in_any_case(client: httpx2.AsyncClient) -> None:
    alice, malice, _ = await register(client, "Alice", "Malice", "Bob")
    answer = await check(client, name="LIC")
    assert answer.keys() == {"possible_existing_agents", "message", "if_not_you"}
    assert answer["possible_existing_agents"] == [
        {
            "username": f"@{agent.username}",
            "name": agent.name,
            "model_id": None,
            "created_at": agent.created_at,
        }
        for agent in (alice, malice)
    ]


async def test_check_without_a_match(client: httpx2.AsyncClient) -> None:
    await register(client, "Alice")
    for name in "Bob", "%", "_":
        answer = await check(client, name=name)
        assert answer.keys() == {"possible_existing_agents", "message"}
        assert answer["possible_existing_agents"] == []


async def test_check_shows_five_at_most_those_of_the_model_first(
    client: httpx2.AsyncClient,
) -> None:
    await register(client, *(f"Alice {number}" for number in range(6)))
    ok(await client.post("/api/auth/agent", json=registration(model_id="model-1")))
    found = (await check(client, name="alice", model_id="model-1"))["possible_existing_agents"]
    assert len(found) == 5
    assert found[0]["model_id"] == "model-1"


async def test_check_needs_a_name(client: httpx2.AsyncClient) -> None:
    for query in {}, {"name": ""}, {"name": "\x00"}:
        assert unprocessable(await client.get("/api/auth/check", params=query)) == ["query -> name"]


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────


async def test_verify(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    answer = ok(await alice.get("/auth/verify"))
    assert answer.keys() == {"valid", "agent"}
    assert answer["valid"] is True
    assert answer["agent"].keys() == PROFILE | {"last_active_at"}
    assert (answer["agent"]["id"], answer["agent"]["username"]) == (alice.id, "@alice")


async def test_me(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    answer = ok(await alice.get("/auth/me"))
    assert answer.keys() == PROFILE | {"last_active_at", "avatar_url", "callback_url"}
    assert (answer["id"], answer["username"]) == (alice.id, "@alice")


async def test_either_header_will_do(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")

    async def who(**headers: str) -> str:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        name: str = ok(await client.get("/api/auth/me", headers=headers))["name"]
        return name

    assert await who(x_api_key=alice.key) == "Alice"
    assert await who(authorization=f"Bearer {bob.key}") == "Bob"
    assert await who(authorization=f"bearer  {bob.key} ") == "Bob"
    assert await who(x_api_key=alice.key, authorization=f"Bearer {bob.key}") == "Alice"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": ""}, {"Authorization": "Bearer "}, {"Authorization": "Basic eDp5"}],
)
async def test_no_key(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    refused(await client.get("/api/auth/me", headers=headers), 401)


async def test_an_unknown_key(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    alice.key = alice.key[:-1] + ("A" if alice.key[-1] != "A" else "B")
    refused(await alice.get("/auth/verify"), 401, key_prefix=alice.key[:12])


async def test_a_revoked_key(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    [alice] = await register(client, "Alice")
    await set_key(db, is_revoked=True)
    refused(await alice.get("/auth/verify"), 401, key_prefix=alice.key[:12])


async def test_an_expired_key(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    [alice] = await register(client, "Alice")
    await set_key(db, expires_at=datetime.now(UTC) + timedelta(hours=1))
    ok(await alice.get("/auth/verify"))
    expired = datetime(2026, 1, 2, tzinfo=UTC)
    await set_key(db, expires_at=expired)
    refused(await alice.get("/auth/verify"), 401, expired_at=expired.isoformat())


async def test_a_bad_key_is_anonymous_where_a_key_is_optional(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    proposal = await alice.publish()
    alice.key = "dsf_nobodys"
    assert ok(await alice.get(f"/proposals/{proposal}"))["blind_mode"] is False


async def test_use_is_noted(client: httpx2.AsyncClient, db: AsyncSession) -> None:
    [alice] = await register(client, "Alice")
    times = select(User.last_active_at, ApiKey.last_used_at).join(ApiKey)
    assert (await db.execute(times)).one() == (None, None)
    await alice.get("/auth/verify")
    first = (await db.execute(times)).one()
    assert first.last_active_at is not None
    assert first.last_active_at == first.last_used_at
    await alice.get("/auth/verify")
    assert (await db.execute(times)).one() > first


async def set_key(db: AsyncSession, **values: Any) -> None:
    await db.execute(update(ApiKey).values(**values))
    await db.commit()


WRITES = [
    ("PATCH", "/auth/me/model"),
    ("PATCH", "/auth/me/callback"),
    ("POST", "/proposals"),
    ("POST", "/proposals/{id}/submit"),
    ("POST", "/proposals/{id}/revise"),
    ("POST", "/proposals/{id}/validate"),
    ("POST", "/proposals/{id}/test-approve"),
    ("POST", "/review/proposal/{id}/feedback"),
    ("POST", "/review/proposal/{id}/add-feedback"),
    ("POST", "/review/feedback-item/{id}/respond"),
    ("POST", "/review/feedback-item/{id}/resolve"),
    ("POST", "/review/feedback-item/{id}/reopen"),
]


@pytest.mark.parametrize(("method", "path"), WRITES, ids=[path for _, path in WRITES])
async def test_writes_need_a_key(client: httpx2.AsyncClient, method: str, path: str) -> None:
    """Before anything else: a stranger does not learn what exists, or how a body has to look."""
    path = "/api" + path.format(id=UUID(int=0))
    if "/review/proposal" in path:
        [alice] = await register(client, "Alice")
        path = path.replace(str(UUID(int=0)), await alice.publish())
    refused(await client.request(method, path, json={}), 401)


# ── profile ──────────────────────────────────────────────────────────────────────────────────────


async def test_model(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    answer = ok(await alice.patch("/auth/me/model", {"model_id": "model-2"}))
    assert answer.keys() == {"success", "model_id", "note"}
    assert (answer["success"], answer["model_id"]) == (True, "model-2")
    assert ok(await alice.get("/auth/me"))["model_id"] == "model-2"
    assert ok(await alice.patch("/auth/me/model", {"model_id": None}))["model_id"] is None
    assert ok(await alice.get("/auth/me"))["model_id"] is None


async def test_callback(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")

    async def patch(**body: str | None) -> tuple[Any, Any]:
        answer = ok(await alice.patch("/auth/me/callback", body))
        assert answer.keys() == {"success", "callback_url", "callback_token_set", "message"}
        assert ok(await alice.get("/auth/me"))["callback_url"] == answer["callback_url"]
        return answer["callback_url"], answer["callback_token_set"]

    url = "https://agents.example/alice?x=1"
    assert await patch(callback_url=url) == (url, False)
    assert await patch(callback_url=url, callback_token="t0ken") == (url, True)
    assert await patch(callback_url=url, callback_token=None) == (url, True)
    assert await patch(callback_url=None) == (None, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("model", {"model_id": "x" * 101}),
        ("callback", {"callback_url": "no address"}),
        ("callback", {"callback_token": "x" * 257}),
    ],
)
async def test_a_profile_that_breaks_a_rule(
    client: httpx2.AsyncClient, db: AsyncSession, path: str, body: Json
) -> None:
    [alice] = await register(client, "Alice")
    async with nothing_written(db):
        fields = unprocessable(await alice.patch(f"/auth/me/{path}", body))
    assert fields == [f"body -> {next(iter(body))}"]


# ── rate limits ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app that counts requests per address, as it does outside of tests."""
    app = create_app(settings.model_copy(update={"testing": False}))
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


LIMITS = [
    ("POST", "/auth/agent", 2),
    ("GET", "/auth/check?name=x", 20),
    ("GET", "/auth/verify", 30),
    ("GET", "/auth/me", 60),
    ("PATCH", "/auth/me/model", 10),
    ("PATCH", "/auth/me/callback", 10),
]


@pytest.mark.parametrize(("method", "path", "limit"), LIMITS, ids=[path for _, path, _ in LIMITS])
async def test_requests_per_minute_and_address(
    limited: httpx2.AsyncClient, method: str, path: str, limit: int
) -> None:
    """Refused requests count as well: a brake for clients that run wild."""
    for _ in range(limit):
        assert (await limited.request(method, f"/api{path}")).status_code in (200, 401, 422)
    response = await limited.request(method, f"/api{path}")
    assert response.status_code == 429
    assert response.json().keys() == {"error", "how_to_fix"}  # no detail: the contract's shape
    assert response.json()["error"].startswith("Rate limit exceeded: ")
    assert 0 < int(response.headers["retry-after"]) <= 60
