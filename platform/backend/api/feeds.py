"""`/feed.atom` and `/feed.json`: the feed, or a part of it, for feed readers."""

from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from api.conditional import Tags, not_modified, settled
from api.deps import AppSettings, get_database
from api.paging import Asked
from core.settings import Settings
from db.session import Database
from feed.page import Page, Selection
from web import atom, jsonfeed, render
from web.assets import version
from web.formats import Syndicated
from web.view import View

router = APIRouter(tags=["feed"])
tags = Tags(version())
Pages = Annotated[Database, Depends(get_database)]
Known = Annotated[str | None, Depends(tags.known)]


@router.get("/feed.atom", response_class=Response)
async def feed_atom(
    request: Request, database: Pages, asked: Asked, known: Known, settings: AppSettings
) -> Response:
    """The newest items as Atom, removed ones as deleted entries; filters as for pages."""
    page = await _read(database, asked, known)
    headers = tags.headers(page.live_from, settled(asked))
    if page.live_from == known:
        return not_modified(headers)
    removed = await database.read(*atom.removed(asked.wanted))
    feed = _syndicated("/feed.atom", request, settings, asked, page)
    return Response(atom.document(feed, removed), 200, headers, "application/atom+xml")


@router.get("/feed.json", response_class=Response)
async def feed_json(
    request: Request, database: Pages, asked: Asked, known: Known, settings: AppSettings
) -> Response:
    """The newest items as JSON Feed; filters as for pages, and `next_url` for older ones."""
    page = await _read(database, asked, known)
    headers = tags.headers(page.live_from, settled(asked))
    if page.live_from == known:
        return not_modified(headers)
    feed = _syndicated("/feed.json", request, settings, asked, page)
    return Response(jsonfeed.document(feed), 200, headers, "application/feed+json")


async def _read(database: Database, asked: Selection, known: str | None) -> Page:
    return Page.of(
        await database.read_shared(*replace(asked, known=known).statement()), asked.limit
    )


def _syndicated(
    path: str, request: Request, settings: Settings, asked: Selection, page: Page
) -> Syndicated:
    base = (settings.public_url or str(request.base_url)).rstrip("/")
    view = View(path, asked.wanted)
    return Syndicated(
        base=base,
        id=atom.entry_id("feed", view.url("/")),
        title=render.TITLE,
        url=base + view.url(cursor=request.query_params.get("cursor")),
        home=base + view.url("/"),
        next=base + view.url(cursor=page.next_cursor) if page.next_cursor else None,
        items=[orjson.loads(item) for item in page.items],
    )
