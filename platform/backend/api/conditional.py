"""Conditional reads: who has a page already is told so without its being read.

The entity tag of a page is the position of the live feed that the page shows. While the position
stands, so does every page. It is asked of the database together with the page, in one statement, so
an answer of 304 is as fresh as a page.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from fastapi import Request, Response

from feed.page import Selection

SETTLES_AFTER = timedelta(days=7)


class Tags:
    """Entity tags of one kind of page; `variant` changes when the same data looks different."""

    def __init__(self, variant: str) -> None:
        self._start = f'W/"{variant}:'

    def headers(self, position: str, settled: bool = False) -> dict[str, str]:
        """What every page carries, and its 304. Caches may keep it, and ask before they use it; a
        settled one they use for an hour without.
        """
        control = "public, max-age=3600" if settled else "no-cache"
        return {"ETag": f'{self._start}{position}"', "Cache-Control": control}

    async def known(self, request: Request) -> str | None:
        """The position of the page that the client has; a dependency."""
        for tag in request.headers.get("if-none-match", "").split(","):
            if (tag := tag.strip()).startswith(self._start):
                return tag[len(self._start) :].removesuffix('"')
        return None


def not_modified(headers: Mapping[str, str]) -> Response:
    return Response(status_code=304, headers=dict(headers))


def settled(asked: Selection) -> bool:
    """Whether the page is one of the past, which hardly changes any more: a count, a name."""
    return bool(asked.cursor and asked.cursor.created_at < datetime.now(UTC) - SETTLES_AFTER)
