"""The database that a command works on: the configured one, or else the embedded one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from core.errors import DatabaseInUse, MigrationNeeded, NoDatabase
from core.settings import Settings
from db.embedded import EmbeddedPostgres, running_url
from db.migrate import current_revision, head_revision

console = Console(stderr=True, highlight=False)


@contextmanager
def own_database(settings: Settings) -> Iterator[Settings]:
    """The settings with a database: the configured one, or an embedded one, while it runs.

    Ends the process with a message when the embedded one is another server's, or cannot run.
    """
    if settings.database_url:
        yield settings.on_database(settings.database_url)
        return
    try:
        with EmbeddedPostgres(settings.data_dir) as url:
            yield settings.on_database(url, embedded=True)
    except (DatabaseInUse, NoDatabase) as error:
        console.print(f"[red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)


@contextmanager
def any_database(settings: Settings) -> Iterator[Settings]:
    """The same for tools that work beside a running server: they join its embedded database.

    Ends the process with a message when the schema is not the one of this code.
    """
    running = None if settings.database_url else running_url(settings.data_dir)
    if running:
        settings = settings.on_database(running, embedded=True)
    with own_database(settings) as settings:
        try:
            _require_schema(settings)
        except MigrationNeeded as error:
            console.print(f"[red]error:[/] {error}", soft_wrap=True)
            sys.exit(1)
        yield settings


def _require_schema(settings: Settings) -> None:
    url = settings.database_direct_url or settings.database_url
    assert url is not None, "own_database decided it"
    if (current := current_revision(url)) != head_revision():
        raise MigrationNeeded(
            f"The database is at revision {current}, this code needs {head_revision()}. "
            "Run script/migrate first."
        )
