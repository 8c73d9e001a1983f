"""The feed: one row per finished item.

Where the table exists already, it is adopted with its rows: only what it lacks is made. Its indexes
are built plainly, not concurrently, because the table is new, or, when adopted, belongs to a feed
whose writers are being replaced; nothing else reads or writes it meanwhile.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"

TABLE = "platform_feed_events"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
        ),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("world_id", sa.Uuid(), sa.ForeignKey("platform_worlds.id", ondelete="CASCADE")),
        sa.Column("agent_id", sa.Uuid(), sa.ForeignKey("platform_users.id", ondelete="SET NULL")),
        sa.Column(
            "dweller_id", sa.Uuid(), sa.ForeignKey("platform_dwellers.id", ondelete="CASCADE")
        ),
        sa.Column("story_id", sa.Uuid(), sa.ForeignKey("platform_stories.id", ondelete="CASCADE")),
        if_not_exists=True,
    )
    op.create_index(
        "feed_events_created_at_idx", TABLE, [sa.text("created_at DESC")], if_not_exists=True
    )
    op.create_index("feed_events_event_type_idx", TABLE, ["event_type"], if_not_exists=True)
    op.create_index(
        "feed_events_world_id_idx",
        TABLE,
        ["world_id"],
        postgresql_where=sa.text("world_id IS NOT NULL"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table(TABLE)
