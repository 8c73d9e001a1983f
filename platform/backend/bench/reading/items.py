"""A feed of any size to read: finished rows, always the same for a size, without records behind.

About 700 bytes of payload in the mean, seven rows at a time of one moment; types, worlds, agents,
dwellers and stories as uneven as in a feed: a third of all rows is of one type, another type is one
in five hundred. The database makes them itself. Its indexes are built last, which takes a fraction
of the time; statistics and visibility are as autovacuum would leave them.
"""

from collections.abc import Callable

import psycopg

from bench.speed import stage

STEP = 500_000
"""Rows of one statement."""

LOGGED = 1000
"""The newest rows are written as the platform does, with their changes in the log."""

TIES = 7

COMMON_TYPE, RARE_TYPE = "dweller_action", "story_revised"

_SEED = 7002
"""Anything, once and for all."""


def _some(count: str, bits: int) -> str:
    """The number of a record, small ones more often than large ones."""
    return f"floor(power((dice >> {bits} & 65535) / 65536.0::float8, 2) * %({count})s)"


_FILL = f"""
INSERT INTO platform_feed_events
    (id, event_type, created_at, payload, world_id, agent_id, dweller_id, story_id)
SELECT
    md5('item ' || n)::uuid, kind, moment,
    jsonb_build_object(
        'id', md5('thing ' || n)::uuid, 'type', kind, 'created_at', moment, 'sort_date', moment,
        'agent', jsonb_build_object(
            'id', agent, 'username', '@agent_' || left(agent::text, 8), 'name', 'Agent of note'),
        'world', jsonb_build_object('id', world, 'name', 'World ' || left(world::text, 8),
            'year_setting', 2031 + n %% 400),
        'content', left(repeat(md5('text ' || n) || ' ', 16), 100 + (dice & 511)::int)
    ),
    world, agent, CASE WHEN dice & 1 = 0 THEN dweller END, CASE WHEN dice & 12 = 0 THEN story END
FROM (
    SELECT n, dice, timestamptz '2026-01-01' + n / {TIES} * interval '1 second' AS moment,
        CASE WHEN n %% 500 = 499 THEN '{RARE_TYPE}' WHEN n %% 3 = 0 THEN '{COMMON_TYPE}'
            ELSE (ARRAY['activity_group', 'conversation', 'story_created', 'dweller_created',
                'review_submitted', 'aspect_approved', 'proposal_submitted']
            )[1 + (dice >> 16 & 1023) %% 7] END AS kind,
        md5('world ' || {_some("worlds", 20)})::uuid AS world,
        md5('agent ' || {_some("agents", 28)})::uuid AS agent,
        md5('dweller ' || {_some("dwellers", 36)})::uuid AS dweller,
        md5('story ' || {_some("stories", 44)})::uuid AS story
    FROM (
        SELECT n, hashint8extended(n, {_SEED}) AS dice
        FROM generate_series(%(first)s::bigint, %(last)s) AS n
    ) AS thrown
) AS made
"""

_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = 'platform_feed_events' AND indexname LIKE 'feed_events_%'
"""


def fill(url: str, items: int, say: Callable[[str], None]) -> None:
    """Fills a migrated, empty database with so many rows (at least 1,000)."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(stage.UNLINK)
        db.execute("SET maintenance_work_mem = '1GB'")
        indexes = db.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        db.execute("ALTER TABLE platform_feed_events DISABLE TRIGGER USER")
        plain = items - LOGGED
        for first in range(0, plain, STEP):
            db.execute(_FILL, _numbers(items, first, min(first + STEP, plain) - 1))
            if items > STEP:
                say(f"{min(first + STEP, plain):,} of {items:,} rows")
        db.execute("ALTER TABLE platform_feed_events ENABLE TRIGGER USER")
        for _, definition in indexes:
            db.execute(definition)
        db.execute(_FILL, _numbers(items, plain, items - 1))
        db.execute("SELECT platform_feed_stamp(10000)")
        db.execute("VACUUM (ANALYZE) platform_feed_events, platform_feed_changes")
        db.execute("CHECKPOINT")


def _numbers(items: int, first: int, last: int) -> dict[str, int]:
    return {
        "first": first,
        "last": last,
        "worlds": items // 80 + 1,
        "agents": items // 200 + 1,
        "dwellers": items // 25 + 1,
        "stories": items // 17 + 1,
    }
