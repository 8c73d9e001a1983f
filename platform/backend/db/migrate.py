"""The schema's versions: read them, and move a database from one to another.

What `alembic upgrade head` does on the command line, for the server's start and for tests. The
rules that hold for every migration are in ../alembic/env.py.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine

from db.urls import sqlalchemy_url

INI = Path(__file__).resolve().parent.parent / "alembic.ini"


def upgrade(url: str, revision: str = "head") -> None:
    """Brings a database up to `revision`; one transaction per migration.

    Any number of servers may call it at once: one migrates, the others wait for it.
    Raises sqlalchemy.exc.OperationalError when the database is out of reach, or when a table
    stayed locked for longer than a migration waits; calling it again continues where it stopped.
    """
    command.upgrade(config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Takes a database back to `revision`; `base` drops every table of the platform."""
    command.downgrade(config(url), revision)


def current_revision(url: str) -> str | None:
    """The version that a database is at; None when it has none."""
    with create_migration_engine(url).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head_revision() -> str:
    """The version that this code needs. Read once: Alembic imports every migration for it."""
    head = ScriptDirectory.from_config(Config(INI)).get_current_head()
    assert head is not None, "there is a migration"
    return head


def config(url: str) -> Config:
    """Alembic's configuration for one database."""
    return Config(INI, attributes={"url": url})


def create_migration_engine(url: str) -> Engine:
    """An engine without a pool, fit for a transaction pooler: nothing is prepared by name."""
    return create_engine(
        sqlalchemy_url(url), poolclass=NullPool, connect_args={"prepare_threshold": None}
    )
