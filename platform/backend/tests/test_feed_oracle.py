"""Random histories over HTTP: whatever happens, and however much at once, the feed is true.

After every burst our own verification finds no drift, and an oracle that shares no code with it no
difference. When a history ends, the feed is emptied and filled again, and must be the same to the
byte. A history goes on from old records, which came by backfill, and from those before it.

The seed is part of the test's name, so that every report shows it; ORACLE_SEED=… plays another run,
ORACLE_RUNS=… a longer one.
"""

import asyncio
import os

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import text

from bench.history import fill as fill_history
from core.settings import Settings
from db.session import Database
from tests.support.life import ACTS, ADMIN_KEY, Life
from tests.support.server import StartServer
from tests.support.truth import is_true, rebuilds_the_same
from utils.feed_backfill import Backfill, fill

SEED = int(os.environ.get("ORACLE_SEED", "7"))
RUNS = int(os.environ.get("ORACLE_RUNS", "3"))
STEPS = 12
OLD_ITEMS = 1000

BURSTS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 2**32)), min_size=6, max_size=24)
# What needs others to be there, and meets them more often at the same place.
CROWDS = st.lists(
    st.tuples(
        st.sampled_from(("act", "reply", "reply", "rename", "picture", "resolve", "reopen")),
        st.integers(0, 2**32),
    ),
    min_size=6,
    max_size=16,
)


class History(RuleBasedStateMachine):
    """Every step is a burst of acts."""

    life: Life
    database: Database
    loop: asyncio.Runner

    @rule(acts=BURSTS)
    def anything(self, acts: list[tuple[str, int]]) -> None:
        self.happens(acts)

    @rule(acts=CROWDS)
    def a_crowd(self, acts: list[tuple[str, int]]) -> None:
        self.happens(acts)

    def happens(self, acts: list[tuple[str, int]]) -> None:
        self.life.burst(acts)
        self.loop.run(is_true(self.database))

    def teardown(self) -> None:
        self.loop.run(rebuilds_the_same(self.database))


async def old_records(database: Database, url: str, life: Life) -> None:
    """A history from before the feed, part of which the agents know of."""
    await fill_history(url, OLD_ITEMS)
    async for _ in fill(Backfill(database)):
        pass
    async with database.session() as db:
        for kind, table in (
            ("world", "worlds"),
            ("dweller", "dwellers"),
            ("story", "stories"),
            ("action", "dweller_actions"),
        ):
            ids = await db.scalars(text(f"SELECT id::text FROM platform_{table} ORDER BY id"))
            life.ids[kind] += list(ids)
    await is_true(database)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("history_seed", [SEED])
def test_the_feed_is_true_whatever_happens(
    start_server: StartServer, database_url: str, history_seed: int
) -> None:
    server = start_server(ADMIN_API_KEY=ADMIN_KEY, BACKGROUND_TASKS="false")
    database = Database(Settings(database_url=database_url))
    with asyncio.Runner() as loop, httpx2.Client(base_url=server.url, timeout=60) as client:
        life = Life(client)
        loop.run(old_records(database, database_url, life))
        life.begin()
        loop.run(is_true(database))

        @seed(history_seed)
        def play() -> History:
            history = History()
            history.life, history.database, history.loop = life, database, loop
            return history

        run_state_machine_as_test(
            play,  # type: ignore[arg-type]  # any factory will do, the annotation says less
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=STEPS,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
        found = loop.run(is_true(database))
        loop.run(database.close())
    assert len(found.items) >= 15, found.items
    assert "Traceback" not in server.stderr
