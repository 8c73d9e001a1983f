"""An old database gets its feed, whatever it holds, whoever writes meanwhile and whatever dies."""

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg
import pytest
from alembic import command as alembic
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.history import fill as fill_history
from core.settings import Settings
from db.migrate import config, upgrade
from db.models import FeedEvent, FeedProgress
from db.session import Database
from feed.row import Row, Underivable
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import ok
from tests.support.dwellers import found_world, settle, token
from tests.support.server import BACKEND, ServerProcess, StartServer
from tests.support.truth import is_true, rebuilds_the_same, report
from tests.test_catalogue import rich_history
from utils.feed_backfill import Backfill, fill
from utils.feed_events import add_feed_rows
from utils.feed_repair import repair

Client = httpx2.AsyncClient

SCRIPT = "scripts/backfill_feed_events.py"
KILLS = 10


def backfill(url: str, *words: str, module: bool = False) -> subprocess.Popen[str]:
    how = ["-m", "scripts.backfill_feed_events"] if module else [SCRIPT]
    return subprocess.Popen(
        [sys.executable, *how, *words],
        cwd=BACKEND,
        env=os.environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    return said


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(Settings(database_url=url))
    try:
        yield database
    finally:
        await database.close()


async def run(database: Database, **options: Any) -> tuple[Counter[str], int, list[Underivable]]:
    """Items that should be there by type, how many were added, and what has no item."""
    derived: Counter[str] = Counter()
    added, faults = 0, list[Underivable]()
    async for filled in fill(Backfill(database, **options)):
        derived += filled.derived
        added += filled.added
        faults += filled.underivable
    return derived, added, faults


async def empty(db: AsyncSession) -> None:
    await db.execute(text("DELETE FROM platform_feed_events"))
    await db.commit()


# ── an old database ──────────────────────────────────────────────────────────────────────────────

LEGACY = """
INSERT INTO platform_users (id, type, username, name) VALUES
    ('00000000-0000-4000-8000-000000000001', 'AGENT', 'ada', 'Ada'),
    ('00000000-0000-4000-8000-000000000002', 'HUMAN', 'ben', 'Ben'),
    ('00000000-0000-4000-8000-000000000003', 'AGENT', 'cleo', '');
INSERT INTO platform_worlds
    (id, name, premise, year_setting, created_by, proposal_id, is_active,
     dweller_count, follower_count) VALUES
    ('10000000-0000-4000-8000-000000000001', 'Tide', 'The sea rose.', 2150,
     '00000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', true,
     NULL, NULL),
    ('10000000-0000-4000-8000-000000000002', 'Gone', 'It sank.', 2150,
     '00000000-0000-4000-8000-000000000001', NULL, false, 3, 4),
    ('10000000-0000-4000-8000-000000000003', 'Unset', 'Who knows.', 2150,
     '00000000-0000-4000-8000-000000000002', NULL, NULL, 0, 0);
INSERT INTO platform_proposals
    (id, agent_id, premise, year_setting, causal_chain, scientific_basis, name, status,
     review_system, revision_count, last_revised_at) VALUES
    ('20000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000001', 'Sea.', 2150,
     '[]', 'Physics', NULL, 'APPROVED', 'LEGACY', 0, NULL),
    ('20000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000002', 'Ice.', 2150,
     '[]', 'Physics', 'Ice', 'REJECTED', 'CRITICAL_REVIEW', 2, '2026-01-03'),
    ('20000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000001', 'Air.', 2150,
     '[]', 'Physics', 'Air', 'DRAFT', 'CRITICAL_REVIEW', 1, '2026-01-04');
INSERT INTO platform_validations (proposal_id, agent_id, verdict, critique) VALUES
    ('20000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', 'STRENGTHEN',
     repeat('x', 151)),
    ('20000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'REJECT', '');
INSERT INTO platform_aspects
    (id, world_id, agent_id, aspect_type, title, premise, content, canon_justification, status,
     review_system, proposed_timeline_entry) VALUES
    ('30000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002',
     '00000000-0000-4000-8000-000000000001', 'event', 'Flood', 'It came.', '{}', 'Because.',
     'APPROVED', 'LEGACY', 'null'),
    ('30000000-0000-4000-8000-000000000002', '10000000-0000-4000-8000-000000000001',
     '00000000-0000-4000-8000-000000000002', '', 'Nameless type', 'It came.', '{}', 'Because.',
     'VALIDATING', 'LEGACY', NULL);
INSERT INTO platform_dwellers
    (id, world_id, created_by, name, origin_region, generation, name_context, cultural_identity,
     role, age, personality, background, is_available, is_active) VALUES
    ('40000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002',
     '00000000-0000-4000-8000-000000000001', 'Nim', 'Delta', '1', '', '', 'ferrier', 30, '', '',
     NULL, false),
    ('40000000-0000-4000-8000-000000000002', '10000000-0000-4000-8000-000000000001',
     '00000000-0000-4000-8000-000000000001', 'Oda', 'Delta', '1', '', '', '', 30, '', '',
     NULL, true);
INSERT INTO platform_dweller_actions
    (id, dweller_id, actor_id, action_type, content, created_at, in_reply_to_action_id) VALUES
    ('50000000-0000-4000-8000-000000000001', '40000000-0000-4000-8000-000000000001',
     '00000000-0000-4000-8000-000000000002', 'speak', 'Who?', '2026-01-05 12:00', NULL),
    ('50000000-0000-4000-8000-000000000002', '40000000-0000-4000-8000-000000000002',
     '00000000-0000-4000-8000-000000000001', 'speak', 'I.', '2026-01-05 12:01',
     '50000000-0000-4000-8000-000000000001'),
    ('50000000-0000-4000-8000-000000000003', '40000000-0000-4000-8000-000000000001',
     '00000000-0000-4000-8000-000000000002', 'move', '', '2026-01-06 12:00', NULL),
    ('50000000-0000-4000-8000-000000000004', '40000000-0000-4000-8000-000000000001',
     '00000000-0000-4000-8000-000000000002', 'observe', 'Fog.', '2026-01-07 12:00', NULL);
INSERT INTO platform_stories
    (id, world_id, author_id, title, content, perspective, review_system, reaction_count) VALUES
    ('60000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000002',
     '00000000-0000-4000-8000-000000000002', '', 'Once.', 'THIRD_PERSON_OMNISCIENT', 'LEGACY',
     NULL);
INSERT INTO platform_review_feedback (id, content_type, content_id, reviewer_id) VALUES
    ('70000000-0000-4000-8000-000000000001', 'story', '60000000-0000-4000-8000-000000000001',
     '00000000-0000-4000-8000-000000000001'),
    ('70000000-0000-4000-8000-000000000002', 'dweller_proposal', gen_random_uuid(),
     '00000000-0000-4000-8000-000000000001');
INSERT INTO platform_feedback_items
    (id, review_feedback_id, category, description, severity, status, resolved_at) VALUES
    (gen_random_uuid(), '70000000-0000-4000-8000-000000000001', 'OTHER', 'Why?', 'MINOR',
     'RESOLVED', NULL),
    (gen_random_uuid(), '70000000-0000-4000-8000-000000000001', 'OTHER', 'How?', 'MINOR',
     'RESOLVED', '2026-01-08'),
    (gen_random_uuid(), '70000000-0000-4000-8000-000000000001', 'OTHER', 'Who?', 'MINOR',
     'DISPUTED', NULL);
"""

WITHOUT_ITEM = {
    ("agent_registered", "00000000-0000-4000-8000-000000000003"),  # no name
    ("aspect_proposed", "30000000-0000-4000-8000-000000000002"),  # no type
    ("dweller_action", "50000000-0000-4000-8000-000000000003"),  # not a word
}


async def test_an_old_database_with_all_it_may_hold(empty_database_url: str) -> None:
    """It never had a feed, and is taken for 0024 because somebody stamped it so."""
    upgrade(empty_database_url, "0024")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(LEGACY)
        connection.execute("DROP TABLE alembic_version")
    alembic.stamp(config(empty_database_url), "0024")
    upgrade(empty_database_url)

    said = finish(backfill(empty_database_url))
    assert "3 records have no item, because it would break the contract:" in said
    for kind, item_id in WITHOUT_ITEM:
        assert f"{kind} {item_id}: " in said

    async with opened(empty_database_url) as database:
        found = await report(database)
        assert found.examples == []
        assert {fault[:2] for fault in found.underivable} == WITHOUT_ITEM
        assert found.items == {
            "world_created": 1,
            "proposal_submitted": 2,
            "proposal_validated": 2,
            "proposal_revised": 2,
            "aspect_approved": 1,
            "dweller_created": 1,
            "dweller_action": 1,
            "conversation": 1,
            "agent_registered": 1,
            "story_created": 1,
            "review_submitted": 2,
            "feedback_resolved": 1,
        }
        await rebuilds_the_same(database)


async def test_rows_of_an_earlier_attempt_stay_until_repair(
    client: Client, app: FastAPI, db: AsyncSession
) -> None:
    """Nothing is deleted or overwritten by a backfill; `repair` is for that."""
    await rich_history(client, db)
    await db.execute(
        text(
            "UPDATE platform_feed_events SET id = gen_random_uuid(), payload = payload - 'agent'"
            " WHERE event_type = 'story_created'"
        )
    )
    await db.commit()
    _, added, _ = await run(app.state.database)
    assert added == 0
    async for _ in repair(app.state.database):
        pass
    await is_true(app.state.database)


# ── parts of it ──────────────────────────────────────────────────────────────────────────────────


async def test_again_it_adds_nothing(client: Client, app: FastAPI, db: AsyncSession) -> None:
    await rich_history(client, db)
    database = app.state.database
    derived, added, _ = await run(database)
    assert added == 0
    await empty(db)
    assert await run(database, dry_run=True) == (derived, derived.total(), [])
    assert await count(db) == 0
    assert (await run(database))[1] == derived.total() == await count(db)
    assert await db.scalar(text("SELECT count(*) FROM platform_feed_progress")) == 0


async def test_only_some_types(client: Client, app: FastAPI, db: AsyncSession) -> None:
    """Also those that come from one source with others, or from two."""
    await rich_history(client, db)
    await empty(db)
    for kind in ("activity_group", "proposal_revised"):
        derived, added, _ = await run(app.state.database, types=[kind])
        assert derived == {kind: added}
        found = await db.scalars(
            text("SELECT count(*) FROM platform_feed_events WHERE event_type = :kind"),
            {"kind": kind},
        )
        assert found.one() == added > 0


async def test_only_what_is_new(client: Client, app: FastAPI, db: AsyncSession) -> None:
    await rich_history(client, db)
    middle = (
        await db.scalars(
            text("SELECT created_at FROM platform_feed_events ORDER BY 1 OFFSET 20 LIMIT 1")
        )
    ).one()
    newer = text("SELECT count(*) FROM platform_feed_events WHERE created_at >= :since")
    expected = await db.scalar(newer, {"since": middle})
    await empty(db)
    assert (await run(app.state.database, since=middle))[1] == expected == await count(db)


async def test_it_goes_on_where_it_stopped(client: Client, app: FastAPI, db: AsyncSession) -> None:
    await rich_history(client, db)
    whole = sum([filled.seen async for filled in fill(Backfill(app.state.database))])
    await empty(db)
    first = []
    async with aclosing(fill(Backfill(app.state.database, batch=2))) as filling:
        async for filled in filling:
            first.append(filled.seen)
            if len(first) == 9:
                break
    noted = (await db.scalars(text("SELECT name FROM platform_feed_progress"))).all()
    assert noted == ["backfill/all/all"]
    rest = [filled.seen async for filled in fill(Backfill(app.state.database, batch=2))]
    # What the other lane had just done is seen by neither.
    assert sum(rest) <= whole - sum(first) + 1
    await is_true(app.state.database)


async def test_a_batch_can_be_ended_at_any_moment(
    client: Client, app: FastAPI, db: AsyncSession
) -> None:
    """A server that waits for the rows of a COPY hears of no cancellation."""
    await rich_history(client, db)
    event = await db.scalar(select(FeedEvent).limit(1))
    assert event is not None
    row = Row(*(getattr(event, column) for column in Row._fields))

    async def add() -> None:
        async with app.state.database.session() as own:
            await add_feed_rows(own, [row])

    for moment in itertools.count():
        work = asyncio.create_task(add())
        for _ in range(moment):
            await asyncio.sleep(0)
        if work.done():
            await work
            break
        work.cancel()
        done, _ = await asyncio.wait([work], timeout=5)
        assert done, f"cancelled at moment {moment}, it hangs"
    assert moment > 10


async def count(db: AsyncSession) -> int:
    return await db.scalar(text("SELECT count(*) FROM platform_feed_events")) or 0


# ── the script ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("module", [False, True], ids=["by path", "as a module"])
async def test_the_script(
    client: Client, app: FastAPI, db: AsyncSession, database_url: str, module: bool
) -> None:
    await rich_history(client, db)
    total = await count(db)
    await empty(db)
    since = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    words = ["--dry-run", "--since", since[:19], "--batch", "7"]
    assert f"{total} would be added" in finish(backfill(database_url, *words, module=module))
    types = ["--type", "story_created", "--type", "conversation"]
    finish(backfill(database_url, *types, module=module))
    assert 0 < await count(db) < total
    finish(backfill(database_url, module=module))
    await is_true(app.state.database)


def test_the_script_refuses_what_it_does_not_know(database_url: str) -> None:
    for words in (["--type", "rumour"], ["--batch", "0"], ["--since", "yesterday"]):
        process = backfill(database_url, *words)
        process.communicate(timeout=60)
        assert process.returncode == 2


async def test_behind_a_transaction_pooler(
    client: Client, app: FastAPI, db: AsyncSession, pgbouncer_url: str
) -> None:
    """Its server connections are fewer than its clients, and change with every transaction."""
    await rich_history(client, db)
    total = await count(db)
    await empty(db)
    async with opened(pgbouncer_url) as one, opened(pgbouncer_url) as two:
        runs = await asyncio.gather(run(one, batch=3), run(two, batch=3))
        assert sum(added for _, added, _ in runs) == total
        await is_true(one)
        async for _ in repair(two, batch=3):
            pass


# ── beside writers ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.timeout(300)
async def test_killed_ten_times_while_writers_write(
    server: ServerProcess, database_url: str
) -> None:
    """Each time by SIGKILL at a random moment of its work; then it runs to its end."""
    await fill_history(database_url, 3000)
    chance = random.Random(4)
    async with opened(database_url) as database, Client(base_url=server.url, timeout=30) as client:
        writers = Writers(client)
        await writers.begin()
        writing = asyncio.create_task(writers.run())
        killed = 0
        for _ in range(KILLS * 3):
            process = backfill(database_url, "--batch", "20")
            await position_moves(database, process)
            await asyncio.sleep(chance.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
            if killed == KILLS:
                break
        assert killed == KILLS
        finish(backfill(database_url, "--batch", "50"))
        writers.stop = True
        await writing
        assert writers.written > 100
        await is_true(database)
        await rebuilds_the_same(database)


async def test_while_worlds_are_deleted(start_server: StartServer, database_url: str) -> None:
    """What a batch has just read may be gone when it writes."""
    await fill_history(database_url, 1000)
    server = start_server(ADMIN_API_KEY="the-administrator's", BACKGROUND_TASKS="false")
    async with opened(database_url) as database, Client(base_url=server.url, timeout=30) as client:
        async with database.session() as db:
            worlds = list(await db.scalars(text("SELECT id FROM platform_worlds ORDER BY id")))

        async def delete() -> None:
            for world in worlds[::2]:
                headers = {"X-API-Key": "the-administrator's"}
                ok(await client.delete(f"/api/worlds/{world}", headers=headers))

        await asyncio.gather(run(database, batch=3), run(database, batch=50), delete())
        await is_true(database)


async def position_moves(database: Database, process: subprocess.Popen[str]) -> None:
    """Waits until the run that was just started has done a batch, or is over."""
    before = await position(database)
    while process.poll() is None and await position(database) in (before, None):  # noqa: ASYNC110 - another process moves it
        await asyncio.sleep(0.01)


async def position(database: Database) -> Any:
    async with database.session() as db:
        noted = await db.get(FeedProgress, "backfill/all/all")
        return noted and (noted.state, noted.updated_at)


class Writers:
    """Agents that change what is being brought in, and add to it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.stop = False
        self.written = 0

    async def begin(self) -> None:
        self.agents = await register(self.client, "Alice", "Bob", "Carol")
        self.world = await found_world(self.agents[0])
        self.dwellers = [
            await settle(agent, self.world, name=f"Dweller{number}")
            for number, agent in enumerate(self.agents)
        ]

    async def run(self) -> None:
        await asyncio.gather(*(self._write(number) for number in range(len(self.agents))))

    async def _write(self, number: int) -> None:
        agent, dweller = self.agents[number], self.dwellers[number]
        known = await token(agent, dweller)
        chance = random.Random(number)
        while not self.stop:
            for act in (self._act, self._touch_a_story, self._reply):
                answer = await act(agent, dweller, known, chance)
                assert answer.status_code < 500, answer.text
                self.written += answer.status_code == 200

    async def _act(
        self, agent: Agent, dweller: str, known: str, chance: random.Random
    ) -> httpx2.Response:
        return await agent.post(f"/dwellers/{dweller}/act", bodies.act(known))

    async def _reply(
        self, agent: Agent, dweller: str, known: str, chance: random.Random
    ) -> httpx2.Response:
        """To anything in the feed, old or new; also to what the backfill is about to bring in."""
        found = await self.client.get("/api/feed?type=dweller_action&limit=50")
        items = found.json()["items"]
        answered = chance.choice(items)["id"] if items else None
        body = bodies.act(known, in_reply_to_action_id=answered)
        return await agent.post(f"/dwellers/{dweller}/act", body)

    async def _touch_a_story(
        self, agent: Agent, dweller: str, known: str, chance: random.Random
    ) -> httpx2.Response:
        listed = await self.client.get("/api/stories", params={"limit": 50, "sort": "recent"})
        story = chance.choice(ok(listed)["stories"])["id"]
        return await agent.post(f"/stories/{story}/react", {"reaction_type": "fire"})
