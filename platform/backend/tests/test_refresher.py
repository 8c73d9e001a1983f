"""A name that shows on more items than its writer could wait for reaches all of them."""

import asyncio
import os
import subprocess
import sys
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.history import fill as fill_history
from core.settings import Settings
from db.models import FeedEvent, FeedRefresh, Story, StoryPerspective, User, World
from db.session import Database
from feed.catalogue import story_created
from feed.verify import check
from tests.support.agents import Agent, register
from tests.support.answers import ok
from tests.support.dwellers import found_world
from tests.support.feed import feed
from tests.support.server import BACKEND
from tests.support.slow_queries import HELD_UP, until_queries
from tests.support.truth import is_true
from utils import feed_refresher
from utils.feed_backfill import Backfill, fill
from utils.feed_events import AT_ONCE, emit_feed_event, refresh_items_quoting

Client = httpx2.AsyncClient

MANY = 3 * AT_ONCE + 1
NEW = "Renamed"

NAMED_NEW = select(func.count(FeedEvent.id)).where(
    FeedEvent.payload["world"]["name"].as_string() == NEW
)
PENDING = select(func.count(FeedRefresh.id))


@pytest.fixture
async def alice(client: Client) -> Agent:
    return (await register(client, "Alice"))[0]


@pytest.fixture
async def world(alice: Agent) -> str:
    return await found_world(alice)


@pytest.fixture
async def store(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


async def count(db: AsyncSession, query: Select[int]) -> int:
    """Ends its transaction: the last pass of a task waits for whoever began before it."""
    found = (await db.scalars(query)).one()
    await db.rollback()
    return found


@pytest.fixture
async def told(store: Database, alice: Agent, world: str, db: AsyncSession) -> int:
    """Many stories of the world, in the feed; returns how many items name the world."""
    stories = [
        {"world_id": UUID(world), "author_id": UUID(alice.id), "title": f"Story {number}"}
        for number in range(MANY)
    ]
    common = {"content": "Once.", "perspective": StoryPerspective.FIRST_PERSON_AGENT}
    await db.execute(insert(Story), [story | common for story in stories])
    await db.commit()
    async for _ in fill(Backfill(store)):
        pass
    return MANY + 1  # the world's own item


async def rename(db: AsyncSession, world: str) -> None:
    record = await db.get_one(World, UUID(world), with_for_update=True)
    record.name = NEW
    await refresh_items_quoting(db, record)
    await db.commit()


async def test_the_writer_changes_some_and_leaves_the_rest(
    store: Database, db: AsyncSession, client: Client, world: str, told: int
) -> None:
    await rename(db, world)
    assert await count(db, NAMED_NEW) == AT_ONCE + 1
    assert await count(db, PENDING) == 1
    assert (await client.get("/health")).json()["feed"]["refreshes_pending"] == 1
    # What is left is no drift, and every page is whole: each item says the old name or the new one.
    kinds = [f.kind async for checked in check(store) for f in checked.findings]
    assert kinds == ["pending"] * (told - AT_ONCE - 1)
    names = {
        item["world"]["name"] for item in await feed(client, world_id=world) if "world" in item
    }
    assert len(names) == 2
    await is_true(store)
    assert await count(db, NAMED_NEW) == told
    assert await count(db, PENDING) == 0


async def test_work_that_another_release_left_is_begun_anew(
    store: Database, db: AsyncSession, world: str, told: int
) -> None:
    """Its catalogue had another name for a source, or one that this one lacks."""
    record = await db.get_one(World, UUID(world), with_for_update=True)
    record.name = NEW
    steps = ["story_told.stories#0", "world_created.worlds#0"]
    db.add(
        FeedRefresh(
            table_name=World.__tablename__, record_id=record.id, steps=steps, position=["?"]
        )
    )
    await db.commit()
    await is_true(store)
    assert await count(db, NAMED_NEW) == told


async def test_a_rename_that_is_rolled_back_leaves_no_work(
    db: AsyncSession, world: str, told: int
) -> None:
    record = await db.get_one(World, UUID(world), with_for_update=True)
    record.name = NEW
    await refresh_items_quoting(db, record)
    await db.rollback()
    assert await count(db, PENDING) == 0
    assert await count(db, NAMED_NEW) == 0


async def test_two_renames_end_with_the_last(
    store: Database, db: AsyncSession, world: str, told: int
) -> None:
    record = await db.get_one(World, UUID(world), with_for_update=True)
    record.name = "Between"
    await refresh_items_quoting(db, record)
    await db.commit()
    assert await feed_refresher.work(store)
    await rename(db, world)
    await is_true(store)
    assert await count(db, NAMED_NEW) == told


async def test_it_waits_for_whoever_read_the_old_name(
    store: Database, db: AsyncSession, alice: Agent, world: str, told: int
) -> None:
    """A transaction that began before the change, and whose item no pass can see yet."""
    async with store.session() as straggler:
        author = await straggler.get_one(User, UUID(alice.id))
        stale = await straggler.get_one(World, UUID(world))
        await rename(db, world)
        while await feed_refresher.work(store, grace=0):
            pass
        assert await count(db, PENDING) == 1, "the last pass waits"
        story = Story(
            world_id=stale.id,
            author_id=author.id,
            title="Late",
            content="Once.",
            perspective=StoryPerspective.FIRST_PERSON_AGENT,
        )
        straggler.add(story)
        await straggler.flush()
        await emit_feed_event(straggler, **story_created(story, stale, author, None))
        await straggler.commit()
    await is_true(store)
    assert await count(db, NAMED_NEW) == told + 1


async def test_it_is_killed_and_another_goes_on(
    store: Database,
    database_url: str,
    db: AsyncSession,
    observer: psycopg.AsyncConnection[Any],
    world: str,
    told: int,
) -> None:
    await rename(db, world)
    await db.execute(update(FeedEvent).values(story_id=FeedEvent.story_id))  # a lock, not committed
    server = serve(database_url)
    try:
        await until_queries(observer, 1, HELD_UP, 30)  # it is in the middle of a batch
    finally:
        server.kill()
        server.wait()
    await db.rollback()
    assert await count(db, PENDING) == 1
    await is_true(store)
    assert await count(db, NAMED_NEW) == told


def serve(url: str) -> subprocess.Popen[bytes]:
    """A server, which is never asked anything."""
    return subprocess.Popen(
        [sys.executable, "cli.py", "serve"],
        cwd=BACKEND,
        env=os.environ | {"DATABASE_URL": url, "PORT": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_a_record_that_somebody_holds_is_left_to_the_task(
    store: Database, db: AsyncSession, alice: Agent, world: str
) -> None:
    """The writer of a name waits for nobody."""
    story = await alice.tell(world)
    async with store.session() as holder:
        await holder.get(Story, UUID(story), with_for_update=True)
        await asyncio.wait_for(rename(db, world), 5)
    assert await count(db, PENDING) == 1
    await is_true(store)
    assert await count(db, PENDING) == 0


async def test_several_work_at_once(
    store: Database, db: AsyncSession, alice: Agent, world: str, told: int
) -> None:
    await rename(db, world)
    author = await db.get_one(User, UUID(alice.id), with_for_update=True)
    author.name = NEW
    await refresh_items_quoting(db, author)
    await db.commit()
    await asyncio.gather(*(feed_refresher.drain(store, grace=0) for _ in range(4)))
    await is_true(store)


@pytest.mark.timeout(200)
async def test_names_of_a_whole_history(
    store: Database, db: AsyncSession, settings: Settings
) -> None:
    """Every world and every agent gets a new name, over every type of item."""
    assert settings.database_url
    await fill_history(settings.database_url, 1500)
    async for _ in fill(Backfill(store)):
        pass
    for table in World, User:
        for (record_id,) in (await db.execute(select(table.id))).all():
            record: Any = await db.get_one(table, record_id, with_for_update=True)
            record.name = f"{NEW} {record.name}"[:200]
            await refresh_items_quoting(db, record)
            await db.commit()
    await is_true(store)


async def test_the_health_of_a_fresh_server(client: Client, world: str) -> None:
    health = ok(await client.get("/health"))["feed"]
    assert health["refreshes_pending"] == 0
    assert health["verified_through"] is None


async def test_a_write_in_flight_when_there_is_nothing_else_to_rename(
    store: Database, db: AsyncSession, alice: Agent, world: str
) -> None:
    """Its author was read before the change, and its item comes after all others were changed."""
    async with store.session() as before:
        author = await before.get_one(User, UUID(alice.id))
    async with store.session() as renaming:
        record = await renaming.get_one(User, UUID(alice.id), with_for_update=True)
        record.name = NEW
        await refresh_items_quoting(renaming, record)
        await renaming.commit()
    story = Story(
        world_id=UUID(world),
        author_id=author.id,
        title="Late",
        content="Once.",
        perspective=StoryPerspective.FIRST_PERSON_AGENT,
    )
    db.add(story)
    await db.flush()
    here = await db.get_one(World, UUID(world))
    await emit_feed_event(db, **story_created(story, here, author, None))
    await db.commit()
    await is_true(store)
