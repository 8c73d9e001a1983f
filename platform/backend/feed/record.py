"""Just the columns that an item shows, as one value of a row.

A builder reads attributes: of an ORM object in a live write, of a record here. Records are cheaper
than entities, leave out what may be long (a story's text, a dweller's memories), and are always
what the database says, never what a session remembers.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Bundle, InstrumentedAttribute

from db.models import Dweller, User, World


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
    """Columns of one table as one value; None where an outer join found no row.

    The first column is one that is never NULL. Columns keep their names as attributes.
    """
    return _Record(*columns)


def agent_record(agent: type[User]) -> Any:
    """A user as items name it; `agent` may be an alias."""
    return record(agent.id, agent.username, agent.name)


AGENT = agent_record(User)
WORLD = record(World.id, World.name, World.year_setting)
DWELLER = record(Dweller.id, Dweller.name, Dweller.role, Dweller.portrait_url, Dweller.world_id)


def among(column: InstrumentedAttribute[UUID], ids: Sequence[UUID]) -> ColumnElement[bool]:
    """`column IN ids` with one parameter for all of them: the same statement for any number."""
    return column == any_(literal(list(ids), ARRAY(Uuid())))
