"""The platform with a part of it switched off, to measure what the part costs or brings.

    python -m bench.reading.variants unshared serve    every reader has a query of his own
    python -m bench.reading.variants silent serve      writes emit no items

Only for one server process: several would be started without what is patched here.
"""

import sys
from functools import partial
from typing import Any

from db.session import Database, Question
from utils import feed_events


def unshared() -> None:
    Database.read_shared = _apart  # type: ignore[assignment, method-assign]  # the point of it


async def _apart(database: Database, question: Question[Any]) -> Any:
    return await database._read(object(), partial(database._answer, question))


def silent() -> None:
    # Before the API is imported, whose modules take the function by its name.
    feed_events.emit_feed_event = _nothing


async def _nothing(*_: Any, **__: Any) -> None: ...


VARIANTS = {"unshared": unshared, "silent": silent}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()

    import cli  # only now

    cli.app()
