"""The truth about the feed's table, by a trigger of the campaign in the writer's transaction.

It says a second time, from the contract, what a change is. What is rolled back, or lost in a crash,
takes its audit with it.
"""

import psycopg

from bench.live.items import Key
from bench.live.truth import Change, Links, links_of

_INSTALL = """
CREATE TABLE campaign_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    op text NOT NULL, imported boolean NOT NULL,
    event_type text NOT NULL, item_id text NOT NULL, tag text,
    tx text NOT NULL, cause bigint, created_at timestamptz, links uuid[], former uuid[]
);
CREATE FUNCTION campaign_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was platform_feed_events := CASE WHEN TG_OP <> 'INSERT' THEN old END;
    is_now platform_feed_events := CASE WHEN TG_OP <> 'DELETE' THEN new END;
    one platform_feed_events := CASE WHEN TG_OP = 'DELETE' THEN old ELSE new END;
BEGIN
    IF TG_OP = 'UPDATE' AND was IS NOT DISTINCT FROM is_now THEN
        RETURN NULL;
    END IF;
    INSERT INTO campaign_audit
        (op, imported, event_type, item_id, tag, tx, cause, created_at, links, former)
    SELECT
        CASE TG_OP WHEN 'DELETE' THEN 'remove' WHEN 'INSERT' THEN 'new'
            ELSE CASE WHEN is_now.created_at > was.created_at THEN 'new' ELSE 'patch' END END,
        current_setting('campaign.import', true) IS NOT DISTINCT FROM 'on',
        one.event_type, one.payload ->> 'id', is_now.payload -> 'agent' ->> 'name',
        current_setting('campaign.tx'), nullif(current_setting('campaign.cause'), '')::bigint,
        is_now.created_at, ARRAY[one.world_id, one.agent_id],
        CASE WHEN TG_OP = 'UPDATE' THEN ARRAY[was.world_id, was.agent_id] END;
    RETURN NULL;
END $$;
CREATE TRIGGER campaign_audit AFTER INSERT OR UPDATE OR DELETE ON platform_feed_events
FOR EACH ROW EXECUTE FUNCTION campaign_audit();
"""

_UNLINK = "ALTER TABLE platform_feed_events " + ", ".join(
    f"DROP CONSTRAINT platform_feed_events_{link}_id_fkey" for link in ("world", "agent")
)
"""The items of the campaign name worlds and agents that are not there."""


def install(url: str) -> None:
    """To be done before anything is written."""
    with psycopg.connect(url) as connection:
        connection.execute(_INSTALL)
        connection.execute(_UNLINK)


def count(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM campaign_audit").fetchone()
    assert row is not None
    return int(row[0])


def changes(connection: psycopg.Connection) -> list[Change]:
    """All that is committed, in the order of their ids."""
    rows = connection.execute(
        "SELECT id, op, imported, event_type, item_id, tag, tx, cause, created_at, links, former"
        " FROM campaign_audit ORDER BY id"
    )
    return [
        Change(id, op, imported, Key(kind, item), tag, tx, cause, at, Links(*links), links_of(was))
        for id, op, imported, kind, item, tag, tx, cause, at, links, was in rows
    ]


def table(connection: psycopg.Connection) -> dict[Key, str]:
    """The feed as it is now: each item, and the change that made it."""
    rows = connection.execute(
        "SELECT event_type, payload ->> 'id', payload -> 'agent' ->> 'name'"
        " FROM platform_feed_events"
    )
    return {Key(kind, item): tag for kind, item, tag in rows}
