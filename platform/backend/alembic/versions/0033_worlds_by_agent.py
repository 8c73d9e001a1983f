"""Worlds by the agent that they are of.

Agents are listed with the number of their worlds, and a new name of an agent goes over them.
Built plainly, not concurrently: see 0025. There are few worlds.
"""

from alembic import op

revision = "feed_0033"
down_revision = "feed_0032"


def upgrade() -> None:
    op.create_index("world_created_by_idx", "platform_worlds", ["created_by"])


def downgrade() -> None:
    op.drop_index("world_created_by_idx", "platform_worlds")
