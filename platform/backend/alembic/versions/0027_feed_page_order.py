"""Indexes in page order: newest first, the id breaking ties; one for the feed, one per filter.

They replace those of 0025, which stand for the same questions and answer them worse: beside
`(created_at DESC, id DESC)` the planner may still choose `(created_at DESC)` and sort, and a filter
without the order in its index reads and sorts everything that matches.

Built plainly, not concurrently: see 0025.
"""

import sqlalchemy as sa
from alembic import op

revision = "feed_0027"
down_revision = "feed_0026"

TABLE = "platform_feed_events"
NEWEST_FIRST = [sa.text("created_at DESC"), sa.text("id DESC")]
LINKS = ["world", "agent", "dweller", "story"]


def upgrade() -> None:
    op.create_index("feed_events_page_idx", TABLE, NEWEST_FIRST)
    op.create_index("feed_events_type_page_idx", TABLE, ["event_type", *NEWEST_FIRST])
    for link in LINKS:
        op.create_index(
            f"feed_events_{link}_page_idx",
            TABLE,
            [f"{link}_id", *NEWEST_FIRST],
            postgresql_where=sa.text(f"{link}_id IS NOT NULL"),
        )
    for replaced in ("created_at", "event_type", "world_id"):
        op.drop_index(f"feed_events_{replaced}_idx", TABLE, if_exists=True)


def downgrade() -> None:
    op.create_index("feed_events_created_at_idx", TABLE, [sa.text("created_at DESC")])
    op.create_index("feed_events_event_type_idx", TABLE, ["event_type"])
    op.create_index(
        "feed_events_world_id_idx",
        TABLE,
        ["world_id"],
        postgresql_where=sa.text("world_id IS NOT NULL"),
    )
    for link in LINKS:
        op.drop_index(f"feed_events_{link}_page_idx", TABLE)
    op.drop_index("feed_events_type_page_idx", TABLE)
    op.drop_index("feed_events_page_idx", TABLE)
