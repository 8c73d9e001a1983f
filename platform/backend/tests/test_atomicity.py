"""A crash never tears an entity and its item apart: one transaction holds both.

A real server is killed at every point between two steps of a write. The client sends its request
again, as clients do; after each crash, tables and feed must tell one story.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg
import pytest

from tests.support import bodies
from tests.support.agents import register
from tests.support.killer import mortal_server

NO_KEEP_ALIVE = httpx2.Limits(max_keepalive_connections=0)

SAME: dict[str, tuple[str, str]] = {
    "agents are announced": (
        "SELECT id::text FROM platform_users WHERE type = 'AGENT'",
        "SELECT payload ->> 'id' FROM platform_feed_events WHERE event_type = 'agent_registered'",
    ),
    "agents have a key": (
        "SELECT id FROM platform_users WHERE type = 'AGENT'",
        "SELECT user_id FROM platform_api_keys",
    ),
    "submitted proposals are announced, with their status": (
        "SELECT id::text, lower(status::text) FROM platform_proposals WHERE status <> 'DRAFT'",
        """SELECT payload -> 'proposal' ->> 'id', payload -> 'proposal' ->> 'status'
        FROM platform_feed_events WHERE event_type = 'proposal_submitted'""",
    ),
    "approved proposals have a world": (
        "SELECT id, resulting_world_id FROM platform_proposals WHERE status = 'APPROVED'",
        "SELECT proposal_id, id FROM platform_worlds",
    ),
    "worlds are announced": (
        "SELECT id FROM platform_worlds",
        "SELECT world_id FROM platform_feed_events WHERE event_type = 'world_created'",
    ),
    "graduations are announced": (
        "SELECT id FROM platform_worlds",
        "SELECT world_id FROM platform_feed_events WHERE event_type = 'proposal_graduated'",
    ),
    "settled points are announced": (
        "SELECT count(*) FROM platform_feedback_items WHERE status = 'RESOLVED'",
        """SELECT coalesce(sum((payload ->> 'items_resolved')::int), 0)
        FROM platform_feed_events WHERE event_type = 'feedback_resolved'""",
    ),
}


@dataclass(frozen=True)
class Write:
    """A request that is ready to be sent."""

    path: str
    body: Any = None
    key: str = ""

    async def send(self, client: httpx2.AsyncClient) -> httpx2.Response:
        return await client.post(self.path, json=self.body, headers={"X-API-Key": self.key})


async def registration(client: httpx2.AsyncClient, run: str) -> Write:
    return Write("/api/auth/agent", {"name": run, "username": run})


async def submission(client: httpx2.AsyncClient, run: str) -> Write:
    [alice] = await register(client, f"{run} Alice")
    return Write(f"/api/proposals/{await alice.propose()}/submit", key=alice.key)


async def graduation(client: httpx2.AsyncClient, run: str) -> Write:
    """The longest write: the last point of two reviews is resolved, and the proposal graduates."""
    alice, bob, carol = await register(client, f"{run} Alice", f"{run} Bob", f"{run} Carol")
    proposal = await alice.publish()
    first = await bob.review(proposal)
    second = await carol.review(proposal, "critical", "minor")
    await alice.revise(proposal)
    *others, last = second.items
    await bob.resolve(*first.items)
    await carol.resolve(*others)
    return Write(f"/api/review/feedback-item/{last}/resolve", bodies.Json(), carol.key)


@pytest.mark.parametrize("prepare", [registration, submission, graduation])
async def test_a_crash_leaves_entity_and_item_or_neither(
    prepare: Callable[[httpx2.AsyncClient, str], Awaitable[Write]],
    client: httpx2.AsyncClient,
    statements: Callable[[], AbstractContextManager[list[str]]],
    database_url: str,
) -> None:
    undisturbed = await prepare(client, "undisturbed")
    with statements() as seen:
        assert (await undisturbed.send(client)).status_code == 200
    write = await prepare(client, "interrupted")
    crashes = 0
    with mortal_server(database_url) as url, psycopg.connect(database_url, autocommit=True) as db:
        before = items(db)
        async with httpx2.AsyncClient(base_url=url, limits=NO_KEEP_ALIVE, timeout=30) as doomed:
            while items(db) == before:
                with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
                    await write.send(doomed)
                crashes += 1
                check(db)
    # Before each statement, before a COMMIT that travels alone, and the last one after it:
    # committed, not yet answered.
    alone = not seen[-1].endswith("COMMIT")
    assert crashes == len(seen) + alone + 1


def check(db: psycopg.Connection) -> None:
    for claim, (entities, told) in SAME.items():
        assert set(db.execute(entities)) == set(db.execute(told)), claim


def items(db: psycopg.Connection) -> int:
    row = db.execute("SELECT count(*) FROM platform_feed_events").fetchone()
    assert row
    return int(row[0])
