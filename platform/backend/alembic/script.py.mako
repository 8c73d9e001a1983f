"""${message}

Why it is safe while the platform runs: …  (env.py gives each migration its own transaction and
limits how long it waits for a lock, not how long it holds one.)
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
