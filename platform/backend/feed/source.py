"""Where items come from.

A source is a table of records, and the way from a record to its items. Everything that has to tell
what the feed should say goes through `derive`: refresh, backfill, verify and repair.

A record may yield an item or none (a draft); a source whose records share items (actions in a
conversation) derives the whole of what the given records are part of. `possible` is the other half:
every identity that these records may ever have had in the feed. What is possible and not derived
must not stand there.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Base
from feed.item import FeedItem, Identity
from feed.record import AnySelect, Reading, among, read

Position = list[str]
"""A place in the order of a source's records, as JSON: the texts of the columns that order them."""

Quotes = Mapping[type[Base], Sequence[InstrumentedAttribute[Any]]]

UUID_TEXT = "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"


class Derived(NamedTuple):
    """What the feed should hold for some records, and all that it may hold."""

    items: list[FeedItem]
    possible: set[Identity]


class Batch(NamedTuple):
    """Ids of records in their order, and where to go on; None at the end."""

    ids: list[UUID]
    next: Position | None


class ItemId:
    """How ids of items are spelled: `graduated-{}`. One of the uuids names the record: `record`."""

    def __init__(self, template: str = "{}", *, record: int = 0) -> None:
        self._template = template
        self._pattern = re.compile(re.escape(template).replace(r"\{\}", UUID_TEXT))
        self._record = record

    def __call__(self, *ids: UUID | str) -> str:
        return self._template.format(*ids)

    def record(self, item_id: str) -> UUID | None:
        """The record behind an item's id; None for an id that no record can have."""
        found = self._pattern.fullmatch(item_id)
        return UUID(found.group(self._record + 1)) if found else None


class Source(ABC):
    """Records of one table and their items.

    `order` are the columns by which records are gone through; together they are unique. `quotes`
    says which columns name the records whose names, pictures and states the items show.
    """

    def __init__(
        self,
        id: InstrumentedAttribute[UUID],
        *,
        order: Sequence[InstrumentedAttribute[Any]] = (),
        quotes: Quotes,
    ) -> None:
        self.id = id
        self.order = tuple(order) or (id,)
        self.quotes = quotes
        self.build: dict[str, Callable[..., FeedItem]] = {}
        """The entries that build its items, by type."""

    @property
    def name(self) -> str:
        """Which source it is, in positions that are kept and in reports."""
        table = str(self.id.class_.__tablename__).removeprefix("platform_")
        return f"{next(iter(self.build))}.{table}"

    # what the feed should say

    @abstractmethod
    async def derive(self, db: AsyncSession, ids: Collection[UUID]) -> Derived:
        """The items of these records, as the tables are now. Ids that do not exist are fine."""

    @abstractmethod
    async def possible(self, db: AsyncSession, ids: Collection[UUID]) -> set[Identity]:
        """Every identity that those of these records which exist may have in the feed."""

    @abstractmethod
    def record(self, event_type: str, item_id: str) -> UUID | None:
        """The record that an item of one of its types comes from; None for an impossible id."""

    # going through the records

    @abstractmethod
    def records(self) -> AnySelect:
        """All records, whether an item of theirs stands or not; nothing selected yet."""

    @abstractmethod
    def standing(self) -> AnySelect:
        """The records whose items may stand, joined with everything that `quotes` names."""

    @abstractmethod
    async def lock(self, db: AsyncSession, ids: Collection[UUID]) -> None:
        """Waits until nobody else writes items of these records, and keeps it so.

        Until the transaction ends. Locks of all sources and writers are taken in one order.
        """

    @abstractmethod
    async def lock_free(self, db: AsyncSession, ids: Collection[UUID]) -> list[UUID]:
        """The same for those of the records that nobody holds, without waiting; returns them."""

    async def count(self, db: AsyncSession) -> int:
        counted = self.records().with_only_columns(func.count(self.id))
        return await db.scalar(counted) or 0

    async def scan(self, db: AsyncSession, after: Position | None, limit: int) -> Batch:
        """The next records, whether an item of theirs stands or not."""
        return await self._page(db, self.records(), after, limit)

    async def quoting(
        self,
        db: AsyncSession,
        column: InstrumentedAttribute[Any],
        quoted: UUID,
        after: Position | None,
        limit: int,
    ) -> Batch:
        """The next records whose items name `quoted`, by one of the columns of `quotes`."""
        return await self._page(db, self.standing().where(column == quoted), after, limit)

    async def last_quoting(
        self, db: AsyncSession, column: InstrumentedAttribute[Any], quoted: UUID, limit: int
    ) -> Batch:
        """The last such records in their order; `next` is only whether there are more."""
        backwards = [ordering.desc() for ordering in self.order]
        query = self.standing().where(column == quoted).with_only_columns(*self.order)
        keys = (await db.execute(query.order_by(*backwards).limit(limit))).all()
        return Batch([key[-1] for key in keys], position(keys[-1]) if len(keys) == limit else None)

    async def showing(
        self,
        db: AsyncSession,
        column: InstrumentedAttribute[Any],
        quoted: UUID,
        ids: Collection[UUID],
    ) -> set[UUID]:
        """Those of these records whose items name `quoted`, by one of the columns of `quotes`."""
        query = self.standing().where(column == quoted, among(self.id, list(ids)))
        return set(await db.scalars(query.with_only_columns(self.id)))

    async def _page(
        self, db: AsyncSession, query: AnySelect, after: Position | None, limit: int
    ) -> Batch:
        keys = await self._keys(db, query, after, limit)
        return Batch([key[-1] for key in keys], position(keys[-1]) if len(keys) == limit else None)

    async def _keys(
        self, db: AsyncSession, query: AnySelect, after: Position | None, limit: int
    ) -> Sequence[Sequence[Any]]:
        if after is not None:
            query = query.where(tuple_(*self.order) > tuple_(*self._values(after)))
        query = query.with_only_columns(*self.order).order_by(*self.order).limit(limit)
        return await read(db, query)

    def _values(self, after: Position) -> list[Any]:
        read: dict[type, Callable[[str], Any]] = {UUID: UUID, datetime: datetime.fromisoformat}
        return [
            read[column.type.python_type](text)
            for column, text in zip(self.order, after, strict=True)
        ]


def position(key: Iterable[Any]) -> Position:
    """Values of the ordering columns as JSON."""
    return [value.isoformat() if isinstance(value, datetime) else str(value) for value in key]


class Records(Source):
    """Records of which each has items of its own.

    `history` selects, for every record whose item stands, the arguments of the builder.

    Where one record yields any number of items, `expand` turns the arguments into those of every
    item, and `identities` selects the uuids of `item_id` for all items that it may have.
    """

    def __init__(
        self,
        id: InstrumentedAttribute[UUID],
        history: AnySelect,
        *,
        item_id: ItemId | None = None,
        quotes: Quotes,
        expand: Callable[..., Iterable[Sequence[Any]]] | None = None,
        identities: AnySelect | None = None,
    ) -> None:
        super().__init__(id, quotes=quotes)
        self.history = history
        self._reading = Reading(history)
        self.item_id = item_id or ItemId()
        self.expand = expand
        self.identities = select(id) if identities is None else identities

    async def derive(self, db: AsyncSession, ids: Collection[UUID]) -> Derived:
        rows: Iterable[Sequence[Any]] = await self._reading.of(db, self.id, ids)
        if self.expand:
            rows = [arguments for row in rows for arguments in self.expand(*row)]
            possible = await self.possible(db, ids)
        else:
            possible = {self._identity(record) for record in ids}
        [build] = self.build.values()
        return Derived([build(*row) for row in rows], possible)

    async def possible(self, db: AsyncSession, ids: Collection[UUID]) -> set[Identity]:
        rows = await read(db, self.identities.where(among(self.id, list(ids))))
        return {self._identity(*row) for row in rows}

    def record(self, event_type: str, item_id: str) -> UUID | None:
        return self.item_id.record(item_id)

    def records(self) -> AnySelect:
        return select(self.id)

    def standing(self) -> AnySelect:
        return self.history

    async def lock(self, db: AsyncSession, ids: Collection[UUID]) -> None:
        query = select(self.id).where(among(self.id, list(ids))).order_by(self.id)
        await db.execute(query.with_for_update(key_share=True))

    async def lock_free(self, db: AsyncSession, ids: Collection[UUID]) -> list[UUID]:
        query = select(self.id).where(among(self.id, list(ids))).order_by(self.id)
        return list(await db.scalars(query.with_for_update(key_share=True, skip_locked=True)))

    def _identity(self, *ids: UUID) -> Identity:
        [event_type] = self.build
        return event_type, self.item_id(*ids)
