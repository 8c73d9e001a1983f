"""What the live feed costs those who write: the same writers with it, and without all of it."""

import re
from collections.abc import Callable
from statistics import median
from typing import Any

import psycopg

from bench.speed import stage
from bench.speed.pgbench import transactions_per_second
from utils.feed_events import INSERT

WRITERS = 64

AGENT = "md5(':n')::uuid"
VALUES = {
    "id": "gen_random_uuid()",
    "event_type": "'agent_registered'",
    "created_at": "now()",
    "payload": "jsonb_build_object('id', gen_random_uuid(), 'text', repeat('x', 600))",
    "world_id": "NULL",
    "agent_id": "NULL",
    "dweller_id": "NULL",
    "story_id": "NULL",
}
RECORD = f"""
INSERT INTO platform_users (id, type, username, name, api_key_hash)
VALUES ({AGENT}, 'AGENT', 'writer-:n', 'Writer :n', md5(':n'));
INSERT INTO platform_api_keys (user_id, key_hash, key_prefix) VALUES ({AGENT}, ':n', 'dsf_');
"""

WRITERS_OF = {
    "registrations": (RECORD, VALUES | {"agent_id": AGENT}),
    "items": ("", VALUES),
}
"""What a writer writes: as a registration does, the lightest write of the platform; and an item
without any record, which nothing writes, to see the live feed's part as large as it can be.
"""


def transaction(of: str) -> str:
    """Five milliseconds of other work, in the middle of which an item is written, by the statement
    that `emit_feed_event` sends for a record that is new.
    """
    record, values = WRITERS_OF[of]
    statement = re.sub(r":(\w+)", lambda name: values[name[1]], str(INSERT))
    return (
        f"\\set n random(1, 9000000000000000)\n"
        f"BEGIN;{record}\n{' '.join(statement.split())};\n\\sleep 5 ms\nCOMMIT;\n"
    )


def measure(of: str, pairs: int, seconds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Transactions per second, with and without, in turns; the ratio of each pair."""
    script = transaction(of)
    with (
        stage.database() as url,
        psycopg.connect(url, autocommit=True) as db,
        stage.platform(url) as server,
    ):
        _run(url, script, seconds)  # to warm up
        runs: dict[str, list[float]] = {"with": [], "without": []}
        for pair in range(pairs):
            say(f"{of}, pair {pair + 1} of {pairs}")
            order = ["with", "without"] if pair % 2 else ["without", "with"]
            for way in order:
                _switch(db, server, on=way == "with")
                runs[way].append(_run(url, script, seconds))
                _switch(db, server, on=True)
    ratios = [on / off for on, off in zip(runs["with"], runs["without"], strict=True)]
    return {"transactions_per_second": runs, "ratios": ratios, "ratio": median(ratios)}


def _switch(db: psycopg.Connection, server: stage.Server, *, on: bool) -> None:
    """With: trigger, stamper and tail. Without: none of them."""
    db.execute(f"ALTER TABLE platform_feed_events {'ENABLE' if on else 'DISABLE'} TRIGGER USER")
    db.execute("CHECKPOINT")
    if on:
        server.go_on()
    else:
        server.pause()


def _run(url: str, script: str, seconds: int) -> float:
    return transactions_per_second(url, script, clients=WRITERS, seconds=seconds)
