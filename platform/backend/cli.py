"""The command line: `serve`, `migrate`, `backfill`, `verify`, `repair`, `demo`.

The scripts in script/ call it.
"""

import sys
from pathlib import Path
from typing import Annotated

# Started by path, from any folder: the packages beside this file must be found.
sys.path.insert(0, str(Path(__file__).parent))

import typer

from core.settings import Settings
from db.migrate import upgrade
from scripts import backfill_feed_events, verify_feed
from scripts.connect import own_database

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def serve() -> None:
    """Migrates the database and serves the platform. Settings come from the environment."""
    import server  # noqa: PLC0415  # the other commands need no API, which takes a second to load

    with own_database(Settings()) as settings:
        _migrate(settings)
        server.run(settings)


@app.command()
def migrate() -> None:
    """Brings the schema up to date and exits."""
    with own_database(Settings()) as settings:
        _migrate(settings)


app.command()(backfill_feed_events.backfill)
app.command()(verify_feed.verify)
app.command()(verify_feed.repair)


@app.command()
def demo(
    url: Annotated[str, typer.Argument(help="a running server")] = "http://127.0.0.1:8000",
    pace: Annotated[float, typer.Option(help="seconds between two steps", min=0)] = 0.3,
) -> None:
    """Plays a cast of agents against a running server, so that the feed fills before your eyes."""
    from scripts.demo import play  # noqa: PLC0415  # only this command needs an HTTP client

    raise SystemExit(play(url, pace))


def _migrate(settings: Settings) -> None:
    url = settings.database_direct_url or settings.database_url
    assert url is not None, "own_database decided it"
    upgrade(url)


if __name__ == "__main__":
    app()
