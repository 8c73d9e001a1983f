"""`/feed.atom` and `/feed.json`: the feed, or a part of it, for feed readers."""

import hashlib
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.conditional import Tags, not_modified
from api.deps import AppSettings
from api.paging import Asked, Pages, read_page
from feed.page import Page
from web import atom, jsonfeed, render
from web.assets import version
from web.formats import Syndicated
from web.view import View

router = APIRouter(tags=["feed"])


@dataclass
class Syndication:
    """A request for a page of the feed in such a format."""

    request: Request
    database: Pages
    asked: Asked
    settings: AppSettings

    @property
    def base(self) -> str:
        """Where the server is seen from outside; links are absolute."""
        return (self.settings.public_url or str(self.request.base_url)).rstrip("/")

    async def read(self) -> tuple[Page | None, dict[str, str]]:
        """The page, or None where the client has it already; and the headers of the answer."""
        # The same items under another name of the server are another document.
        tags = Tags(f"{version()}-{hashlib.sha256(self.base.encode()).hexdigest()[:8]}")
        known = await tags.known(self.request)
        page = await read_page(replace(self.asked, known=known), self.database)
        headers = tags.headers(page.live_from) | {"Vary": "Host"}
        return None if page.live_from == known else page, headers

    def feed(self, path: str, page: Page) -> Syndicated:
        """The page, as the formats write it."""
        view = View(path, self.asked.wanted, limit=self.asked.limit)
        return Syndicated(
            base=self.base,
            id=atom.entry_id("feed", View("/", self.asked.wanted).url()),
            title=render.TITLE,
            url=self.base + view.url(cursor=self.request.query_params.get("cursor")),
            home=self.base + view.url("/"),
            next=self.base + view.url(cursor=page.next_cursor) if page.next_cursor else None,
            items=render.items_of(page),
        )


Wanted = Annotated[Syndication, Depends()]


@router.get("/feed.atom", response_class=Response)
@router.head("/feed.atom", include_in_schema=False)
async def feed_atom(wanted: Wanted) -> Response:
    """The newest items as Atom, removed ones as deleted entries; filters as for pages."""
    page, headers = await wanted.read()
    if page is None:
        return not_modified(headers)
    removed = await wanted.database.read(*atom.removed(wanted.asked.wanted))
    document = atom.document(wanted.feed("/feed.atom", page), removed)
    return Response(document, 200, headers, "application/atom+xml")


@router.get("/feed.json", response_class=Response)
@router.head("/feed.json", include_in_schema=False)
async def feed_json(wanted: Wanted) -> Response:
    """The newest items as JSON Feed; filters as for pages, and `next_url` for older ones."""
    page, headers = await wanted.read()
    if page is None:
        return not_modified(headers)
    document = jsonfeed.document(wanted.feed("/feed.json", page))
    return Response(document, 200, headers, "application/feed+json")
