"""The moments that the feed dates its items by, and that no column recorded until now.

A draft's `created_at` says when writing began and `updated_at` moves on with every later change, so
a feed derived again from these tables could not give submissions and approvals their true times.
Rows from before stay NULL: their moments are lost, and history falls back to the other two.

A nullable column without a default only changes the catalog: no row is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "feed_0028"
down_revision = "feed_0027"

MOMENTS = [
    ("platform_proposals", "submitted_at"),
    ("platform_aspects", "submitted_at"),
    ("platform_aspects", "approved_at"),
]


def upgrade() -> None:
    for table, column in MOMENTS:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True)))


def downgrade() -> None:
    for table, column in reversed(MOMENTS):
        op.drop_column(table, column)
