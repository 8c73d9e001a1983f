"""Any select, as a question that many may ask at the same time."""

from dataclasses import dataclass
from typing import Any

from psycopg.pq.abc import PGresult


@dataclass(frozen=True)
class Query:
    """A question whose answer are the values of its rows."""

    text: str
    zero: int = 0

    @property
    def statement(self) -> tuple[str, dict[str, Any]]:
        return self.text, {"zero": self.zero}

    def answer(self, result: PGresult) -> list[list[bytes | None]]:
        columns = range(result.nfields)
        return [[result.get_value(row, n) for n in columns] for row in range(result.ntuples)]
