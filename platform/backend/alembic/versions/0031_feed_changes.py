"""The change log of the feed, from which the live tail reads.

A trigger writes every change of `platform_feed_events` down, in the transaction that makes it and
whoever makes it: cascades, scripts and SQL by hand included. What changes nothing is no change.
`platform_feed_stamp` numbers the changes after they were committed; docs/decisions/0008 says why.

    seq        NULL until stamped; then 1, 2, 3, … in the order of the live feed
    op         'new': appeared, or moved to a later time; 'patch': changed in place; 'remove'
    former     the links that the item had before, where an update changed them
    xid        the writing transaction, for pages that were read before the change was stamped

Its one index, on `(seq, id)`, finds what has a number by the number, and what has none by the id.
Every write of the platform pays for it: two partial indexes, or a primary key that nobody reads,
cost twice as much. A publication of all tables needs to know the rows nevertheless; hence the
replica identity. Numbers are unique because one stamps at a time.

Safe while the platform runs: the tables are new; creating the triggers takes a moment's lock on
`platform_feed_events`, under the lock timeout of all migrations. What happened before is not in the
log: pages show it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "feed_0031"
down_revision = "feed_0030"

LINKS = ("world_id", "agent_id", "dweller_id", "story_id")

ORIGIN = """
CREATE FUNCTION platform_feed_origin() RETURNS text LANGUAGE sql VOLATILE AS $$
    -- Where this history is being written: cluster, timeline, database, table. It changes when a
    -- backup is restored, a standby is promoted or a dump is loaded: changes may be lost then.
    SELECT concat_ws(
        '.',
        (SELECT system_identifier FROM pg_control_system()),
        left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        'platform_feed_changes'::regclass::oid
    )
$$
"""

NEW_EPOCH = """
CREATE FUNCTION platform_feed_new_epoch(known text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE AS $$
    -- Begins a new history, unless another than the one that is `known` has begun already. No
    -- position of an earlier one can be resumed.
    DECLARE
        fresh text := left(replace(gen_random_uuid()::text, '-', ''), 8);
    BEGIN
        UPDATE platform_feed_log AS log SET
            epoch = fresh, origin = platform_feed_origin(), settled = 0, mark = 0, mark_xid = 0,
            floor = greatest(log.floor, (SELECT max(seq) FROM platform_feed_changes))
        WHERE known IS NULL OR log.epoch = known;
        RETURN (SELECT epoch FROM platform_feed_log);
    END
$$
"""

_INSERT = """
            INSERT INTO platform_feed_changes
                (op, imported, event_type, item_id, world_id, agent_id, dweller_id, story_id)
            VALUES ('{op}', coalesce(current_setting('feed.import', true), '') = 'on',
                {row}.event_type, coalesce({row}.payload ->> 'id', ''),
                {row}.world_id, {row}.agent_id, {row}.dweller_id, {row}.story_id);"""

LOG_INSERT = f"""
CREATE FUNCTION platform_feed_log_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN{_INSERT.format(op="new", row="new")}
        RETURN NULL;
    END
$$
"""

LOG_DELETE = f"""
CREATE FUNCTION platform_feed_log_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN{_INSERT.format(op="remove", row="old")}
        RETURN NULL;
    END
$$
"""

LOG_UPDATE = f"""
CREATE FUNCTION platform_feed_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (old.event_type, old.payload ->> 'id') IS DISTINCT FROM
            (new.event_type, new.payload ->> 'id')
        THEN{_INSERT.format(op="remove", row="old")}{_INSERT.format(op="new", row="new")}
        ELSE
            INSERT INTO platform_feed_changes
                (op, imported, event_type, item_id, world_id, agent_id, dweller_id, story_id,
                 former)
            VALUES (CASE WHEN new.created_at > old.created_at THEN 'new' ELSE 'patch' END,
                coalesce(current_setting('feed.import', true), '') = 'on',
                new.event_type, coalesce(new.payload ->> 'id', ''),
                new.world_id, new.agent_id, new.dweller_id, new.story_id,
                CASE WHEN (old.world_id, old.agent_id, old.dweller_id, old.story_id)
                        IS DISTINCT FROM
                        (new.world_id, new.agent_id, new.dweller_id, new.story_id)
                    THEN jsonb_build_object(
                        'world_id', old.world_id, 'agent_id', old.agent_id,
                        'dweller_id', old.dweller_id, 'story_id', old.story_id)
                END);
        END IF;
        RETURN NULL;
    END
$$
"""

LOG_TRUNCATION = """
CREATE FUNCTION platform_feed_log_truncation() RETURNS trigger LANGUAGE plpgsql AS $$
    -- Everything is gone, and no row says so.
    BEGIN
        PERFORM platform_feed_new_epoch();
        RETURN NULL;
    END
$$
"""

STAMP = """
CREATE FUNCTION platform_feed_stamp(most integer)
RETURNS TABLE (stamped integer, epoch text, head bigint, floor bigint) LANGUAGE plpgsql AS $$
    -- Numbers what is committed and not numbered yet, `most` changes at once, and tells where the
    -- log stands. `stamped` is NULL when somebody else is at it. One call is one transaction.
    DECLARE
        log platform_feed_log;
        rows tid[];
        last bigint;
        drawn bigint;
        horizon bigint;
    BEGIN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'platform_feed_stamp must run in READ COMMITTED'
                USING HINT = 'Each of its statements needs a snapshot of its own.';
        END IF;
        -- The lock comes first: only then does the next statement's snapshot see what the one who
        -- held it has stamped.
        IF NOT pg_try_advisory_xact_lock(2131623939, 1) THEN
            RETURN QUERY SELECT NULL::integer, platform_feed_log.epoch,
                coalesce((SELECT max(seq) FROM platform_feed_changes), platform_feed_log.floor),
                platform_feed_log.floor
            FROM platform_feed_log;
            RETURN;
        END IF;

        -- Read before anything is written here, which would draw our own transaction number.
        SELECT last_value INTO drawn FROM platform_feed_changes_id_seq;

        SELECT * INTO STRICT log FROM platform_feed_log;
        IF log.origin IS DISTINCT FROM platform_feed_origin() THEN
            PERFORM platform_feed_new_epoch();
            SELECT * INTO STRICT log FROM platform_feed_log;
        END IF;
        last := coalesce((SELECT max(seq) FROM platform_feed_changes), log.floor);

        -- Up to `settled`, no change can appear any more: whoever had drawn an id up to there has
        -- ended. `mark` was the newest id drawn when `mark_xid` was; every transaction that drew
        -- one up to it is older than that. Reading starts there, because under a snapshot that is
        -- held elsewhere the index keeps all that was ever stamped.
        IF log.mark > log.settled
            AND pg_snapshot_xmin(pg_current_snapshot())::text::bigint > log.mark_xid
        THEN
            horizon := log.mark;
        END IF;

        -- Nobody else touches a row without a number, so it stays where it was found.
        rows := ARRAY(
            SELECT ctid FROM platform_feed_changes
            WHERE seq IS NULL AND id > log.settled ORDER BY seq, id LIMIT most
        );
        stamped := cardinality(rows);
        IF stamped > 0 THEN
            -- What clients have been given must survive a crash.
            IF current_setting('synchronous_commit') = 'off' THEN
                PERFORM set_config('synchronous_commit', 'on', true);
            END IF;
            UPDATE platform_feed_changes AS change SET seq = last + fresh.number
            FROM unnest(rows) WITH ORDINALITY AS fresh (place, number)
            WHERE change.ctid = fresh.place;
            last := last + stamped;
        END IF;

        IF horizon IS NOT NULL AND stamped < most THEN
            UPDATE platform_feed_log SET settled = horizon, mark_xid = 0;
        ELSIF drawn >= log.mark + 1000 AND log.mark <= log.settled THEN
            UPDATE platform_feed_log SET
                mark = drawn, mark_xid = pg_current_xact_id()::text::bigint;
        END IF;
        RETURN QUERY SELECT stamped, log.epoch, last, log.floor;
    END
$$
"""

FLUSH = """
CREATE FUNCTION platform_feed_flush() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    -- When the transaction of this call has ended, a crash undoes nothing that was visible before
    -- it, however that was committed. It needs to write something: the end of one that did not is
    -- not waited for.
    BEGIN
        IF current_setting('synchronous_commit') = 'off' THEN
            PERFORM set_config('synchronous_commit', 'on', true);
        END IF;
        PERFORM pg_logical_emit_message(true, 'platform_feed', '');
    END
$$
"""

POSITION = """
CREATE FUNCTION platform_feed_position() RETURNS text LANGUAGE plpgsql STABLE AS $$
    -- Where the live feed goes on for whoever reads in this snapshot. It has everything up to the
    -- newest number. When it also sees changes that have none yet, the position says which ones:
    -- those of the transactions that it sees. The order has it look there by the index, also when
    -- statistics are from a time in which nothing had a number.
    BEGIN
        RETURN (
            SELECT log.epoch || '.'
                || coalesce((SELECT max(seq) FROM platform_feed_changes), log.floor)
                || CASE WHEN (
                    SELECT id FROM platform_feed_changes
                    WHERE seq IS NULL AND id > log.settled ORDER BY seq, id LIMIT 1
                ) IS NULL THEN '' ELSE '~' || pg_current_snapshot() END
            FROM platform_feed_log AS log
        );
    END
$$
"""

TRIM = """
CREATE FUNCTION platform_feed_trim(keep bigint, age interval, most integer)
RETURNS integer LANGUAGE plpgsql AS $$
    -- Forgets changes that are older than `age`, and all but the newest `keep`; `most` at once, and
    -- never the newest, which holds the head.
    DECLARE
        log platform_feed_log;
        last bigint;
        upto bigint;
        gone integer;
    BEGIN
        IF NOT pg_try_advisory_xact_lock(2131623939, 2) THEN
            RETURN 0;
        END IF;
        SELECT * INTO STRICT log FROM platform_feed_log;
        last := (SELECT max(seq) FROM platform_feed_changes);
        SELECT max(oldest.seq) INTO upto FROM (
            SELECT seq, at FROM platform_feed_changes
            WHERE seq IS NOT NULL ORDER BY seq LIMIT most
        ) AS oldest
        WHERE oldest.seq <= last - keep OR oldest.at < clock_timestamp() - age;
        IF upto IS NULL THEN
            RETURN 0;
        END IF;
        upto := least(upto, last - 1);
        DELETE FROM platform_feed_changes WHERE seq <= upto;
        GET DIAGNOSTICS gone = ROW_COUNT;
        UPDATE platform_feed_log SET floor = upto WHERE platform_feed_log.floor < upto;
        RETURN gone;
    END
$$
"""

TRIGGERS = (
    """
    CREATE TRIGGER platform_feed_inserts AFTER INSERT ON platform_feed_events
    FOR EACH ROW EXECUTE FUNCTION platform_feed_log_insert()
    """,
    """
    CREATE TRIGGER platform_feed_updates AFTER UPDATE ON platform_feed_events
    FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*)
    EXECUTE FUNCTION platform_feed_log_update()
    """,
    """
    CREATE TRIGGER platform_feed_deletes AFTER DELETE ON platform_feed_events
    FOR EACH ROW EXECUTE FUNCTION platform_feed_log_delete()
    """,
    """
    CREATE TRIGGER platform_feed_truncation AFTER TRUNCATE ON platform_feed_events
    FOR EACH STATEMENT EXECUTE FUNCTION platform_feed_log_truncation()
    """,
)

FUNCTIONS = {
    "platform_feed_origin()": ORIGIN,
    "platform_feed_new_epoch(text)": NEW_EPOCH,
    "platform_feed_log_insert()": LOG_INSERT,
    "platform_feed_log_update()": LOG_UPDATE,
    "platform_feed_log_delete()": LOG_DELETE,
    "platform_feed_log_truncation()": LOG_TRUNCATION,
    "platform_feed_stamp(integer)": STAMP,
    "platform_feed_flush()": FLUSH,
    "platform_feed_position()": POSITION,
    "platform_feed_trim(bigint, interval, integer)": TRIM,
}


def upgrade() -> None:
    op.create_table(
        "platform_feed_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(cache=1), nullable=False),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        *(sa.Column(link, sa.Uuid()) for link in LINKS),
        sa.Column("former", JSONB()),
        sa.Column(
            "xid",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
        ),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("clock_timestamp()"),
        ),
    )
    op.create_index("feed_changes_seq_idx", "platform_feed_changes", ["seq", "id"])
    op.execute("ALTER TABLE platform_feed_changes REPLICA IDENTITY FULL")
    op.create_table(
        "platform_feed_log",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("mark_xid", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1"),
    )
    op.execute("INSERT INTO platform_feed_log VALUES (1, '', '', 0, 0, 0, 0)")
    for definition in FUNCTIONS.values():
        op.execute(definition)
    op.execute("SELECT platform_feed_new_epoch()")
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    for trigger in ("inserts", "updates", "deletes", "truncation"):
        op.execute(f"DROP TRIGGER platform_feed_{trigger} ON platform_feed_events")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("platform_feed_log")
    op.drop_table("platform_feed_changes")
