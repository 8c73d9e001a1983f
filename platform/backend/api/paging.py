"""Which page of the feed a request asks for, and the page: the same for every format."""

from typing import Annotated

from fastapi import Depends, Query

from api.deps import Wanted, get_database
from core.errors import Invalid
from db.session import Database
from feed.page import PAGE_SIZE, Cursor, Page, Selection


# async although it awaits nothing: FastAPI would run it in a thread, which costs more than it does.
async def selection(
    wanted: Wanted,
    limit: Annotated[int, Query(ge=1, le=50)] = PAGE_SIZE,
    cursor: Annotated[str | None, Query(description="next_cursor of the page before")] = None,
) -> Selection:
    return Selection(limit, _cursor(cursor), wanted)


def _cursor(text: str | None) -> Cursor | None:
    try:
        return None if text is None else Cursor.parse(text)
    except ValueError as error:
        raise Invalid(
            "query -> cursor",
            f"Not a cursor: {error}",
            text,
            "Send the next_cursor of a page unchanged, or a time such as 2026-01-02T03:04:05Z.",
        ) from error


Asked = Annotated[Selection, Depends(selection)]
Pages = Annotated[Database, Depends(get_database)]


async def read_page(asked: Asked, database: Pages) -> Page:
    """One statement, one round trip, which starts after the request came; those who ask for the
    same page at the same time share it. 503 when too many wait, or the database does not answer.
    """
    return await database.read_shared(asked)


ReadPage = Annotated[Page, Depends(read_page)]
