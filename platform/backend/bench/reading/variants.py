"""The platform with a part of it switched off, to measure what the part costs or brings.

    python -m bench.reading.variants unshared serve    every reader has a query of his own
    python -m bench.reading.variants silent serve      writes emit no items

Only for one server process: several would be started without what is patched here.
"""

import sys
from typing import Any

from db.session import Database, Question
from utils import feed_events


def unshared() -> None:
    shared = Database.read_shared

    async def apart(database: Database, question: Question[Any]) -> Any:
        return await shared(database, _Apart(question))

    Database.read_shared = apart  # type: ignore[assignment, method-assign]  # the point of it


class _Apart:
    """A question that equals no other, so that nobody shares its query."""

    def __init__(self, question: Question[Any]) -> None:
        self.statement = question.statement
        self.answer = question.answer


def silent() -> None:
    # Before the API is imported, whose modules take the function by its name.
    feed_events.emit_feed_event = _nothing


async def _nothing(*_: Any, **__: Any) -> None: ...


VARIANTS = {"unshared": unshared, "silent": silent}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()

    import cli  # only now

    cli.app()
