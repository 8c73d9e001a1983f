"""Debian's chromium, and a reader who sits in front of it.

Everything that a page must never do is an error of its test, whatever that is about: exceptions,
refusals by the page's policy, dialogs, and requests to other hosts but for pictures.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Route,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.support.items import Item

NOT_HERE = re.compile(r"^(?!http://127\.0\.0\.1:|data:)")
FAILED = "Failed to load resource"
SECONDS = 10.0
PIXEL = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 21 9">'
    b'<rect width="21" height="9" fill="#446"/></svg>'
)


def find_chromium() -> str | None:
    return shutil.which("chromium")


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Playwright's loop runs in this thread until the end: no other loop can meanwhile."""
    with sync_playwright() as playwright:
        # Root may not have chromium's own sandbox.
        args = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=args)
        yield browser
        browser.close()


def key(item: Item) -> str:
    """The id of the item's card."""
    return f"{item['type']}-{item['id']}"


class Reader:
    """A person with a browser of their own, at one page."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.errors: list[str] = []
        self.pictures: list[str] = []
        self.requests: list[Request] = []
        self.network_fails = False
        """Whether the network is expected to fail: then it is no error that it does."""
        self.context = context
        context.set_default_timeout(SECONDS * 1000)
        context.route(NOT_HERE, self._elsewhere)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", self._console)
        context.on("request", self._request)
        context.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))
        self.page: Page = context.new_page()

    def open(self, path: str = "/") -> None:
        self.page.goto(urljoin(self.url, path))

    def card(self, item: Item) -> Locator:
        return self.page.locator(f"[id='{key(item)}']")

    def cards(self) -> list[str]:
        """The ids of all cards, from top to bottom, without those that are leaving."""
        found: list[str] = self.page.eval_on_selector_all(
            ".card:not(.leaving)", "cards => cards.map(card => card.id)"
        )
        return found

    def sees(self, *items: Item) -> None:
        """Waits until these are the cards, in this order."""
        wanted = [key(item) for item in items]
        self.until(lambda: self.cards() == wanted, lambda: f"{self.cards()}, not {wanted}")

    def until(
        self,
        happened: Callable[[], object],
        told: Callable[[], str] = str,
        seconds: float = SECONDS,
    ) -> None:
        """Waits for something to be true; `told` says what is instead."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, told()
            self.page.wait_for_timeout(20)

    def is_live(self) -> None:
        self.status("live")

    def status(self, text: str, seconds: float = SECONDS) -> None:
        expect(self.page.locator("#status")).to_have_text(text, timeout=seconds * 1000)

    def reach_the_end(self) -> None:
        """Scrolls down until there is nothing further down."""
        foot = self.page.locator(".more")

        def reached() -> bool:
            self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            return foot.locator(".end").count() > 0

        self.until(reached, foot.inner_text, seconds=60)

    def in_view(self) -> tuple[str, int]:
        """The first card in the window, and where it stands."""
        found: list[Any] = self.page.evaluate(
            """() => {
                const place = one => one.getBoundingClientRect();
                const cards = [...document.querySelectorAll(".card")];
                const first = cards.find(one => place(one).bottom > 0);
                return [first.id, Math.round(place(first).top)];
            }"""
        )
        return found[0], found[1]

    def still_sees(self, seen: tuple[str, int]) -> None:
        """What was read then has not moved, but for the rounding of a pixel."""
        first, top = self.in_view()
        assert first == seen[0]
        assert abs(top - seen[1]) <= 1

    def count_spoken(self) -> None:
        """From now on counts what a screen reader is told."""
        self.page.evaluate(
            """() => {
                window.spoken = 0;
                new MutationObserver(records => window.spoken += records.length)
                    .observe(document.getElementById("spoken"), { childList: true });
            }"""
        )

    def spoken(self) -> int:
        count: int = self.page.evaluate("window.spoken")
        return count

    def sticking_out(self) -> list[str]:
        """What cannot be seen whole without scrolling sideways."""
        found: list[str] = self.page.evaluate(
            """() => {
                const root = document.documentElement;
                const wide = root.scrollWidth > innerWidth ? [`page: ${root.scrollWidth}`] : [];
                const out = [...document.querySelectorAll("main *, .lead *")].filter(
                    one => one.getBoundingClientRect().right > innerWidth + 1);
                return wide.concat(out.map(one => one.outerHTML.slice(0, 300)));
            }"""
        )
        return found

    def resize(self, width: int) -> None:
        self.page.set_viewport_size(ViewportSize(width=width, height=800))

    def _request(self, request: Request) -> None:
        self.requests.append(request)

    def _console(self, message: ConsoleMessage) -> None:
        picture = message.location["url"] in self.pictures
        failed = message.text.startswith(FAILED) and (self.network_fails or picture)
        if message.type in {"error", "warning"} and not failed:
            self.errors.append(message.text)

    def _elsewhere(self, route: Route) -> None:
        """The rest of the world: pictures, some of which are missing."""
        address = route.request.url
        self.pictures.append(address)
        if route.request.resource_type != "image":
            self.errors.append(f"a request to {address}")
            route.abort()
        elif "missing" in address:
            route.fulfill(status=404)
        elif "wrong" in address:
            route.fulfill(body="<h1>no picture</h1>", content_type="text/html")
        else:
            route.fulfill(body=PIXEL, content_type="image/svg+xml")


@contextmanager
def reader(browser: Browser, url: str, **options: Any) -> Iterator[Reader]:
    """A reader with a new browser; afterwards nothing forbidden must have happened."""
    context = browser.new_context(**options)
    try:
        one = Reader(context, url)
        yield one
        assert_none(one.errors)
    finally:
        context.close()


def assert_none(errors: Sequence[str]) -> None:
    assert not errors, "\n".join(errors)
