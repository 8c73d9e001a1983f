"""What keeps the feed true: its unfinished work, and the indexes by which it finds what to change.

`platform_feed_refreshes` holds items that still have to follow a new name; `platform_feed_progress`
how far backfill and verification have come. Both are small, and empty at first.

The indexes find the actions of a dweller in order of time, the world of a proposal, and the stories
that a dweller tells. Built plainly, not concurrently: see 0025. The one on actions takes about a
second per million rows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "feed_0030"
down_revision = "feed_0029"

NOW = sa.func.now()


def upgrade() -> None:
    op.create_table(
        "platform_feed_refreshes",
        sa.Column("id", sa.Uuid(), primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("steps", JSONB(), nullable=False),
        sa.Column("stage", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("step", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("position", JSONB()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("seen_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "platform_feed_progress",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("state", JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_index(
        "action_spell_idx",
        "platform_dweller_actions",
        ["dweller_id", "created_at", "id"],
        postgresql_where=sa.text("in_reply_to_action_id IS NULL"),
    )
    op.create_index("world_proposal_idx", "platform_worlds", ["proposal_id"])
    op.create_index("story_perspective_dweller_idx", "platform_stories", ["perspective_dweller_id"])


def downgrade() -> None:
    op.drop_index("story_perspective_dweller_idx", "platform_stories")
    op.drop_index("world_proposal_idx", "platform_worlds")
    op.drop_index("action_spell_idx", "platform_dweller_actions")
    op.drop_table("platform_feed_progress")
    op.drop_table("platform_feed_refreshes")
