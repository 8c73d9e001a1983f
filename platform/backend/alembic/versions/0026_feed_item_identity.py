"""One row per feed item: `(event_type, payload ->> 'id')` is unique.

A table that was there before may hold an item more than once: its newest row stays, and `downgrade`
cannot bring the others back. It may also lack the default of `id`, if models made it.

The revision is not called "0026": databases from before this code may be at another migration of
that name, and must not be taken for ours.
"""

import sqlalchemy as sa
from alembic import op

revision = "feed_0026"
down_revision = "0025"

TABLE = "platform_feed_events"


def upgrade() -> None:
    op.alter_column(TABLE, "id", server_default=sa.text("gen_random_uuid()"))
    op.execute(
        """
        DELETE FROM platform_feed_events AS older USING platform_feed_events AS newer
        WHERE older.event_type = newer.event_type
          AND older.payload ->> 'id' = newer.payload ->> 'id'
          AND (older.created_at, older.id) < (newer.created_at, newer.id)
        """
    )
    # Built plainly, not concurrently: see 0025.
    op.create_index(
        "feed_events_item_idx", TABLE, ["event_type", sa.text("(payload ->> 'id')")], unique=True
    )


def downgrade() -> None:
    op.drop_index("feed_events_item_idx", TABLE)
