"""Conditional reads: who has a page already is told so without its being read.

The entity tag of a page is the position of the live feed that the page shows. While the position
stands, so does every page. It is asked of the database together with the page, in one statement, so
an answer of 304 is as fresh as a page.
"""

import re
from collections.abc import Mapping

from fastapi import Request, Response

_TAG = re.compile('"([^"]*)"')
"""What stands between quotes; commas may, since a position may list transactions."""


class Tags:
    """Entity tags of one kind of page; `variant` changes when the same data looks different."""

    def __init__(self, variant: str) -> None:
        self._variant = variant

    def headers(self, position: str) -> dict[str, str]:
        """What every page carries, and its 304. Caches may keep it, and ask before they use it:
        items change with their sources, so no page is ever final.
        """
        return {"ETag": f'W/"{self._variant}:{position}"', "Cache-Control": "no-cache"}

    async def known(self, request: Request) -> str | None:
        """The position of the page that the client has; a dependency."""
        for name, value in request.scope["headers"]:
            if name == b"if-none-match":
                for tag in _TAG.findall(value.decode("latin-1")):
                    variant, _, position = tag.partition(":")
                    if variant == self._variant:
                        return str(position)
        return None


def not_modified(headers: Mapping[str, str]) -> Response:
    return Response(status_code=304, headers=dict(headers))
