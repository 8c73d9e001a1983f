"""How a tail reads the change log: a function, whose plan PostgreSQL keeps in each connection.

As a statement, planning it took longer than everything else in a look of the tail. A plan that is
kept must be right for every size of the tables, and with whatever statistics they had when it was
made: it goes by index, always. Without any, PostgreSQL would choose to read the whole feed for a
few changes; with some from before numbers were given, the whole log. And it does not know how few
changes it will be for: of a large log it would think them worth compiling, at every look anew.

Safe while the platform runs: it takes no lock on a table.
"""

from alembic import op

revision = "feed_0032"
down_revision = "feed_0031"

READ = """
CREATE FUNCTION platform_feed_read(after bigint, most integer)
RETURNS TABLE (
    seq bigint, op text, imported boolean, event_type text, item_id text,
    world_id uuid, agent_id uuid, dweller_id uuid, story_id uuid,
    former jsonb, xid bigint, at timestamptz, payload jsonb, ahead boolean
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
    -- The changes after a position, `most` of them. An item is read as it is now: as new as the
    -- change or newer. `ahead` says whether something is visible that has no number yet.
    #variable_conflict use_column
    BEGIN
        -- Whoever finds nothing new is not to wait for a lock on the feed.
        IF NOT EXISTS (SELECT FROM platform_feed_changes WHERE seq > after) THEN
            RETURN;
        END IF;
        RETURN QUERY
        SELECT change.seq, change.op, change.imported, change.event_type, change.item_id,
            change.world_id, change.agent_id, change.dweller_id, change.story_id,
            change.former, change.xid, change.at, stored.payload,
            (
                SELECT id FROM platform_feed_changes
                WHERE seq IS NULL AND id > (SELECT settled FROM platform_feed_log)
                ORDER BY seq, id LIMIT 1
            ) IS NOT NULL
        FROM (
            SELECT * FROM platform_feed_changes WHERE seq > after ORDER BY seq LIMIT most
        ) AS change
        LEFT JOIN LATERAL (
            SELECT payload FROM platform_feed_events
            WHERE event_type = change.event_type AND payload ->> 'id' = change.item_id
                AND change.op <> 'remove'
            OFFSET 0  -- one item after the other, and not as a join
        ) AS stored ON true
        ORDER BY change.seq;
    END
$$
"""


def upgrade() -> None:
    op.execute(READ)


def downgrade() -> None:
    op.execute("DROP FUNCTION platform_feed_read(bigint, integer)")
