"""One reaction, and one follow, per agent and target: `social_unique_idx` becomes unique.

Until now it was so by name only, and two requests at once could leave two rows. The newest row of
each set stays; the others go, and `downgrade` cannot bring them back. Counts of stories and worlds
keep their values: whether a row too many was counted, or its count was lost, is not recorded.

While this runs, the table is locked: rows that came in between would be duplicates again. Only
reactions and follows use it, and they wait for about a second per million rows. The lock is the
strongest from the start, because dropping an index ends in it anyway, and two transactions that
both ask for more while they hold something are a deadlock.
"""

from alembic import op

revision = "feed_0029"
down_revision = "feed_0028"

TABLE = "platform_social_interactions"
INDEX = "social_unique_idx"
COLUMNS = ["user_id", "target_type", "target_id", "interaction_type"]


def upgrade() -> None:
    op.execute("LOCK TABLE platform_social_interactions IN ACCESS EXCLUSIVE MODE")
    op.execute(
        """
        DELETE FROM platform_social_interactions AS older
        USING platform_social_interactions AS newer
        WHERE (older.user_id, older.target_type, older.target_id, older.interaction_type)
            = (newer.user_id, newer.target_type, newer.target_id, newer.interaction_type)
          AND (older.created_at, older.id) < (newer.created_at, newer.id)
        """
    )
    op.drop_index(INDEX, TABLE, if_exists=True)
    op.create_index(INDEX, TABLE, COLUMNS, unique=True)


def downgrade() -> None:
    op.drop_index(INDEX, TABLE)
    op.create_index(INDEX, TABLE, COLUMNS)
