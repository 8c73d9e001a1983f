"""What the processes of a campaign write down: JSON, a line each, so that nothing is half told."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import orjson

from bench.live.items import Key
from bench.live.truth import Message, Page, Session, Transaction, Wanted


class Notes:
    """A file of lines. A written line survives the process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, note: Any) -> None:
        self._file.write(orjson.dumps(note) + b"\n")

    def flush(self) -> None:
        self._file.flush()


def transactions(directory: Path) -> list[Transaction]:
    """What all writers noted."""
    return [
        Transaction(*orjson.loads(line))
        for path in sorted(directory.glob("writer-*.notes"))
        for line in path.read_bytes().splitlines()
    ]


def counts(directory: Path) -> dict[str, int]:
    """What the readers counted, summed up."""
    total: dict[str, int] = {}
    for path in sorted(directory.glob("reader-*.notes")):
        with path.open("rb") as lines:
            for line in lines:
                if line.startswith(b'{"counts"'):
                    for name, count in orjson.loads(line)["counts"].items():
                        total[name] = total.get(name, 0) + count
    return total


class Sessions:
    """What all readers noted; each time read anew."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __iter__(self) -> Iterator[Session]:
        for path in sorted(self._directory.glob("reader-*.notes")):
            yield from _sessions(path)


def session_begins(wanted: Wanted, start: int, page: Page | None) -> Any:
    return {"begin": [*wanted], "start": start, "page": page and [*page]}


def session_ends(end: int) -> Any:
    return {"end": end}


def complaint(text: str) -> Any:
    return {"complaint": text}


def message(told: Message) -> Any:
    return [told.seq, told.event, *told.key, told.tag, told.imported, told.connection]


def _sessions(path: Path) -> Iterator[Session]:
    session: Session | None = None
    stray: list[str] = []
    with path.open("rb") as lines:
        for line in lines:
            note = orjson.loads(line)
            if isinstance(note, list):
                seq, event, kind, item, tag, imported, connection = note
                told = Message(seq, event, Key(kind, item), tag, imported, connection)
                assert session is not None, "a message outside of a session"
                session.messages.append(told)
            elif "begin" in note:
                page = Page(*note["page"]) if note["page"] else None
                kind, *links = note["begin"]
                wanted = Wanted(kind, *(link and UUID(link) for link in links))
                session = Session(path.stem, wanted, note["start"], -1, [], page, stray)
                stray = []
            elif "end" in note:
                assert session is not None, "an end without a beginning"
                yield session._replace(end=note["end"])
                session = None
            elif "complaint" in note:
                (session.complaints if session else stray).append(note["complaint"])
    if session:
        session.complaints.append("it never came to its end")
        yield session
    elif stray:
        yield Session(path.stem, Wanted(), 0, 0, [], None, stray)
