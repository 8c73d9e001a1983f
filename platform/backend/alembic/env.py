"""How migrations run. The rules that every one of them gets from here:

- its own transaction: what is done is done, and a failure leaves the version before it
- `lock_timeout`: behind a migration that waits for a table, every query of that table waits too;
  so it gives up after 5 s, and the next start tries again
- one at a time: servers that start together migrate once
- a database may hold more than the models say; what they do not know is left alone
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SAWarning
from sqlalchemy.schema import SchemaItem

from core.errors import NoDatabase
from core.settings import Settings
from db.migrate import create_migration_engine
from db.models import Base

LOCK_TIMEOUT = "5s"
ADVISORY_LOCK = int.from_bytes(b"migrate!", "big")
"""Any number that nobody else takes in this database."""


def database_url() -> str:
    """The one that db/migrate.py was given; on the command line, the one of the settings."""
    if given := context.config.attributes.get("url"):
        return str(given)
    settings = Settings()
    url = settings.database_direct_url or settings.database_url
    if url is None:
        raise NoDatabase("Set DATABASE_URL, or use the platform's own `migrate` command.")
    return url


def is_ours(
    item: SchemaItem, name: str | None, kind: str, reflected: bool, counterpart: SchemaItem | None
) -> bool:
    """What the database has and the models have not is somebody else's."""
    return not reflected or counterpart is not None


def is_mapped(name: str | None, kind: str, parents: object) -> bool:
    """Tables of others are not even read: their column types may be unknown here."""
    return kind != "table" or name in Base.metadata.tables


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[None]:
    """Holds the lock in a transaction of its own, around all migrations and the look at the
    present version. A lock of the session would be left behind on a pooler's connection.
    """
    with engine.begin() as guard:
        guard.execute(
            text(
                "SELECT set_config('idle_in_transaction_session_timeout', '0', true),"
                " pg_advisory_xact_lock(:key)"
            ),
            {"key": ADVISORY_LOCK},
        )
        yield


def limit_lock_waits(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")


def run_online() -> None:
    engine = create_migration_engine(database_url())
    with one_at_a_time(engine), engine.connect() as connection:
        event.listen(connection, "begin", limit_lock_waits)
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            include_object=is_ours,
            include_name=is_mapped,
        )
        context.run_migrations()


def run_offline() -> None:
    """Prints the statements instead (`alembic upgrade … --sql`); needs no database."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
    context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    context.run_migrations()


# Columns of extensions that an older database may have; they are skipped, so need no known type.
warnings.filterwarnings("ignore", "Did not recognize type 'vector'", SAWarning)
if context.config.cmd_opts:  # on the command line; a server has its own logging
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
if context.is_offline_mode():
    run_offline()
else:
    run_online()
