"""The schema's versions, on real databases: empty ones, and ones that were there before us."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from db.migrate import (
    INI,
    config,
    create_migration_engine,
    current_revision,
    downgrade,
    head_revision,
    upgrade,
)
from db.models import Base
from tests.support.machine import missing
from tests.support.pgbouncer import find_pgbouncer, pgbouncer
from tests.support.postgres import PostgresServer

BACKEND = INI.parent
Catalog = set[tuple[Any, ...]]
Connection = psycopg.Connection[tuple[Any, ...]]

CATALOG = """
SELECT c.relname, 'column', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT conrelid::regclass::text, 'constraint', conname, pg_get_constraintdef(oid), NULL, NULL
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT tablename, 'index', indexname, indexdef, NULL, NULL
FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT typname, 'enum', string_agg(enumlabel, ' ' ORDER BY enumsortorder), NULL, NULL, NULL
FROM pg_enum JOIN pg_type t ON t.oid = enumtypid GROUP BY typname
"""


@pytest.fixture
def connection(empty_database_url: str) -> Iterator[Connection]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield connection


def catalog(connection: Connection) -> Catalog:
    """All that a database knows about its tables; the version table is not part of the schema."""
    return {row for row in connection.execute(CATALOG) if row[0] != "alembic_version"}


def revisions() -> list[str]:
    """Every revision, oldest first."""
    scripts = ScriptDirectory.from_config(config("postgresql://"))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_every_downgrade_restores_what_its_upgrade_found(
    empty_database_url: str, connection: Connection
) -> None:
    assert current_revision(empty_database_url) is None
    seen = {"base": catalog(connection)}
    for revision in revisions():
        upgrade(empty_database_url, revision)
        seen[revision] = catalog(connection)
        assert current_revision(empty_database_url) == revision

    for revision in ["base", *revisions()][-2::-1]:
        downgrade(empty_database_url, revision)
        assert catalog(connection) == seen[revision]

    upgrade(empty_database_url)
    assert catalog(connection) == seen[head_revision()]
    assert not seen["base"]


def test_migrations_make_what_the_models_say(
    empty_database_url: str, connection: Connection
) -> None:
    upgrade(empty_database_url)
    migrated = catalog(connection)
    command.check(config(empty_database_url))

    downgrade(empty_database_url, "base")
    engine = create_migration_engine(empty_database_url)
    Base.metadata.create_all(engine)
    assert catalog(connection) == migrated


def test_drift_between_models_and_database_is_noticed(
    empty_database_url: str, connection: Connection
) -> None:
    upgrade(empty_database_url)
    connection.execute("ALTER TABLE platform_worlds DROP COLUMN cover_image_url")
    with pytest.raises(CommandError, match="cover_image_url"):
        command.check(config(empty_database_url))


def test_every_statement_of_every_migration_runs_under_a_lock_timeout(
    empty_database_url: str, connection: Connection
) -> None:
    connection.execute(
        """
        CREATE SCHEMA watch;
        CREATE TABLE watch.seen (lock_timeout text, transaction xid8);
        CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO watch.seen VALUES (current_setting('lock_timeout'), pg_current_xact_id());
        END $$;
        CREATE EVENT TRIGGER note ON ddl_command_start EXECUTE FUNCTION watch.note();
        """
    )
    upgrade(empty_database_url)
    downgrade(empty_database_url, "base")

    seen = connection.execute(
        "SELECT DISTINCT lock_timeout, transaction FROM watch.seen"
    ).fetchall()
    assert {timeout for timeout, _ in seen} == {"5s"}
    assert len(seen) >= 2 * len(revisions()), "each migration has its own transaction"


START = """
import sys
from db import migrate, models
print("ready", flush=True)
sys.stdin.readline()
migrate.upgrade(sys.argv[1])
"""


def test_servers_that_start_together_migrate_once(empty_database_url: str) -> None:
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", START, empty_database_url],
            cwd=BACKEND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for server in servers:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("\n")
        server.stdin.flush()

    errors = [server.communicate(timeout=60)[1] for server in servers]
    assert errors == ["", ""]
    assert [server.returncode for server in servers] == [0, 0]
    command.check(config(empty_database_url))


def test_a_transaction_pooler_may_stand_in_between(
    postgres: PostgresServer, empty_database_url: str, connection: Connection
) -> None:
    program = find_pgbouncer()
    if program is None:
        missing("pgbouncer is not installed (apt-get install pgbouncer)")
    with pgbouncer(program, postgres.tcp_url(connection.info.dbname)) as url:
        upgrade(url)
        command.check(config(url))
        # The pooler keeps its connections: what a session had locked would still be locked.
        locks = connection.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").fetchall()
    assert current_revision(empty_database_url) == head_revision()
    assert not locks


# ── databases from before this code ──────────────────────────────────────────────────────────────

THINGS_THAT_WE_DO_NOT_MAP = """
CREATE TYPE vector AS (x real, y real);
CREATE TYPE geometry AS (x real, y real);
CREATE TYPE dwellerproposalstatus AS ENUM ('DRAFT', 'VALIDATING', 'APPROVED', 'REJECTED');
CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';

CREATE TABLE platform_dweller_proposals (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    world_id uuid NOT NULL REFERENCES platform_worlds ON DELETE CASCADE,
    status dwellerproposalstatus NOT NULL DEFAULT 'DRAFT',
    embedding vector,
    place geometry
);
CREATE INDEX dweller_proposal_world_idx ON platform_dweller_proposals (world_id);

ALTER TABLE platform_users ALTER COLUMN id SET DEFAULT uuid_generate_v4();
ALTER TABLE platform_worlds ALTER COLUMN id SET DEFAULT uuid_generate_v4();
ALTER TABLE platform_worlds ADD COLUMN premise_embedding vector;
ALTER TABLE platform_users ADD COLUMN maintenance_until timestamptz, ADD CHECK (username <> '');
ALTER TABLE platform_stories
    ADD COLUMN content_embedding vector,
    ADD COLUMN dweller_proposal_id uuid REFERENCES platform_dweller_proposals UNIQUE;
CREATE INDEX world_name_idx ON platform_worlds (lower(name));
CREATE INDEX story_embedding_idx ON platform_stories (content_embedding);
"""

ROWS = """
WITH creator AS (
    INSERT INTO platform_users (type, username, name, maintenance_until)
    VALUES ('AGENT', 'ada', 'Ada', now()) RETURNING id
), world AS (
    INSERT INTO platform_worlds (name, premise, year_setting, created_by, premise_embedding)
    SELECT 'Tide', 'The sea rose.', 2150, id, '(1,2)'::vector FROM creator RETURNING id, created_by
), proposal AS (
    INSERT INTO platform_proposals (
        agent_id, premise, year_setting, causal_chain, scientific_basis, status, review_system
    )
    SELECT created_by, 'The sea rose.', 2150, '[]', 'Physics', 'APPROVED', 'LEGACY' FROM world
), inhabitant AS (
    INSERT INTO platform_dweller_proposals (world_id, embedding)
    SELECT id, '(3,4)'::vector FROM world RETURNING id
)
INSERT INTO platform_stories (
    world_id, author_id, title, content, perspective, review_system, dweller_proposal_id
)
SELECT world.id, created_by, 'Ebb', 'Once.', 'FIRST_PERSON_AGENT', 'LEGACY', inhabitant.id
FROM world, inhabitant
"""

ROW_TABLES = [
    "platform_users",
    "platform_worlds",
    "platform_proposals",
    "platform_dweller_proposals",
    "platform_stories",
]


REPLACED = ("platform_social_interactions", "social_unique_idx")
"""The one thing that was there and does not stay as it was: it becomes what its name says."""


NEW_TABLES = {
    "platform_feed_changes",
    "platform_feed_events",
    "platform_feed_log",
    "platform_feed_progress",
    "platform_feed_refreshes",
}


def names(entries: Catalog) -> set[tuple[str, str]]:
    """Table and name of entries of a catalog."""
    return {(table, name) for table, _, name, *_ in entries}


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """The content of the tables; columns without a value are left out."""
    select = "SELECT jsonb_strip_nulls(to_jsonb(t)) FROM {} t ORDER BY id"
    return {
        table: [
            row
            for (row,) in connection.execute(
                psycopg.sql.SQL(select).format(psycopg.sql.Identifier(table))
            )
        ]
        for table in ROW_TABLES
    }


def test_an_existing_database_keeps_all_it_had(
    empty_database_url: str, connection: Connection
) -> None:
    upgrade(empty_database_url, "0024")
    connection.execute(THINGS_THAT_WE_DO_NOT_MAP)
    connection.execute(ROWS)
    connection.execute("DROP TABLE alembic_version")
    command.stamp(config(empty_database_url), "0024")
    schema, content = catalog(connection), rows(connection)

    upgrade(empty_database_url)
    added = catalog(connection) - schema
    assert names(schema - catalog(connection)) == {REPLACED}
    assert {table for table, *_ in added} - {table for table, *_ in schema} == NEW_TABLES
    assert {name for name in names(added) if name[0] not in NEW_TABLES} == {
        ("platform_proposals", "submitted_at"),
        ("platform_aspects", "submitted_at"),
        ("platform_aspects", "approved_at"),
        ("platform_dweller_actions", "action_spell_idx"),
        ("platform_worlds", "world_created_by_idx"),
        ("platform_worlds", "world_proposal_idx"),
        ("platform_stories", "story_perspective_dweller_idx"),
        REPLACED,
    }
    assert rows(connection) == content
    assert all(len(table) == 1 for table in content.values())
    command.check(config(empty_database_url))

    downgrade(empty_database_url, "0024")
    assert catalog(connection) == schema
    assert rows(connection) == content


def test_a_feed_table_that_is_there_already_is_adopted(
    empty_database_url: str, connection: Connection
) -> None:
    upgrade(empty_database_url)
    ours = catalog(connection)
    downgrade(empty_database_url, "0025")
    # As models make it, with an item twice and one that has no id.
    connection.execute(
        """
        ALTER TABLE platform_feed_events ALTER COLUMN id DROP DEFAULT;
        DROP INDEX feed_events_created_at_idx, feed_events_event_type_idx;
        CREATE INDEX feed_events_created_at_idx ON platform_feed_events (created_at);
        INSERT INTO platform_feed_events (id, event_type, created_at, payload) VALUES
            (gen_random_uuid(), 'story_created', '2026-01-02', '{"id": "1", "title": "new"}'),
            (gen_random_uuid(), 'story_created', '2026-01-01', '{"id": "1", "title": "old"}'),
            (gen_random_uuid(), 'story_revised', '2026-01-01', '{"id": "1", "title": "other"}'),
            (gen_random_uuid(), 'story_created', '2026-01-01', '{"title": "nameless"}')
        """
    )
    command.stamp(config(empty_database_url), "0024")

    upgrade(empty_database_url)
    assert catalog(connection) == ours
    titles = connection.execute("SELECT payload ->> 'title' FROM platform_feed_events ORDER BY 1")
    assert [title for (title,) in titles] == ["nameless", "new", "other"]


SEVERAL_REACTIONS = """
INSERT INTO platform_users (id, type, username, name) VALUES
    ('00000000-0000-0000-0000-00000000000a', 'AGENT', 'ada', 'Ada'),
    ('00000000-0000-0000-0000-00000000000b', 'AGENT', 'ben', 'Ben');
INSERT INTO platform_social_interactions
    (user_id, target_type, target_id, interaction_type, data, created_at)
SELECT ('00000000-0000-0000-0000-00000000000' || who)::uuid, target,
    ('00000000-0000-0000-0000-00000000000' || which)::uuid, act, to_jsonb(what), day::date
FROM (VALUES
    ('a', 'story', 1, 'react', 'ada likes 1', '2026-01-01'),
    ('a', 'story', 1, 'react', 'ada likes 1 more', '2026-01-03'),
    ('a', 'story', 1, 'react', 'ada still likes 1', '2026-01-02'),
    ('a', 'story', 2, 'react', 'ada likes 2', '2026-01-01'),
    ('a', 'world', 1, 'react', 'ada likes world 1', '2026-01-01'),
    ('a', 'world', 1, 'follow', 'ada follows world 1', '2026-01-01'),
    ('b', 'story', 1, 'react', 'ben likes 1 on the same day', '2026-01-01'),
    ('b', 'story', 1, 'react', 'ben likes 1 on the same day', '2026-01-01')
) AS interactions (who, target, which, act, what, day)
"""


def test_the_newest_of_several_reactions_stays(
    empty_database_url: str, connection: Connection
) -> None:
    """Two requests at once could leave two rows; from now on they cannot."""
    upgrade(empty_database_url, "feed_0028")
    connection.execute(SEVERAL_REACTIONS)
    upgrade(empty_database_url)
    left = connection.execute(
        "SELECT data #>> '{}' FROM platform_social_interactions ORDER BY 1"
    ).fetchall()
    assert [what for (what,) in left] == [
        "ada follows world 1",
        "ada likes 1 more",
        "ada likes 2",
        "ada likes world 1",
        "ben likes 1 on the same day",
    ]
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            """
            INSERT INTO platform_social_interactions
                (user_id, target_type, target_id, interaction_type)
            SELECT user_id, target_type, target_id, interaction_type
            FROM platform_social_interactions
            """
        )


def test_a_later_migration_of_another_history_is_not_taken_for_ours(
    empty_database_url: str, connection: Connection
) -> None:
    upgrade(empty_database_url, "0025")
    before = catalog(connection)
    connection.execute("UPDATE alembic_version SET version_num = '0026'")
    with pytest.raises(CommandError, match="'0026'"):
        upgrade(empty_database_url)
    assert catalog(connection) == before


# ── the tools around ─────────────────────────────────────────────────────────────────────────────


def test_the_command_line_migrates_the_database_of_the_settings_without_its_pooler(
    empty_database_url: str, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", "-c", INI, "upgrade", "head"],
        cwd=tmp_path,
        env=os.environ
        | {
            "DATABASE_URL": "postgresql://nobody@/?host=/nowhere",
            "DATABASE_DIRECT_URL": empty_database_url,
        },
        check=True,
        capture_output=True,
    )
    assert current_revision(empty_database_url) == head_revision()


NOT_FOR_US = {
    "require-concurrent-index-creation": "the feed has no other readers or writers yet: see 0025",
    "require-concurrent-index-deletion": "likewise",
    "require-statement-timeout": "a migration may work for long; it may not wait for long",
}


def test_the_linter_of_migrations_has_no_complaints(tmp_path: Path) -> None:
    squawk = Path(sys.executable).with_name("squawk")
    if not squawk.exists():
        missing("squawk is not installed (requirements-dev.txt)")
    statements = io.StringIO()
    ours = config("postgresql://")
    ours.output_buffer = statements
    command.upgrade(ours, "0024:head", sql=True)
    file = tmp_path / "migrations.sql"
    file.write_text(statements.getvalue())

    result = subprocess.run(
        [squawk, "--pg-version=15", f"--exclude={','.join(NOT_FOR_US)}", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "CREATE UNIQUE INDEX feed_events_item_idx" in statements.getvalue()
