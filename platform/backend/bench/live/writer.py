"""A writer: a process that changes the shared items, one transaction after another, until SIGTERM.

    python -m bench.live.writer '{"name": …, …}'    as in Config

It survives whatever happens to its connection. A commit that was not acknowledged is unknown: the
audit tells.
"""

import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg.types.json import Jsonb

from bench.live.items import AGENTS, WORLDS, Key, keys, payload
from bench.live.notes import Notes
from bench.live.truth import Transaction

APPLICATION = "campaign writer"

ROLLED_BACK = 0.05
IMPORTED = 0.05
UNDONE = 0.08
"""How many changes are in a savepoint that is rolled back."""

STRAGGLES = ((0.01, 0.5), (0.08, 0.15), (1.0, 0.0))
"""Up to which share of transactions, how many seconds between the changes and the commit."""

_UPSERT = """
INSERT INTO platform_feed_events AS stored (event_type, created_at, payload, world_id, agent_id)
VALUES (%(kind)s, %(at)s, %(payload)s, %(world)s, %(agent)s)
ON CONFLICT (event_type, (payload ->> 'id')) DO UPDATE SET
    created_at = excluded.created_at, payload = excluded.payload,
    world_id = excluded.world_id, agent_id = excluded.agent_id
"""
_WHERE = "WHERE event_type = %(kind)s AND payload ->> 'id' = %(id)s"
_PATCH = f"UPDATE platform_feed_events SET payload = %(payload)s {_WHERE}"
_MOVE_LINKS = f"""
UPDATE platform_feed_events SET payload = %(payload)s, world_id = %(world)s, agent_id = %(agent)s
{_WHERE}
"""
_MOVE_BACK = f"""
UPDATE platform_feed_events SET payload = %(payload)s, created_at = created_at - interval '1 second'
{_WHERE}
"""
_TOUCH = f"UPDATE platform_feed_events SET payload = payload {_WHERE}"
_REMOVE = f"DELETE FROM platform_feed_events {_WHERE}"

_STATEMENTS = (
    (0.35, _UPSERT),
    (0.65, _PATCH),
    (0.77, _MOVE_LINKS),
    (0.84, _MOVE_BACK),
    (0.87, _TOUCH),
    (1.0, _REMOVE),
)
"""Up to which share of changes, which one. What finds no item makes it, but for removals."""

_CAUSE = "SELECT max(id) FROM campaign_audit WHERE tx NOT LIKE %s"
_SET = "SELECT set_config('campaign.tx', %s, true), set_config('campaign.cause', %s, true)"
_IMPORT = "SELECT set_config('feed.import', 'on', true), set_config('campaign.import', 'on', true)"


class Config(NamedTuple):
    name: str
    url: str
    seed: int
    pause: float
    """Seconds between two transactions, on average."""
    items: int
    notes: str


class Step(NamedTuple):
    """One statement of a transaction."""

    key: Key
    statement: str
    values: dict[str, Any]
    undone: bool


class Writer:
    def __init__(self, config: Config, notes: Notes) -> None:
        self._config = config
        self._notes = notes
        self._random = random.Random(config.seed)  # noqa: S311 - no secret
        self._keys = keys(config.items)
        self._count = 0
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            with suppress(psycopg.OperationalError), self._connection() as connection:
                while not self._stopping:
                    self._transact(connection)
                    time.sleep(self._random.uniform(0, 2 * self._config.pause))
            time.sleep(self._random.uniform(0.02, 0.2))

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        connection = psycopg.connect(
            self._config.url, application_name=APPLICATION, connect_timeout=5
        )
        try:
            yield connection
        finally:
            connection.close()

    def _transact(self, connection: psycopg.Connection) -> None:
        """One transaction and its note, whatever comes of it."""
        self._count += 1
        tx = f"{self._config.name}.{self._count}"
        steps = self._plan(tx)
        begin, ack, outcome, changes = time.monotonic(), None, "unknown", 0
        try:
            self._introduce(connection, tx)
            changes = sum(_do(connection, step) for step in steps)
            time.sleep(_drawn(self._random, STRAGGLES))
            if self._random.random() < ROLLED_BACK:
                connection.rollback()
                outcome = "rollback"
            else:
                connection.commit()
                ack, outcome = time.monotonic(), "commit"
        finally:
            self._notes.add([*Transaction(tx, begin, ack, outcome, changes)])
            self._notes.flush()

    def _introduce(self, connection: psycopg.Connection, tx: str) -> None:
        """Tells the audit who we are, and what of the others we have seen."""
        row = connection.execute(_CAUSE, [f"{self._config.name}.%"]).fetchone()
        assert row is not None
        connection.execute(_SET, [tx, str(row[0] or "")])
        if self._random.random() < IMPORTED:
            connection.execute(_IMPORT)

    def _plan(self, tx: str) -> list[Step]:
        """Steps in the order of their items: no two writers wait for each other in a circle."""
        count = self._random.choice((1, 1, 1, 2, 3, 5))
        chosen = sorted(self._random.choices(self._keys, k=count))
        return [self._step(key, f"{tx}.{number}") for number, key in enumerate(chosen)]

    def _step(self, key: Key, tag: str) -> Step:
        chance = self._random
        statement = _drawn(chance, _STATEMENTS)
        at = datetime.now(UTC) + timedelta(milliseconds=chance.randint(-50, 50))
        values = {
            "kind": key.kind,
            "id": key.id,
            "at": at,
            "payload": Jsonb(payload(key, tag, at, chance.choice((0, 0, 0, 200, 2000)))),
            "world": chance.choice([None, *WORLDS]),
            "agent": chance.choice([None, *AGENTS]),
        }
        return Step(key, statement, values, undone=chance.random() < UNDONE)


def _do(connection: psycopg.Connection, step: Step) -> int:
    """How many rows it changed, for good."""
    if step.undone:
        connection.execute("SAVEPOINT undone")
    changed = connection.execute(step.statement, step.values).rowcount
    if changed == 0 and step.statement is not _REMOVE:
        changed = connection.execute(_UPSERT, step.values).rowcount
    elif step.statement is _TOUCH:
        changed = 0
    if step.undone:
        connection.execute("ROLLBACK TO SAVEPOINT undone")
        return 0
    return changed


def _drawn(chance: random.Random, table: tuple[tuple[float, Any], ...]) -> Any:
    drawn = chance.random()
    return next(value for upto, value in table if drawn < upto)


def main() -> None:
    config = Config(**orjson.loads(sys.argv[1]))
    with Notes(Path(config.notes)) as notes:
        writer = Writer(config, notes)
        signal.signal(signal.SIGTERM, lambda *_: writer.stop())
        writer.run()


if __name__ == "__main__":
    main()
