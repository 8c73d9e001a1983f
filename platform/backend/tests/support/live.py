"""The live feed as a client gets it, from a real server, and changes made by hand."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx2
import psycopg
from psycopg.types.json import Jsonb

from tests.support.rows import UNLINK

Connection = psycopg.Connection[tuple[Any, ...]]
SECONDS = 10.0
"""What a message may take before the test fails."""


class Told(NamedTuple):
    """One block of the stream."""

    event: str | None
    id: str | None
    data: Any
    retry: int | None = None

    @property
    def item(self) -> str:
        """The id of the item that it is about."""
        return str(self.data["item"]["id"] if "item" in self.data else self.data["id"])

    @property
    def seq(self) -> int:
        assert self.id
        return int(self.id.split(".")[1])

    @property
    def kind(self) -> tuple[str | None, str]:
        return self.event, self.item


class Stream:
    """An open stream; blocks are read one at a time, and only when asked for."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.hello = self.block()
        assert self.hello.event == "hello"
        self.last = self.hello.id

    def block(self) -> Told:
        """The next block, comments and blocks without an event included."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                break
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            raise EOFError
        data = json.loads(fields["data"]) if "data" in fields else None
        retry = int(fields["retry"]) if "retry" in fields else None
        return Told(fields.get("event"), fields.get("id"), data, retry)

    def next(self) -> Told:
        """The next message, which must follow on the one before."""
        while (told := self.block()).event is None:
            pass
        if told.data and "prev" in told.data:
            assert told.data["prev"] == self.last
        self.last = told.id or self.last
        return told

    def take(self, count: int) -> list[Told]:
        return [self.next() for _ in range(count)]

    def rest(self) -> list[Told]:
        """Everything to the end of the stream."""
        blocks = []
        while True:
            try:
                blocks.append(self.next())
            except EOFError:
                return blocks


@contextmanager
def stream(url: str, *, last: str | None = None, **query: Any) -> Iterator[Stream]:
    """Opens the live feed; `last` is sent as Last-Event-ID."""
    headers = {"Last-Event-ID": last} if last else {}
    with httpx2.stream(
        "GET", f"{url}/api/feed/live", params=query, headers=headers, timeout=SECONDS
    ) as response:
        assert response.status_code == 200, response.read()
        yield Stream(response)


def changes(url: str, **query: Any) -> dict[str, Any]:
    """One long poll."""
    response = httpx2.get(f"{url}/api/feed/changes", params=query, timeout=SECONDS + 30)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def live_from(url: str) -> str:
    return str(httpx2.get(f"{url}/api/feed").json()["live_from"])


def health(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{url}/health").json()["live"]
    return found


@contextmanager
def by_hand(database_url: str) -> Iterator[Connection]:
    """A connection whose changes no server knows of, to a feed without foreign keys."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(UNLINK)
        yield connection


def add(db: Connection, *names: str, **columns: Any) -> None:
    """Adds items with these ids; `columns` are the same for all."""
    columns = {"event_type": "agent_registered"} | columns
    payload = columns.pop("payload", {})
    for name in names:
        row = {"payload": Jsonb({"id": name, "type": columns["event_type"]} | payload)} | columns
        places = ", ".join(f"%({column})s" for column in row)
        db.execute(f"INSERT INTO platform_feed_events ({', '.join(row)}) VALUES ({places})", row)


def touch(db: Connection, name: str, **payload: Any) -> None:
    """Changes an item where it stands."""
    db.execute(
        "UPDATE platform_feed_events SET payload = payload || %s WHERE payload ->> 'id' = %s",
        (Jsonb(payload), name),
    )


def drop(db: Connection, name: str) -> None:
    db.execute("DELETE FROM platform_feed_events WHERE payload ->> 'id' = %s", (name,))


def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Waits for something to be true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found
