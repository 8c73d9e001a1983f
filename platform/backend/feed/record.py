"""Just the columns that an item shows, as one value of a row.

A builder reads attributes: of an ORM object in a live write, of a record here. Records are cheaper
than entities, leave out what may be long (a story's text, a dweller's memories), and are always
what the database says, never what a session remembers.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, Select, TypeDecorator, Uuid, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Bundle, InstrumentedAttribute

from db.models import Dweller, User, World

AnySelect = Select[*tuple[Any, ...]]


class _Record(Bundle[Any]):
    inherit_cache = True

    def __init__(self, *columns: Any) -> None:
        super().__init__("record", *columns, single_entity=True)
        fields: Any = namedtuple("Record", [column.key for column in columns])  # type: ignore[misc]  # known at run time only
        self.make = fields._make

    def create_row_processor(
        self, query: Any, procs: Sequence[Callable[[Any], Any]], labels: Sequence[str]
    ) -> Callable[[Any], Any]:
        make = self.make

        def process(row: Any) -> Any:
            values = [read(row) for read in procs]
            return None if values[0] is None else make(values)

        return process


def record(*columns: Any) -> Any:
    """Columns of one table, and what is computed from its row, as one value.

    None where an outer join found no row. The first column is one that is never NULL. Columns keep
    their names as attributes.
    """
    return _Record(*columns)


def agent_record(agent: type[User]) -> Any:
    """A user as items name it; `agent` may be an alias."""
    return record(agent.id, agent.username, agent.name)


AGENT = agent_record(User)
WORLD = record(World.id, World.name, World.year_setting)
DWELLER = record(Dweller.id, Dweller.name, Dweller.role, Dweller.portrait_url, Dweller.world_id)


class Reading:
    """Reads the rows of a select of records and plain columns: tuples of records and values.

    As the session would, without its work on every value, which costs as much as the database does.
    """

    def __init__(self, query: AnySelect) -> None:
        described = query.column_descriptions
        assert not any(one["expr"] is one["entity"] for one in described), "records, not entities"
        columns: list[Any] = []
        self._parts: list[tuple[int, int, Callable[[Sequence[Any]], Any] | None]] = []
        for description in described:
            part = description["expr"]
            own = part.exprs if isinstance(part, _Record) else [part]
            make = part.make if isinstance(part, _Record) else None
            self._parts.append((len(columns), len(columns) + len(own), make))
            columns += own
        self._query = query.with_only_columns(*columns)

    async def of(
        self, db: AsyncSession, id: InstrumentedAttribute[UUID], ids: Collection[UUID]
    ) -> list[tuple[Any, ...]]:
        """The rows of these ids. Does not flush."""
        query = self._query.where(among(id, list(ids)))
        return list(map(self._row, await read(db, query)))

    def _row(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            [
                row[start] if make is None or row[start] is None else make(row[start:end])
                for start, end, make in self._parts
            ]
        )


async def read(
    db: AsyncSession, query: Executable, params: Mapping[str, Any] | None = None
) -> Sequence[Any]:
    """The rows of a select of columns, in the transaction of the session. Does not flush."""
    connection = await db.connection()
    return (await connection.execute(query, params)).all()


def array(ids: Iterable[UUID]) -> str:
    """Any number of uuids as one parameter, in PostgreSQL's spelling of an array.

    psycopg would write it uuid by uuid, which takes five times as long.
    """
    return f"{{{','.join([id.hex for id in ids])}}}"


class _Array(TypeDecorator[Sequence[UUID]]):
    impl = ARRAY(Uuid())
    cache_ok = True

    def bind_processor(self, dialect: object) -> Callable[[Any], str]:
        return array


def among(column: InstrumentedAttribute[UUID], ids: Sequence[UUID]) -> ColumnElement[bool]:
    """`column IN ids` with one parameter for all of them: the same statement for any number."""
    return column == any_(literal(ids, _Array()))
