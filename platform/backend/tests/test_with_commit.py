"""An item that is emitted travels with the commit, and nothing else about it is different."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from core.settings import Settings
from db.models import FeedEvent, User, UserType
from db.session import Database
from db.urls import sqlalchemy_url
from db.with_commit import send_with_commit
from tests.support.postgres import by_way_of
from tests.support.tcp_proxy import TcpProxy
from utils.feed_events import emit_feed_event

NOW = text("SELECT now()")
END_ALL_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
WHERE_IT_IS_SENT = pytest.mark.parametrize(
    "send", [lambda db: db.commit(), lambda db: db.execute(NOW)], ids=["commit", "next statement"]
)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    store = Database(Settings(database_url=database_url))
    yield store
    await store.close()


async def emit(
    db: AsyncSession,
    *,
    who: UUID | None = None,
    agent: UUID | None = None,
    name: str = "A",
    new: bool = False,
) -> None:
    who = who or uuid4()
    payload: dict[str, Any] = {
        "id": str(who),
        "agent": {"id": str(who), "username": "@a", "name": name},
    }
    await emit_feed_event(db, "agent_registered", payload, agent_id=agent, new=new)


async def count(store: Database) -> int:
    async with store.session() as db:
        return await db.scalar(select(func.count()).select_from(FeedEvent)) or 0


async def test_what_is_said_to_be_new_and_is_not_is_refused(store: Database) -> None:
    who = uuid4()
    async with store.session() as db:
        await emit(db, who=who, new=True)
        await emit(db, who=who)
        await db.commit()
    assert await count(store) == 1
    async with store.session() as db:
        await emit(db, who=who, new=True)
        with pytest.raises(IntegrityError):
            await db.commit()
    assert await count(store) == 1


async def test_it_costs_no_round_trip(database_url: str, proxy: TcpProxy) -> None:
    store = Database(Settings(database_url=by_way_of(database_url, proxy.port)))
    trips = []
    for items in (0, 1, 3):
        async with store.session() as db:
            await db.execute(NOW)
            proxy.reset()
            for _ in range(items):
                await emit(db)
            assert proxy.round_trips == 0
            await db.commit()
            trips.append(proxy.round_trips)
    assert trips == [1, 1, 1]
    assert await count(store) == 4
    await store.close()


async def test_text_arrives_as_it_was(store: Database) -> None:
    """Whatever would be a placeholder, or end a literal or a statement."""
    name = "50 % off; %s, %(id)s, %%, 'quoted' \\ \"twice\" :id"
    async with store.session() as db:
        for _ in range(3):
            await emit(db, name=name)
        await db.commit()
        names = await db.scalars(select(FeedEvent.payload["agent"]["name"].astext))
        assert list(names) == [name] * 3


async def test_it_is_there_for_the_next_statement(store: Database) -> None:
    async with store.session() as db:
        await emit(db)
        assert await db.scalar(select(func.count()).select_from(FeedEvent)) == 1
        await emit(db)
        await db.rollback()
        await db.execute(NOW)
        await db.commit()
    assert await count(store) == 0


async def test_it_may_be_all_that_a_transaction_does(store: Database) -> None:
    async with store.session() as db:
        await emit(db)
        await db.commit()
        await emit(db)  # in another transaction, which is left alone
    assert await count(store) == 1


@pytest.mark.parametrize(("before", "inside", "stay"), [(1, 0, 1), (0, 1, 0), (1, 1, 1)])
async def test_it_stays_on_its_side_of_a_savepoint(
    store: Database, before: int, inside: int, stay: int
) -> None:
    async with store.session() as db:
        for _ in range(before):
            await emit(db)
        savepoint = await db.begin_nested()
        for _ in range(inside):
            await emit(db)
        await savepoint.rollback()
        await db.commit()
    assert await count(store) == stay


async def test_one_that_is_refused_in_a_savepoint_leaves_the_rest_alone(store: Database) -> None:
    async with store.session() as db:
        await emit(db)
        with pytest.raises(IntegrityError):
            async with db.begin_nested():
                await emit(db, agent=uuid4())  # whom nobody knows
        await db.commit()
    assert await count(store) == 1


async def test_it_comes_after_what_the_session_holds(store: Database) -> None:
    async with store.session() as db:
        agent = User(id=uuid4(), type=UserType.AGENT, username="@new", name="New")
        db.add(agent)
        await emit(db, agent=agent.id)
        await db.commit()
    assert await count(store) == 1


@pytest.mark.parametrize("change", ["made", "changed", "deleted"])
async def test_what_the_session_holds_is_flushed_first(store: Database, change: str) -> None:
    async with store.session() as db:
        agent = User(id=uuid4(), type=UserType.AGENT, username="@new", name="New")
        db.add(agent)
        if change != "made":
            await db.flush()
        if change == "changed":
            agent.name = "Newer"
        elif change == "deleted":
            await db.delete(agent)
        assert db.new or db.dirty or db.deleted
        await emit(db)
        assert not (db.new or db.dirty or db.deleted)


async def test_one_that_cannot_even_be_sent_ends_the_transaction(store: Database) -> None:
    async with store.session() as db:
        await emit(db)
        await send_with_commit(db, text("SELECT :it"), {"it": "\0"})
        with pytest.raises(DataError):
            await db.commit()
    assert await count(store) == 0


@WHERE_IT_IS_SENT
async def test_one_that_is_refused_takes_all_with_it(
    store: Database, send: Callable[[AsyncSession], Any]
) -> None:
    async with store.session() as db:
        await emit(db)
        await db.execute(NOW)
        await emit(db, agent=uuid4())  # whom nobody knows
        with pytest.raises(IntegrityError):
            await send(db)
    assert await count(store) == 0
    async with store.session() as db:
        await emit(db)
        await db.commit()
    assert await count(store) == 1


@WHERE_IT_IS_SENT
@pytest.mark.parametrize("waits", [True, False])
async def test_a_lost_connection_takes_it_along(
    store: Database, send: Callable[[AsyncSession], Any], waits: bool
) -> None:
    async with store.session() as db:
        await emit(db)
        await db.execute(NOW)
        if waits:
            await emit(db)
        async with store.session() as other:
            await other.execute(END_ALL_OTHERS)
        with pytest.raises(OperationalError):
            await send(db)
        await db.rollback()
        await emit(db)
        await db.commit()
    assert await count(store) == 1


async def test_other_engines_send_it_at_once(database_url: str, store: Database) -> None:
    engine = create_async_engine(sqlalchemy_url(database_url))
    async with AsyncSession(engine) as db:
        with pytest.raises(IntegrityError):
            await emit(db, agent=uuid4())
        await db.rollback()
        await emit(db)
        await db.commit()
    await engine.dispose()
    assert await count(store) == 1
