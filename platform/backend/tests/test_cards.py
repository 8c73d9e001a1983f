"""A card is the same HTML whichever side renders it, and templates say only what both can."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from feed.item_type import EventType
from tests.support.items import HOSTILE, ORDINARY, Item, corpus
from web import render
from web.assets import STATIC
from web.environment import ENVIRONMENT, TEMPLATES
from web.javascript import translate
from web.words import FILTERS

EACH = 30
ITEMS = list(corpus(ORDINARY + HOSTILE, EACH))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A blank page with what the reader's module begins with."""
    page = browser.new_page()
    cards = translate(ENVIRONMENT, (TEMPLATES / "cards.html").read_text())
    page.add_script_tag(content=(STATIC / "words.js").read_text() + cards)
    yield page
    page.close()


def test_both_sides_render_the_same(page: Page) -> None:
    theirs = page.evaluate("items => items.map(card)", ITEMS)
    for item, html in zip(ITEMS, theirs, strict=True):
        assert render.card(item) == html


def test_the_items_differ_in_everything_that_may_differ() -> None:
    """Or the test above would prove little."""
    assert {item["type"] for item in ITEMS} == {kind.value for kind in EventType}
    seen: dict[str, set[str]] = {}
    for item in ITEMS:
        for path, value in _paths(item, item["type"]):
            seen.setdefault(path, set()).add(value)
    for path in (
        "story_created.perspective_dweller",
        "dweller_action.dweller",
        "conversation.world",
    ):
        assert {"null", "there"} <= seen[path]
    nullable = [path for path, values in seen.items() if "null" in values]
    assert len(nullable) > 30
    assert all(seen[path] > {"null"} for path in nullable)
    assert seen["aspect_approved.timeline_entry"]
    approved = [item for item in ITEMS if item["type"] == "aspect_approved"]
    assert 0 < sum("timeline_entry" in item for item in approved) < len(approved)


def _paths(value: Any, path: str) -> Iterator[tuple[str, str]]:
    yield path, "null" if value is None else "there"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, path)


def test_a_type_that_nobody_knows_yet_is_a_card(page: Page) -> None:
    item: Item = {"type": "moon_landed", "id": "1", "created_at": "2026-01-02T03:04:05+00:00"}
    item["sort_date"] = item["created_at"]
    assert page.evaluate("card", item) == render.card(item)
    assert "moon landed" in render.card(item)


def test_both_sides_have_the_same_filters(page: Page) -> None:
    assert set(page.evaluate("Object.keys(filters)")) == {*FILTERS, "escape", "length"}


@pytest.mark.parametrize(
    "template",
    [
        "{% macro a(x=1) %}{{ x }}{% endmacro %}",
        "{% macro a(x) %}{% for one in x if one %}{{ one }}{% endfor %}{% endmacro %}",
        "{% macro a(x) %}{% for one in x %}{% else %}none{% endfor %}{% endmacro %}",
        "{% macro a(x) %}{% for one, two in x %}{{ one }}{% endfor %}{% endmacro %}",
        "{% macro a(x) %}{% for one in x %}{{ loop.index }}{% endfor %}{% endmacro %}",
        "{% macro a(x) %}{% include 'page.html' %}{% endmacro %}",
        "{% macro a(x) %}{% set one, two = x %}{% endmacro %}",
        "{% macro a(x) %}{% set one %}{{ x }}{% endset %}{% endmacro %}",
        "{% macro a(x) %}{% call b() %}{% endcall %}{% endmacro %}",
        "{% macro a(x) %}{{ x[0] }}{% endmacro %}",
        "{% macro a(x) %}{{ x is none }}{% endmacro %}",
        "{% macro a(x) %}{{ x in y }}{% endmacro %}",
        "{% macro a(x) %}{{ 1 < x < 3 }}{% endmacro %}",
        "{% macro a(x) %}{{ x + 1 }}{% endmacro %}",
        "{% macro a(x) %}{{ x.y() }}{% endmacro %}",
        "{% macro a(x) %}{{ b(y=x) }}{% endmacro %}",
        "{% macro a(x) %}{{ x|count(one=1) }}{% endmacro %}",
        "{% macro a(x) %}{{ x if x }}{% endmacro %}",
        "{% macro a(x) %}{{ x|upper }}{% endmacro %}",
        "{% macro a(x) %}{{ x|safe }}{% endmacro %}",
        "{% macro a(x) %}{{ unknown }}{% endmacro %}",
        "{% macro a(x) %}{{ unknown(x) }}{% endmacro %}",
        "{% macro a(x) %}{{ x or a(x) }}{% endmacro %}",
        "{% macro a(x) %}{{ a(a(x)) }}{% endmacro %}",
        "{% macro a(x) %}{% set y = a(x) %}{{ y }}{% endmacro %}",
        "{% macro a(new) %}{{ new }}{% endmacro %}",
    ],
)
def test_what_javascript_would_render_differently_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="translation"):
        translate(ENVIRONMENT, template)


def test_macros_call_each_other(page: Page) -> None:
    source = """
        {%- macro outer(x) %}{% set y = x.a %}{% for one in y %}<{{ inner(one, -1) }}>{% endfor %}
        {%- endmacro %}
        {%- macro inner(x, by) %}{% if x > 1 and not x == 3 %}{{ x ~ "&" ~ by }}
        {%- elif x < 1 or x <= 1 and by %}{{ "small" if x else "<none>" }}
        {%- else %}{{ x|count("a_b"|words, "<b>") }}{% endif %}{% endmacro %}"""
    value = {"a": [0, 1, 2, 3]}
    python: Any = ENVIRONMENT.from_string(source).module
    page.add_script_tag(content=translate(ENVIRONMENT, source))
    theirs = page.evaluate("value => outer(value)", value)
    assert theirs == str(python.outer(value)), json.dumps(theirs)
