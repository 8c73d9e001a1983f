"""Whether the feed says what the tables say. Reads only.

Two looks, in batches. From the records: every item that should stand is there (`missing`) and the
same to the byte (`stale`), and what should not stand is not (`extra`). From the feed: every row is
one that some record can have (`orphaned`).

Each batch is seen in one snapshot. Writers change a record and its items in one transaction, so a
write in flight is in the snapshot as a whole or not at all, and is never taken for drift. Items
that have yet to follow a new name (FeedRefresh) are `pending`.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedEvent, FeedRefresh
from db.session import Database
from feed.catalogue import CATALOGUE, SOURCES
from feed.item import Identity
from feed.lanes import LANES, in_lanes
from feed.record import read
from feed.row import Row, Underivable, finish_all
from feed.source import Position, Source

BATCH = 1000
"""Records, or rows, that are looked at in one snapshot."""

DRIFT = ("missing", "stale", "extra", "orphaned")


class Finding(NamedTuple):
    """One item that is not as it should be. `keys` are where a stale one differs."""

    kind: str
    event_type: str
    item_id: str | None
    row_id: UUID
    record_id: UUID | None = None
    keys: tuple[str, ...] = ()


@dataclass
class Checked:
    """What one batch brought. `source` is None for a batch of the feed's own rows."""

    source: Source | None
    seen: int
    """Records, or rows, that were looked at."""
    next: Position | None
    items: Counter[str] = field(default_factory=Counter)
    """Items that should stand, by type."""
    findings: list[Finding] = field(default_factory=list)
    underivable: list[Underivable] = field(default_factory=list)


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncSession]:
    """A session that sees one moment and cannot write."""
    async with database.session() as db:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        await db.connection(execution_options=options)
        yield db


def check(
    database: Database, types: Collection[str] = (), *, batch: int = BATCH, lanes: int = LANES
) -> AsyncGenerator[Checked]:
    """Checks everything, or the items of some types: from the feed, and from the records.

    In one lane the feed comes first, and nothing is read ahead: so a repair that follows along
    frees an identity before it is needed.
    """
    looks = (_look(database, source, types, batch) for source in (None, *sources_of(types)))
    return in_lanes(looks, lanes)


async def _look(
    database: Database, source: Source | None, types: Collection[str], batch: int
) -> AsyncIterator[Checked]:
    after: Position | None = None
    while True:
        checked = await check_batch(database, source, after, batch, types)
        yield checked
        if (after := checked.next) is None:
            break


def sources_of(types: Collection[str]) -> list[Source]:
    """The sources of items of these types, or all of them."""
    return [
        source
        for source in SOURCES.values()
        if not types or not source.build.keys().isdisjoint(types)
    ]


async def check_batch(
    database: Database,
    source: Source | None,
    after: Position | None,
    limit: int,
    types: Collection[str] = (),
) -> Checked:
    """Checks the records of a source after a position, or, without a source, rows of the feed."""
    async with snapshot(database) as db:
        if source is None:
            return await _check_rows(db, after, limit, types)
        return await _check_records(db, source, after, limit, types)


# ── from the records ─────────────────────────────────────────────────────────────────────────────


async def _check_records(
    db: AsyncSession, source: Source, after: Position | None, limit: int, types: Collection[str]
) -> Checked:
    batch = await source.scan(db, after, limit)
    derived = await source.derive(db, batch.ids)
    rows, underivable = finish_all(derived.items)
    expected = {row.identity: row for row in rows if not types or row.event_type in types}
    possible = {identity for identity in derived.possible if not types or identity[0] in types}
    checked = Checked(source, len(batch.ids), batch.next)
    checked.items.update(row.event_type for row in expected.values())
    checked.underivable = underivable
    stored = await _stored(db, possible | expected.keys())
    findings = list(_compare(source, expected, stored))
    checked.findings = await _set_pending_apart(db, source, findings)
    return checked


class Stored(NamedTuple):
    row: Row
    json: bytes


def _compare(
    source: Source, expected: dict[Identity, Row], stored: dict[Identity, Stored]
) -> Iterator[Finding]:
    for identity, row in expected.items():
        if (found := stored.get(identity)) is None:
            yield Finding("missing", *identity, row.id, source.record(*identity))
        elif not _same(row, found):
            keys = _differences(row, found)
            yield Finding("stale", *identity, found.row.id, source.record(*identity), keys)
    for identity in stored.keys() - expected.keys():
        yield Finding("extra", *identity, stored[identity].row.id, source.record(*identity))


def _same(row: Row, stored: Stored) -> bool:
    """Payloads are compared as JSON, where 1 is not true."""
    place = Row._fields.index("payload")
    return (
        row[:place] == stored.row[:place]
        and row[place + 1 :] == stored.row[place + 1 :]
        and _canonical(row.payload) == stored.json
    )


def _differences(row: Row, stored: Stored) -> tuple[str, ...]:
    """Names of columns, and paths into the payload."""
    columns = [
        name
        for name in Row._fields
        if name != "payload" and getattr(row, name) != getattr(stored.row, name)
    ]
    if stored.json != _canonical(row.payload):
        columns += sorted(set(_paths(row.payload, stored.row.payload)))
    return tuple(columns)


def _paths(ours: Any, theirs: Any, path: str = "payload") -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() | theirs.keys():
            inner = f"{path}.{key}"
            if (key in ours) != (key in theirs):
                yield inner
            else:
                yield from _paths(ours[key], theirs[key], inner)
    elif _canonical(ours) != _canonical(theirs):
        yield path


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


async def _stored(db: AsyncSession, identities: Iterable[Identity]) -> dict[Identity, Stored]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for event_type, item_id in identities:
        wanted[event_type].append(item_id)
    if not wanted:
        return {}
    # As JSON: psycopg writes an array item by item, which takes far longer.
    found = await read(db, _STORED, {"wanted": orjson.dumps(wanted).decode()})
    rows = [Row._make(columns) for columns in found]
    return {row.identity: Stored(row, _canonical(row.payload)) for row in rows}


async def stored_identities(db: AsyncSession, identities: Iterable[Identity]) -> set[Identity]:
    """Those of these identities that the feed has."""
    return set(await _stored(db, identities))


_STORED = text(
    """
    SELECT stored.id, stored.event_type, stored.created_at, stored.payload,
           stored.world_id, stored.agent_id, stored.dweller_id, stored.story_id
    FROM jsonb_each(CAST(:wanted AS jsonb)) AS wanted (event_type, ids),
    jsonb_array_elements_text(wanted.ids) AS item (id),
    LATERAL (
        SELECT * FROM platform_feed_events
        WHERE event_type = wanted.event_type AND payload ->> 'id' = item.id OFFSET 0
    ) AS stored
    """
)


async def _set_pending_apart(
    db: AsyncSession, source: Source, findings: list[Finding]
) -> list[Finding]:
    """Stale items that show something whose change has yet to reach them are no drift."""
    stale = {f.record_id for f in findings if f.kind == "stale" and f.record_id}
    if not stale:
        return findings
    pending: set[UUID] = set()
    for task in await db.scalars(select(FeedRefresh)):
        for column in source.quotes.get(task.table, ()):
            pending |= await source.showing(db, column, task.record_id, stale)
    return [
        finding._replace(kind="pending")
        if finding.kind == "stale" and finding.record_id in pending
        else finding
        for finding in findings
    ]


# ── from the feed ────────────────────────────────────────────────────────────────────────────────


async def _check_rows(
    db: AsyncSession, after: Position | None, limit: int, types: Collection[str]
) -> Checked:
    item_id = FeedEvent.payload["id"].as_string()
    query = select(FeedEvent.id, FeedEvent.event_type, item_id).order_by(FeedEvent.id).limit(limit)
    if after is not None:
        query = query.where(FeedEvent.id > UUID(after[0]))
    if types:
        query = query.where(FeedEvent.event_type.in_(list(types)))
    rows = await read(db, query)
    checked = Checked(None, len(rows), [str(rows[-1][0])] if len(rows) == limit else None)
    possible = await _possible(db, rows)
    checked.findings = [
        Finding("orphaned", event_type, item_id, row_id)
        for row_id, event_type, item_id in rows
        if (event_type, item_id) not in possible
    ]
    return checked


async def _possible(db: AsyncSession, rows: Sequence[Any]) -> set[Identity]:
    """Of the identities of these rows, and more: those that some record can have."""
    records: dict[Source, set[UUID]] = defaultdict(set)
    for _, event_type, item_id in rows:
        entry = CATALOGUE.get(event_type)
        for source in entry.sources if entry and item_id is not None else ():
            if record := source.record(event_type, item_id):
                records[source].add(record)
    possible: set[Identity] = set()
    for source, ids in records.items():
        possible |= await source.possible(db, ids)
    return possible


# ── reports ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Report:
    """Totals of a run, and the first findings one by one."""

    items: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By kind, then by type."""
    examples: list[Finding] = field(default_factory=list)
    underivable: list[Underivable] = field(default_factory=list)

    EXAMPLES = 100

    def add(self, checked: Checked) -> None:
        self.items += checked.items
        for finding in checked.findings:
            self.counts[finding.kind][finding.event_type] += 1
        self.examples += checked.findings[: self.EXAMPLES - len(self.examples)]
        for fault in checked.underivable:
            self.counts["underivable"][fault.event_type] += 1
        self.underivable += checked.underivable[: self.EXAMPLES - len(self.underivable)]

    def count(self, kind: str, event_type: str) -> int:
        return self.counts[kind][event_type] if kind in self.counts else 0

    def total(self, kind: str) -> int:
        return self.counts[kind].total() if kind in self.counts else 0

    @property
    def drift(self) -> int:
        return sum(map(self.total, DRIFT))
