"""Whether the tests of the live feed notice when it is wrong: `script/mutants`.

Each mutant is a mistake that somebody could make. In a copy of the code, the tests that are there
for it must fail.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, NamedTuple

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer

BACKEND = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 240.0
TEST_SECONDS = 25
"""A test that hangs has noticed something, too. The campaign has a limit of its own."""

LIVE = "tests/test_live.py"
DURABILITY = "tests/test_live_durability.py"
CAMPAIGN = "tests/test_live_campaign.py"
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis", "data")


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    """Stands there once."""
    new: str
    why: str
    """What is wrong then."""
    tests: tuple[str, ...]
    """Arguments for pytest."""


def _live(*names: str) -> tuple[str, ...]:
    return (LIVE, "-k", " or ".join(names))


def _log(name: str) -> tuple[str, ...]:
    return ("tests/test_change_log.py", "-k", name)


MIGRATION = "alembic/versions/0031_feed_changes.py"
MUTANTS = (
    Mutant(
        "stamps above the last one only",
        MIGRATION,
        "WHERE seq IS NULL AND id > log.settled ORDER BY seq, id LIMIT most",
        "WHERE seq IS NULL AND id > coalesce((SELECT max(id) FROM platform_feed_changes"
        " WHERE seq IS NOT NULL), 0) ORDER BY id LIMIT most",
        "whoever commits late is never seen: the classical bug of tails",
        _live("rolled_back_never_arrives"),
    ),
    Mutant(
        "no lock",
        MIGRATION,
        "IF NOT pg_try_advisory_xact_lock(2131623939, 1) THEN",
        "IF false THEN",
        "two processes give the same numbers",
        _log("one_stamps_at_a_time"),
    ),
    Mutant(
        "the lock is held while changes are read",
        "feed/changes.py",
        'LOOK = f"BEGIN; {STAMP}; COMMIT; {READ}"',
        'LOOK = f"{STAMP}; {READ}"',
        "whoever hangs in the network stops the live feed of all",
        _log("keeps_nobody_from_stamping"),
    ),
    Mutant(
        "shows what a crash may undo",
        "feed/changes.py",
        "if rows and rows[0][-1]:",
        "if False:",
        "an item is told of as a commit left it that is not on disk yet",
        (DURABILITY,),
    ),
    Mutant(
        "asynchronous commit of numbers",
        MIGRATION,
        "IF stamped > 0 THEN\n            -- What clients have been given must survive a crash.\n"
        "            IF current_setting('synchronous_commit') = 'off'",
        "IF stamped > 0 THEN\n            IF current_setting('synchronous_commit') = 'never'",
        "a crash takes back what clients have been given",
        (DURABILITY,),
    ),
    Mutant(
        "numbers against the order of ids",
        MIGRATION,
        "WHERE seq IS NULL AND id > log.settled ORDER BY seq, id LIMIT most",
        "WHERE seq IS NULL AND id > log.settled ORDER BY seq, id DESC LIMIT most",
        "effects before their causes",
        (CAMPAIGN,),
    ),
    Mutant(
        "settled without waiting",
        MIGRATION,
        "AND pg_snapshot_xmin(pg_current_snapshot())::text::bigint > log.mark_xid",
        "AND true",
        "transactions in flight when the mark was set are never seen",
        _log("never_passes_a_writer"),
    ),
    Mutant(
        "removals are not logged",
        MIGRATION,
        'BEGIN{_INSERT.format(op="remove", row="old")}\n        RETURN NULL',
        "BEGIN\n        RETURN NULL",
        "clients keep what is gone",
        _live("every_kind_of_change"),
    ),
    Mutant(
        "imports are news",
        "feed/changes.py",
        """mark = b',"import":true' if imported else b\"\"""",
        'mark = b""',
        "a backfill looks like a thousand events",
        _live("imports_are_no_news"),
    ),
    Mutant(
        "an item leaves the filter in silence",
        "feed/changes.py",
        "if self.former is None or not wanted.wants(self.event_type, self.former):",
        "if self.former is None or self.former is not None:",
        "a filtered client keeps what does not belong there any more",
        _live("leaves_the_filter"),
    ),
    Mutant(
        "the seam loses one",
        "feed/ring.py",
        "start = end = seq - self.first + self._offset",
        "start = end = seq - self.first + self._offset + (self.max_bytes is None)",
        "one change is missing where the log begins",
        _live("goes_on_where_it_was"),
    ),
    Mutant(
        "the seam doubles one",
        "feed/ring.py",
        "start = end = seq - self.first + self._offset",
        "start = end = seq - self.first + self._offset - (not self.max_bytes and seq > self.first)",
        "one change comes twice where the log has been read before",
        (CAMPAIGN,),
    ),
    Mutant(
        "no log behind the ring",
        "feed/hub.py",
        "        block = await self.archive.block(reader.epoch, reader.seq)\n",
        "        reader.told(ring.first)\n        block = ring\n",
        "old positions skip what the ring has no more",
        _live("goes_on_where_it_was"),
    ),
    Mutant(
        "a hole of the log goes unnoticed",
        "feed/ring.py",
        "return [change for number, change in enumerate(changes, seq + 1) if change.seq == number]",
        "return list(changes)",
        "what retention has removed is skipped in silence",
        _live("slept_too_long", "cannot_be_resumed"),
    ),
    Mutant(
        "the tail skips what was forgotten",
        "feed/tail.py",
        "if not changes or len(contiguous(ring.head, changes)) < len(changes):",
        "if not changes:",
        "a process that slept for long never comes back",
        _live("slept_too_long"),
    ),
    Mutant(
        "the ring evicts before the reader has read",
        "feed/hub.py",
        "if subscriber.epoch != ring.epoch or subscriber.seq < ring.first:\n"
        "            self._help(subscriber)\n            return",
        "if subscriber.epoch != ring.epoch or subscriber.seq < ring.first:\n"
        "            subscriber.skip_to(ring.epoch, ring.first)",
        "whoever is a little behind loses what it has not read",
        (CAMPAIGN,),
    ),
    Mutant(
        "a page's snapshot is ignored",
        "feed/subscriber.py",
        "known = self._snapshot is not None and self._snapshot.sees(change.xid)",
        "known = False",
        "what is on the page comes again",
        _live("show_everything_once"),
    ),
    Mutant(
        "no wait for what a page saw",
        "feed/hub.py",
        "unknown = wanted.epoch != ring.epoch or wanted.seq > ring.head or wanted.snapshot",
        "unknown = wanted.epoch != ring.epoch or wanted.seq > ring.head",
        "the snapshot is forgotten before its changes have numbers: they come again",
        (CAMPAIGN,),
    ),
    Mutant(
        "prev without regard to the filter",
        "feed/subscriber.py",
        "change.message(self.epoch, self._prev, self.wanted)",
        "change.message(self.epoch, f'{self.epoch}.{change.seq - 1}', self.wanted)",
        "a filtered client thinks that something is missing",
        _live("filter_leaves_no_doubt"),
    ),
    Mutant(
        "epochs are not compared",
        "feed/tail.py",
        "if ring.epoch != log.epoch:",
        "if not ring.epoch:",
        "after a restore, clients go on in another history",
        _live("new_history_reaches", "went_back_is_noticed"),
    ),
    Mutant(
        "deafness goes unnoticed",
        "feed/listener.py",
        "while await self._echo(connection):",
        "while await self._echo(connection) or True:",
        "behind a pooler a server says that it listens",
        _live("pooler_swallows", "black_hole"),
    ),
    Mutant(
        "company goes unnoticed",
        "feed/listener.py",
        "self._meet()\n                self._heard()",
        "self._heard()",
        "a server that was alone at first never notifies those who come later",
        ("tests/test_listener.py",),
    ),
    Mutant(
        "no goodbye",
        "feed/hub.py",
        "for subscriber in tuple(self.subscribers):\n            self._say_bye(subscriber)\n",
        "for subscriber in ():\n            self._say_bye(subscriber)\n",
        "a server that stops cuts its clients off",
        _live("says_goodbye"),
    ),
    Mutant(
        "no heartbeat",
        "feed/hub.py",
        "subscriber.outlet.write(_heartbeat(subscriber))",
        "_heartbeat(subscriber)",
        "a quiet stream cannot be told from a dead one",
        _live("silence_shows_life"),
    ),
)

app = typer.Typer(add_completion=False)


def patched(mutant: Mutant, text: str) -> str:
    """The file with its mistake. Raises ValueError when the code is another one by now."""
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has {text.count(mutant.old)} of its text")
    return text.replace(mutant.old, mutant.new)


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="parts of names; none: all")] = None,
) -> None:
    """Says of each mutant whether its tests killed it.

    Exit status 1 when one lives, 2 when tests fail without any.
    """
    chosen = [m for m in MUTANTS if not names or any(name in m.name for name in names)]
    for tests in sorted({mutant.tests for mutant in chosen}):
        with _copy() as backend:
            if not _pass(backend, tests):
                typer.echo(f"they fail without any mistake: {' '.join(tests)}")
                raise typer.Exit(2)
    alive = [mutant.name for mutant in chosen if not _killed(mutant)]
    typer.echo(f"{len(chosen) - len(alive)} of {len(chosen)} mutants are dead")
    raise typer.Exit(1 if alive or not chosen else 0)


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="worldfeed-mutant-") as directory:
        backend = Path(directory) / "platform" / "backend"
        shutil.copytree(BACKEND, backend, ignore=NOT_COPIED)
        yield backend


def _killed(mutant: Mutant) -> bool:
    began = time.monotonic()
    with _copy() as backend:
        file = backend / mutant.file
        file.write_text(patched(mutant, file.read_text()))
        killed = not _pass(backend, mutant.tests)
    verdict = "killed" if killed else "SURVIVED"
    typer.echo(f"{verdict:8} {time.monotonic() - began:4.0f} s  {mutant.name}: {mutant.why}")
    return killed


def _pass(backend: Path, tests: tuple[str, ...]) -> bool:
    """Whether they do. Raises RuntimeError when there are none, or pytest could not run them."""
    pytest = ["pytest", "-x", "-q", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", *pytest, *tests],
        cwd=backend,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # whatever the tests had started as well
    if process.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {process.returncode}\n{said}")
    return process.returncode == 0


if __name__ == "__main__":
    app()
