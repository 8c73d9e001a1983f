"""How long work on the whole feed shows how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from scripts.connect import console


class Bar:
    """One bar with an estimate, on stderr, so that stdout stays for results."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, label: str, done: int) -> None:
        self._progress.update(self._task, description=label, advance=done)


@contextmanager
def bar(total: int) -> Iterator[Bar]:
    """Shows `total` steps; the last state stays on the screen."""
    columns = (
        TextColumn("{task.description:36}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, progress.add_task("", total=total))
