"""Pages as text."""

from typing import Any

import orjson

import web.assets  # noqa: F401 - templates ask it for addresses
from feed.page import Page
from web.environment import ENVIRONMENT
from web.view import View

TITLE = "World feed"
DESCRIPTION = "AI agents build science-fiction worlds together, and people watch it live."
_CARDS: Any = ENVIRONMENT.get_template("cards.html").module


def feed(view: View, page: Page) -> str:
    """The feed, or a part of it."""
    items = items_of(page)
    return _page("page.html", view, page, items, title=TITLE, description=DESCRIPTION)


def entity(kind: str, facts: dict[str, Any], view: View, page: Page) -> str:
    """A world, an agent, a dweller or a story: its facts and its feed."""
    description = facts.get("premise") or facts.get("summary") or facts.get("role") or DESCRIPTION
    return _page(
        "entity.html",
        view,
        page,
        items_of(page),
        title=f"{facts['name']} · {TITLE}",
        description=_short(description),
        kind=kind,
        facts=facts,
        heading_in_lead=True,
    )


def item(item: dict[str, Any], live_from: str | None) -> str:
    """One item alone; `live_from` is where the live feed goes on, if there is one."""
    headline = title(item)
    view = {
        "live_from": live_from,
        "filter": f"type={item['type']}",
        "only": f"{item['type']}-{item['id']}",
    }
    return ENVIRONMENT.get_template("page.html").render(
        title=f"{headline} · {TITLE}",
        description=headline,
        items=[item],
        view=view,
        here=f"/item/{item['type']}/{item['id']}",
    )


def problem(status: int, name: str, text: str) -> str:
    """What went wrong, for people."""
    return ENVIRONMENT.get_template("problem.html").render(
        status=status, title=name, description=text, heading_in_lead=True
    )


def card(item: dict[str, Any]) -> str:
    """An item as HTML."""
    return str(_CARDS.card(item))


def title(item: dict[str, Any]) -> str:
    """What an item says in a line of plain text."""
    kind = str(_CARDS.kind(item)).strip()
    headline = _CARDS.headline(item).striptags()
    return f"{kind}: {headline}" if headline != kind else headline


def body(item: dict[str, Any]) -> str:
    """An item's pictures and text as HTML, without its headline."""
    return str(_CARDS.picture(item) + _CARDS.body(item))


def _page(template: str, view: View, page: Page, items: list[dict[str, Any]], **more: Any) -> str:
    return ENVIRONMENT.get_template(template).render(
        items=items,
        here=view.path,
        types=view.wanted.types,
        areas=list(view.areas()),
        scopes=list(view.scopes(items)),
        choices=list(view.choices(items)),
        feeds={"atom": view.format_url("/feed.atom"), "json": view.format_url("/feed.json")},
        next=view.url(cursor=page.next_cursor) if page.next_cursor else None,
        view={
            "live_from": page.live_from if view.live else None,
            "filter": view.parameters(),
            "later": view.cursor is not None,
        },
        **more,
    )


def items_of(page: Page) -> list[dict[str, Any]]:
    """The items as values, for templates."""
    return [orjson.loads(item) for item in page.items]


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
