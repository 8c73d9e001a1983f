"""The reader: the feed as pages for people, at the addresses that cards link to.

A page is read like any other page of the feed: one statement, in front of it one for the facts of
the record that the page is about.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.conditional import Tags, not_modified
from api.deps import OptionalHub
from api.html import HEADERS, HtmlRoute, html, takes_gzip
from api.paging import Asked, Pages, read_page
from core.errors import NotFound
from db.session import Database
from web import render
from web.assets import assets, version
from web.entities import ITEM, PATHS, STATEMENTS
from web.view import View

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)
tags = Tags(version())
Known = Annotated[str | None, Depends(tags.known)]
GET = ["GET", "HEAD"]


async def whole_feed(
    asked: Asked, hub: OptionalHub, cursor: Annotated[str | None, Query()] = None
) -> View:
    """What the query asks to see of the feed."""
    return View("/", asked.wanted, cursor=cursor, limit=asked.limit, live=hub is not None)


Looked = Annotated[View, Depends(whole_feed)]


@router.api_route("/", methods=GET)
async def feed(
    request: Request, database: Pages, asked: Asked, view: Looked, known: Known
) -> Response:
    """The feed, newest first, under any filter."""
    page = await read_page(replace(asked, known=known), database)
    headers = tags.headers(page.live_from)
    if page.live_from == known:
        return not_modified(HEADERS | headers)
    return html(request, render.feed(view, page), headers)


def entity_page(kind: str, path: str) -> Callable[..., Awaitable[Response]]:
    """The page of a record: its facts and its feed."""

    async def page(
        id: UUID, request: Request, database: Pages, asked: Asked, whole: Looked, known: Known
    ) -> Response:
        rows = await database.read(STATEMENTS[kind], {"id": id})
        if not rows:
            raise NotFound(f"No {kind} has this address.")
        position, facts = rows[0]
        # The facts are not all in the feed: they have a part in the tag.
        seen = f"{position}-{hashlib.sha256(facts).hexdigest()[:8]}"
        headers = tags.headers(seen)
        if seen == known:
            return not_modified(HEADERS | headers)
        view = replace(whole, path=f"/{path}/{id}", fixed=(f"{kind}_id", id))
        found = await read_page(replace(asked, wanted=view.filter), database)
        return html(request, render.entity(kind, orjson.loads(facts), view, found), headers)

    return page


for kind, path in PATHS.items():
    router.add_api_route(f"/{path}/{{id}}", entity_page(kind, path), methods=GET, name=kind)


@router.api_route("/item/{type}/{id}", methods=GET)
async def item(
    type: str, id: str, request: Request, database: Pages, hub: OptionalHub, known: Known
) -> Response:
    """One item alone."""
    rows = await database.read(ITEM, {"type": type, "id": id})
    if not rows:
        raise NotFound("This item is not in the feed, or no longer.")
    position, payload = rows[0]
    headers = tags.headers(position)
    if position == known:
        return not_modified(HEADERS | headers)
    return html(request, render.item(orjson.loads(payload), position if hub else None), headers)


@router.api_route("/proposal/{id}", methods=GET)
async def proposal(id: UUID, database: Pages) -> Response:
    """Where cards lead that speak of a proposal: to the item of its submission, or of a draft."""
    submitted, revised = ("proposal_submitted", str(id)), f"proposal-revised-{id}"
    return await _first(database, submitted, ("proposal_revised", revised))


@router.api_route("/aspect/{id}", methods=GET)
async def aspect(id: UUID, database: Pages) -> Response:
    """To the item of an aspect, which is another one once it has been approved."""
    approved, proposed = ("aspect_approved", str(id)), ("aspect_proposed", str(id))
    return await _first(database, approved, proposed, ("proposal_revised", f"aspect-revised-{id}"))


async def _first(database: Database, *identities: tuple[str, str]) -> Response:
    """To the first of these items that is in the feed."""
    for type, id in identities:
        if await database.read(ITEM, {"type": type, "id": id}):
            return RedirectResponse(f"/item/{type}/{id}")
    raise NotFound("This is not in the feed, or no longer.")


@router.api_route("/assets/{name}", methods=GET)
async def asset(name: str, request: Request) -> Response:
    """A static file. Its name says its content, so it may be kept for good; while servers of two
    versions run, one is asked for the other's and gives its own.
    """
    found = next((one for one in assets().values() if one.is_called(name)), None)
    if found is None:
        raise NotFound("No such file.")
    control = "public, max-age=31536000, immutable" if found.name == name else "no-cache"
    headers = {
        "Cache-Control": control,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    body = found.body
    if takes_gzip(request):
        body, headers["Content-Encoding"] = found.compressed, "gzip"
    return Response(body, headers=headers, media_type=found.media_type)
