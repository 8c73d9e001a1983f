"""Every way in which the feed can be wrong is found, named and mended, and nothing else."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedProgress
from db.session import Database
from feed.verify import Finding
from tests.support.server import BACKEND, StartServer
from tests.support.truth import dump, findings, is_true, rebuilds_the_same
from tests.test_catalogue import rich_history
from utils import feed_watch
from utils.feed_repair import repair

pytestmark = pytest.mark.timeout(180)

SOME_ID = UUID("12345678-1234-4234-8234-123456789abc")

# What is damaged, and what verification must say of it: kind, type, where a stale item differs.
PLANTS: dict[str, tuple[str, list[tuple[str, str, tuple[str, ...]]]]] = {
    "deleted": (
        "DELETE FROM platform_feed_events WHERE event_type = 'world_created'",
        [("missing", "world_created", ())],
    ),
    "a count": (
        "UPDATE platform_feed_events SET payload ="
        " jsonb_set(payload, '{story,reaction_count}', '99') WHERE event_type = 'story_created'",
        [("stale", "story_created", ("payload.story.reaction_count",))],
    ),
    "true for 1": (
        "UPDATE platform_feed_events SET payload = jsonb_set(payload, '{dweller,is_available}',"
        " CASE WHEN payload #>> '{dweller,is_available}' = 'true' THEN '1' ELSE '0' END::jsonb)"
        " WHERE event_type = 'dweller_created'",
        [("stale", "dweller_created", ("payload.dweller.is_available",))],
    ),
    "a key too many": (
        "UPDATE platform_feed_events SET payload = payload || '{\"more\": null}'"
        " WHERE event_type = 'conversation'",
        [("stale", "conversation", ("payload.more",))],
    ),
    "a key too few": (
        "UPDATE platform_feed_events SET payload = payload #- '{agent}'"
        " WHERE event_type = 'agent_registered'",
        [("stale", "agent_registered", ("payload.agent",))],
    ),
    "a time": (
        "UPDATE platform_feed_events SET created_at = created_at + interval '1 microsecond'"
        " WHERE event_type = 'feedback_resolved'",
        [("stale", "feedback_resolved", ("created_at",))],
    ),
    "a filter": (
        "UPDATE platform_feed_events SET world_id = NULL, agent_id = NULL"
        " WHERE event_type = 'activity_group'",
        [("stale", "activity_group", ("world_id", "agent_id"))],
    ),
    "a row id": (
        "UPDATE platform_feed_events SET id = gen_random_uuid()"
        " WHERE event_type = 'proposal_graduated'",
        [("stale", "proposal_graduated", ("id",))],
    ),
    "duplicated under another id": (
        "INSERT INTO platform_feed_events (event_type, created_at, payload, world_id)"
        " SELECT event_type, created_at,"
        f" jsonb_set(payload, '{{id}}', '\"{SOME_ID}\"'), world_id"
        " FROM platform_feed_events WHERE event_type = 'story_created' LIMIT 1",
        [("orphaned", "story_created", ())],
    ),
    "duplicated under an id of another spelling": (
        "INSERT INTO platform_feed_events (event_type, created_at, payload)"
        " SELECT event_type, created_at,"
        " jsonb_set(payload, '{id}', to_jsonb(payload ->> 'id' || '-2'))"
        " FROM platform_feed_events WHERE event_type = 'world_created' LIMIT 1",
        [("orphaned", "world_created", ())],
    ),
    "an item of another type": (
        "UPDATE platform_feed_events SET event_type = 'aspect_proposed'"
        " WHERE id = (SELECT id FROM platform_feed_events"
        " WHERE event_type = 'aspect_approved' ORDER BY id LIMIT 1)",
        [("missing", "aspect_approved", ()), ("extra", "aspect_proposed", ())],
    ),
    "no type that there is": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " VALUES ('rumour_heard', '{\"id\": \"1\"}')",
        [("orphaned", "rumour_heard", ())],
    ),
    "no id": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " VALUES ('story_created', '{}'), ('story_created', '[1]'), ('story_created', 'null')",
        [("orphaned", "story_created", ())] * 3,
    ),
    "a draft": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'proposal_submitted', jsonb_build_object('id', id)"
        " FROM platform_proposals WHERE status = 'DRAFT' ORDER BY id LIMIT 1",
        [("extra", "proposal_submitted", ())],
    ),
    "answers one by one": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'dweller_action', jsonb_build_object('id', id) FROM platform_dweller_actions"
        " WHERE in_reply_to_action_id IS NOT NULL ORDER BY id LIMIT 1",
        [("orphaned", "dweller_action", ())],
    ),
    "a member of a group by itself": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'dweller_action', jsonb_build_object('id', payload #>> '{actions,1,id}')"
        " FROM platform_feed_events WHERE event_type = 'activity_group' ORDER BY id LIMIT 1",
        [("extra", "dweller_action", ())],
    ),
    "a group of another dweller": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        f" SELECT 'activity_group', jsonb_build_object('id', 'group-{SOME_ID}-' || id)"
        " FROM platform_dweller_actions WHERE in_reply_to_action_id IS NULL ORDER BY id LIMIT 1",
        [("orphaned", "activity_group", ())],
    ),
    "resolved points of another review": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'feedback_resolved', jsonb_build_object('id',"
        f" 'feedback-resolved-' || review_feedback_id || '-{SOME_ID}')"
        " FROM platform_feedback_items ORDER BY id LIMIT 1",
        [("orphaned", "feedback_resolved", ())],
    ),
    "a conversation of one": (
        "INSERT INTO platform_feed_events (event_type, payload)"
        " SELECT 'conversation', jsonb_build_object('id', 'thread-' || id)"
        " FROM platform_dweller_actions AS root WHERE in_reply_to_action_id IS NULL AND NOT EXISTS"
        " (SELECT FROM platform_dweller_actions WHERE in_reply_to_action_id = root.id)"
        " ORDER BY id LIMIT 1",
        [("orphaned", "conversation", ())],
    ),
    "two that changed their ids": (
        "WITH pair AS (SELECT min(payload ->> 'id') AS a, max(payload ->> 'id') AS b"
        " FROM platform_feed_events WHERE event_type = 'proposal_validated'),"
        " gone AS (DELETE FROM platform_feed_events USING pair"
        " WHERE event_type = 'proposal_validated' AND payload ->> 'id' = b)"
        " UPDATE platform_feed_events"
        " SET payload = jsonb_set(payload, '{id}', '\"moved\"') FROM pair"
        " WHERE event_type = 'proposal_validated' AND payload ->> 'id' = a",
        [("orphaned", "proposal_validated", ()), ("missing", "proposal_validated", ())],
    ),
    "a record that went by hand": (
        "DELETE FROM platform_proposals WHERE id = (SELECT proposal_id FROM platform_validations"
        " JOIN platform_proposals AS p ON p.id = proposal_id"
        " WHERE p.status = 'REJECTED' ORDER BY p.id LIMIT 1)",
        [("orphaned", "proposal_submitted", ()), ("orphaned", "proposal_validated", ())],
    ),
    "a record that was changed by hand": (
        "UPDATE platform_users SET name = 'Renamed' WHERE username = 'dora'",
        [("stale", "agent_registered", ("payload.agent.name",))],
    ),
}


@pytest.fixture
async def played(app: FastAPI, client: httpx2.AsyncClient, db: AsyncSession) -> Database:
    """A database in which everything has happened."""
    await rich_history(client, db)
    database: Database = app.state.database
    return database


async def test_every_plant_is_found_and_mended(played: Database, db: AsyncSession) -> None:
    await is_true(played)
    for name, (damage, expected) in PLANTS.items():
        await execute(db, damage)
        found = await findings(played)
        for said in expected:
            assert said in map(facts, found), f"{name}: {said} is not among {found}"
        kinds = {(kind, event_type) for kind, event_type, _ in expected}
        if "record" not in name:  # that shows on items of many types
            others = {(f.kind, f.event_type) for f in found} - kinds
            assert not others - {("missing", "proposal_validated")}, f"{name}: {found}"
        mended = [finding async for checked in repair(played) for finding in checked.findings]
        assert {(f.kind, f.event_type) for f in mended} >= kinds, name
        await is_true(played)
    await rebuilds_the_same(played)


async def test_an_empty_feed_is_repaired_to_the_byte(played: Database, db: AsyncSession) -> None:
    items = (await is_true(played)).items
    before = await dump(db)
    await execute(db, "DELETE FROM platform_feed_events")
    found = [finding.kind for finding in await findings(played)]
    assert set(found) == {"missing"}
    mended = [f async for checked in repair(played, batch=30) for f in checked.findings]
    assert len(mended) == items.total()
    assert await dump(db) == before


async def test_only_what_is_asked_for(played: Database, db: AsyncSession) -> None:
    await execute(db, "DELETE FROM platform_feed_events")
    mended = [f async for checked in repair(played, ["story_created"]) for f in checked.findings]
    assert {finding.event_type for finding in mended} == {"story_created"}
    types = await db.scalars(text("SELECT DISTINCT event_type FROM platform_feed_events"))
    assert types.all() == ["story_created"]


async def test_the_background_task_tells(
    played: Database, db: AsyncSession, client: httpx2.AsyncClient
) -> None:
    await execute(db, PLANTS["a count"][0])
    await execute(db, PLANTS["no id"][0])
    await whole_pass(played)
    health = (await client.get("/health")).json()["feed"]
    assert health["drift"]["orphaned"] == 3
    assert health["drift"]["stale"] > 0
    assert health["drift"]["missing"] == health["drift"]["extra"] == 0
    through = health["verified_through"]
    metrics = (await client.get("/metrics")).text
    assert 'feed_drift_items{kind="orphaned"} 3.0' in metrics
    assert "feed_verified_through_timestamp_seconds" in metrics
    assert not await feed_watch.step(played, every=3600), "the next pass is not due"

    async for _ in repair(played):
        pass
    await whole_pass(played)
    health = (await client.get("/health")).json()["feed"]
    assert set(health["drift"].values()) == {0}
    assert health["verified_through"] > through


async def test_a_pass_that_another_release_began_is_begun_anew(
    played: Database, db: AsyncSession, client: httpx2.AsyncClient
) -> None:
    """Its sources stood in another order, and a position among one's records says nothing here."""
    assert await feed_watch.step(played, every=0)
    progress = await db.get_one(FeedProgress, "verify", with_for_update=True)
    last = len(feed_watch.ORDER) - 1
    now = progress.state["now"] | {"order": ["then"], "source": last, "after": ["?"]}
    progress.state = progress.state | {"now": now}
    await db.commit()
    await execute(db, PLANTS["no id"][0])
    await whole_pass(played)
    health = (await client.get("/health")).json()["feed"]
    assert health["drift"]["orphaned"] > 0, "the feed's own rows come first"


async def whole_pass(database: Database) -> None:
    """As the task does it, without the rests; every batch is another process's turn."""
    assert await feed_watch.step(database, every=0)
    for _ in range(100):
        async with database.session() as db:
            if (await db.get_one(FeedProgress, "verify")).state["now"] is None:
                return
        assert await feed_watch.step(database, every=0)
    pytest.fail("a pass has an end")


# ── the commands ─────────────────────────────────────────────────────────────────────────────────


def command(url: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "cli.py", *words],
        cwd=BACKEND,
        env={"DATABASE_URL": url, "PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


async def test_the_commands(played: Database, db: AsyncSession, database_url: str) -> None:
    clean = command(database_url, "verify")
    assert clean.returncode == 0, clean.stderr
    assert "the feed says what the tables say" in clean.stdout
    await execute(db, PLANTS["a count"][0])
    drifted = command(database_url, "verify", "--json")
    assert drifted.returncode == 1
    report = json.loads(drifted.stdout)
    assert report["totals"]["stale"] == report["drift"] == report["types"]["story_created"]["stale"]
    assert report["findings"][0]["keys"] == ["payload.story.reaction_count"]
    assert command(database_url, "verify", "--type", "world_created").returncode == 0
    mended = command(database_url, "repair")
    assert mended.returncode == 0, mended.stderr
    assert f"{report['drift']} mended" in mended.stdout
    assert command(database_url, "verify").returncode == 0


def test_a_database_of_another_revision_is_refused(empty_database_url: str) -> None:
    for words in ("verify", "repair", "backfill"):
        refused = command(empty_database_url, words)
        assert refused.returncode == 1
        assert "Run script/migrate first" in refused.stderr


def test_they_join_a_running_server(start_server: StartServer, tmp_path: Path) -> None:
    """On its embedded database, which only its server may start."""
    server = start_server(DATABASE_URL="", DATA_DIR=str(tmp_path), VERIFY_EVERY="1")
    with httpx2.Client(base_url=server.url) as client:
        registration = {"name": "Alice", "username": "alice"}
        assert client.post("/api/auth/agent", json=registration).status_code == 200
        for words in ("verify", "repair", "backfill"):
            ran = command("", words, DATA_DIR=str(tmp_path))
            assert ran.returncode == 0, ran.stderr
        for _ in range(500):
            health = client.get("/health").json()["feed"]
            if health["verified_through"]:
                break
            time.sleep(0.02)
    assert health["verified_through"]
    assert set(health["drift"].values()) == {0}


# ── help ─────────────────────────────────────────────────────────────────────────────────────────


async def execute(db: AsyncSession, statement: str) -> None:
    damaged: Any = await db.execute(text(statement))
    assert damaged.rowcount > 0, f"nothing was damaged by {statement}"
    await db.commit()


def facts(finding: Finding) -> tuple[str, str, tuple[str, ...]]:
    return finding.kind, finding.event_type, finding.keys
