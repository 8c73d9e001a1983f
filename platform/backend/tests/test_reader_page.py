"""The reader page as a person meets it: a real server, Debian's chromium, a feed that moves."""

import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Reader, key, reader
from tests.support.items import Item, numbered, put
from tests.support.live import Connection, by_hand, drop, health, touch
from tests.support.ports import free_port
from tests.support.rows import NOON
from tests.support.server import ServerProcess, StartServer


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with by_hand(database_url) as connection:
        yield connection


@pytest.fixture
def one(browser: Browser, server: ServerProcess) -> Iterator[Reader]:
    """A reader in front of a desk."""
    with reader(browser, server.url) as one:
        yield one


def at(item: Item, seconds: float, **changes: Any) -> Item:
    """The item at another place, so many seconds after noon."""
    return item | {"sort_date": (NOON + timedelta(seconds=seconds)).isoformat()} | changes


def table(db: Connection) -> list[str]:
    """The cards that there must be, from top to bottom."""
    rows = db.execute(
        """
        SELECT event_type || '-' || (payload ->> 'id') FROM platform_feed_events
        ORDER BY created_at DESC, id DESC
        """
    )
    return [name for (name,) in rows]


def add_numbered(db: Connection, *numbers: int, **changes: Any) -> list[Item]:
    items = [numbered(number, **changes) for number in numbers]
    put(db, *items)
    return items


# ── without the module ───────────────────────────────────────────────────────────────────────────


def test_a_page_needs_no_javascript(
    browser: Browser, server: ServerProcess, db: Connection
) -> None:
    agents = add_numbered(db, *range(1, 31))[::-1]
    stories = add_numbered(db, *range(101, 106), kind="story_created")[::-1]
    with reader(browser, server.url, java_script_enabled=False) as one:
        one.open()
        one.sees(*(stories + agents)[:20])
        expect(one.card(agents[0])).to_contain_text("@agent30 joined")
        one.page.get_by_role("link", name="Older").click()
        one.sees(*(stories + agents)[20:])
        expect(one.page.locator(".more")).to_have_text("This is where it begins.")
        one.page.get_by_role("link", name="World feed").click()
        one.page.get_by_role("link", name="Stories").click()
        one.sees(*stories)
        one.page.get_by_role("link", name="Stories").click()
        expect(one.page.locator(".card")).to_have_count(20)


# ── what arrives ─────────────────────────────────────────────────────────────────────────────────


def test_what_happens_comes_in_at_the_top(one: Reader, db: Connection) -> None:
    old = add_numbered(db, *range(1, 41))[::-1]
    one.open("/?limit=50")
    one.is_live()
    [first] = add_numbered(db, 50)
    one.sees(first, *old)
    spoken = one.page.locator("#spoken")
    expect(spoken).to_have_text("New: Agent 50")
    expect(one.page.locator("#news")).to_be_hidden()

    one.page.evaluate("scrollTo(0, 900)")
    seen = one.in_view()
    one.count_spoken()
    second, third, fourth = add_numbered(db, 51, 52, 53)
    news = one.page.locator("#news")
    expect(news).to_have_text("3 new")
    expect(news).to_be_in_viewport()
    one.still_sees(seen)
    assert one.spoken() == 3
    expect(spoken).to_have_text("3 new")
    drop(db, second["id"])
    expect(news).to_have_text("2 new")
    assert one.spoken() == 3
    one.still_sees(seen)
    news.click()
    expect(one.card(fourth)).to_be_focused()
    expect(one.card(fourth)).to_be_in_viewport()
    one.until(lambda: one.page.evaluate("scrollY === 0"))
    expect(news).to_be_hidden()
    one.sees(fourth, third, first, *old)


def test_cards_change_where_they_stand(one: Reader, db: Connection) -> None:
    story = numbered(3, "story_created")
    story["story"] |= {"reaction_count": 1, "title": "Low Water"}
    proposal = numbered(2, "proposal_submitted")
    proposal["proposal"] |= {"status": "validating"}
    put(db, numbered(1), proposal, story)
    one.open()
    one.is_live()
    one.card(story).get_by_role("link", name="Low Water").focus()

    touch(db, story["id"], story=story["story"] | {"reaction_count": 1200})
    expect(one.card(story)).to_contain_text("1,200 reactions")
    expect(one.card(story)).to_have_class("card story story_created changed")
    expect(one.card(story).get_by_role("link", name="Low Water")).to_be_focused()
    touch(db, proposal["id"], proposal=proposal["proposal"] | {"status": "approved"})
    expect(one.card(proposal).locator(".state")).to_have_text("approved")
    one.sees(story, proposal, numbered(1))
    expect(one.page.locator("#spoken")).to_be_empty()

    drop(db, proposal["id"])
    one.sees(story, numbered(1))
    drop(db, numbered(1)["id"])
    drop(db, story["id"])
    expect(one.page.locator("#empty")).to_be_visible()
    expect(one.page.locator(".card")).to_have_count(0)


@pytest.mark.parametrize("kind", ["conversation", "activity_group"])
def test_what_people_say_grows_and_moves_up(one: Reader, db: Connection, kind: str) -> None:
    old = add_numbered(db, *range(1, 8))[::-1]
    talk = numbered(0, kind)
    acts = [
        talk["actions"][0] | {"id": str(UUID(int=n)), "dialogue": f"Line {n}."} for n in range(9)
    ]
    talk |= {"actions": acts[:8], "action_count": 8}
    put(db, talk)
    one.open()
    one.is_live()
    one.sees(*old, talk)
    one.card(talk).locator("summary").click()
    expect(one.card(talk).get_by_text("“Line 3.”")).to_be_visible()
    put(db, at(talk, 100, actions=acts, action_count=9))
    one.sees(talk, *old)
    expect(one.card(talk).get_by_text("“Line 8.”")).to_be_visible()
    expect(one.card(talk).get_by_text("“Line 3.”")).to_be_visible()
    expect(one.card(talk).locator("summary")).to_be_focused()


def test_what_is_imported_is_no_news(one: Reader, db: Connection) -> None:
    add_numbered(db, *range(10, 28))
    one.open()
    one.is_live()
    one.page.evaluate("scrollTo(0, 900)")
    seen = one.in_view()
    with db.transaction():
        db.execute("SET LOCAL feed.import = 'on'")
        newest, _ = add_numbered(db, 99, 12)
    expect(one.card(newest)).to_be_attached()
    expect(one.page.locator("#news")).to_be_hidden()
    expect(one.page.locator("#spoken")).to_be_empty()
    one.still_sees(seen)


def test_what_comes_with_an_old_time_is_on_an_older_page(one: Reader, db: Connection) -> None:
    old = add_numbered(db, *range(1, 31))[::-1]
    page = one.page.request.get(f"{one.url}/api/feed?limit=20").json()
    one.open(f"/?cursor={quote(page['next_cursor'])}")
    one.is_live()
    late = at(numbered(50), 5.5)
    put(db, numbered(60), late)
    one.sees(*old[20:25], late, *old[25:])


# ── which part ───────────────────────────────────────────────────────────────────────────────────


def test_a_view_can_be_shared(
    browser: Browser, one: Reader, server: ServerProcess, db: Connection
) -> None:
    agents = add_numbered(db, 1, 2, 3)
    story = numbered(4, "story_created")
    other = numbered(5, "story_created")
    put(db, story, other)
    one.open()
    one.page.get_by_role("link", name="Stories").click()
    one.sees(other, story)
    one.page.locator("summary", has_text="Only one world or agent").click()
    one.page.get_by_role("combobox", name="World").select_option(story["world"]["id"])
    one.page.get_by_role("button", name="Show").click()
    one.sees(story)
    with reader(browser, server.url) as friend:
        friend.open(one.page.url)
        friend.sees(story)
        friend.is_live()
        fresh = numbered(7, "story_created", world=story["world"])
        put(db, numbered(6, "story_created"), fresh, numbered(8, world=story["world"]))
        friend.sees(fresh, story)
        friend.page.get_by_role("link", name=f"World: {story['world']['name']}").click()
        friend.page.get_by_role("link", name="Agents").click()
        friend.sees(numbered(8, world=story["world"]), *agents[::-1])


# ── to the end ───────────────────────────────────────────────────────────────────────────────────


STEPS = 200


class Bustle(threading.Thread):
    """A feed that does not stand still: items arrive, move up and down, change, vanish, and are
    found to have happened long ago.
    """

    def __init__(self, database_url: str, items: list[Item]) -> None:
        super().__init__(daemon=True)
        self.database_url, self.items = database_url, items
        self.over = threading.Event()
        self.steps = 0

    def run(self) -> None:
        chance = random.Random(6)
        with by_hand(self.database_url) as db:
            while self.steps < STEPS and not self.over.wait(0.02):
                self.steps += 1
                number = 1000 + 2 * self.steps
                put(db, numbered(number))
                one = self.items.pop(chance.randrange(len(self.items)))
                match self.steps % 5:
                    case 0:
                        drop(db, one["id"])
                    case 1:
                        put(db, at(one, number + 1))
                    case 2:
                        touch(db, one["id"], note=number)
                    case 3:
                        put(db, at(one, chance.uniform(0, 500)))
                    case _:
                        put(db, at(numbered(number + 1), chance.uniform(0, 500)))


def test_the_end_is_reached_with_nothing_missing_and_nothing_twice(
    one: Reader, db: Connection, database_url: str
) -> None:
    items = add_numbered(db, *range(1, 501))
    one.open()
    one.is_live()
    bustle = Bustle(database_url, items)
    bustle.start()
    try:
        one.reach_the_end()
    finally:
        bustle.over.set()
        bustle.join()
    [last] = add_numbered(db, 9_999)
    expect(one.card(last)).to_be_attached()
    wanted = table(db)
    assert bustle.steps > 10
    assert len(wanted) > 500
    shown = one.cards()
    assert len(shown) == len(set(shown))
    assert set(shown) == set(wanted)
    assert shown == wanted


def test_when_all_that_was_here_is_gone_what_is_older_comes(
    browser: Browser, server: ServerProcess, db: Connection
) -> None:
    add_numbered(db, *range(1, 101))
    with reader(browser, server.url, reduced_motion="reduce") as one:
        one.open("/?limit=5")
        one.is_live()
        expect(one.page.locator("#more")).to_have_text("Older")
        seen = one.cards()
        assert len(seen) < 100
        with db.transaction():
            for name in seen:
                drop(db, name.removeprefix("agent_registered-"))
        left = table(db)
        one.until(lambda: (shown := one.cards()) and shown == left[: len(shown)])
        expect(one.page.locator("#items")).to_be_visible()
        expect(one.page.locator("#empty")).to_be_hidden()


# ── interruptions ────────────────────────────────────────────────────────────────────────────────


def test_a_restart_of_the_server_loses_nothing(
    browser: Browser, start_server: StartServer, db: Connection
) -> None:
    port = str(free_port())
    server = start_server(PORT=port)
    items = add_numbered(db, 1, 2)
    with reader(browser, server.url) as one:
        one.network_fails = True
        one.open()
        one.is_live()
        items += add_numbered(db, 3)
        one.sees(*items[::-1])
        server.stop()
        items += add_numbered(db, 4, 5)
        one.status("reconnecting")
        start_server(PORT=port)
        one.status("live", seconds=40)  # attempts become rarer
        one.sees(*items[::-1])
        first, *others = (asked.url for asked in one.requests if "/live" in asked.url)
        assert first not in others, "it goes on where it was"


def test_what_was_missed_offline_comes_afterwards(
    one: Reader, server: ServerProcess, db: Connection
) -> None:
    items = add_numbered(db, 1, 2)
    one.network_fails = True
    one.open()
    one.is_live()
    one.context.set_offline(True)
    one.status("offline")
    items += add_numbered(db, 3, 4)
    drop(db, items.pop(0)["id"])
    one.context.set_offline(False)
    one.is_live()
    one.sees(*items[::-1])

    one.context.set_offline(True)
    one.status("offline")
    items += add_numbered(db, 5, 6, 7)
    drop(db, items.pop(0)["id"])
    one.until(lambda: health(server.url)["head"] == 9)
    db.execute("SELECT platform_feed_trim(1, '1 day', 100)")
    one.until(lambda: health(server.url)["floor"] == 8)
    with one.page.expect_response(one.page.url):  # what was missed is no longer kept
        one.context.set_offline(False)
    one.is_live()
    one.sees(*items[::-1])
    items += add_numbered(db, 8)
    one.sees(*items[::-1])
    assert key(items[-1]) == one.cards()[0]


def test_a_page_that_nobody_looks_at_lets_go(
    browser: Browser, server: ServerProcess, db: Connection
) -> None:
    """Also one that was opened in the background, and whatever the network does meanwhile."""
    add_numbered(db, 1)
    with reader(browser, server.url) as one:
        one.network_fails = True
        one.page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => true })")
        one.page.clock.install()
        one.open()
        one.is_live()
        one.page.clock.run_for(61_000)
        one.until(lambda: health(server.url)["clients"] == 0)
        one.page.evaluate("dispatchEvent(new Event('online'))")
        one.page.wait_for_timeout(500)
        assert health(server.url)["clients"] == 0


def test_without_a_live_feed_a_page_stands_still(
    browser: Browser, start_server: StartServer, db: Connection
) -> None:
    server = start_server(LIVE="false")
    items = add_numbered(db, 1, 2)
    with reader(browser, server.url) as one:
        one.open()
        one.sees(*items[::-1])
        one.page.evaluate("dispatchEvent(new Event('online'))")
        one.page.wait_for_timeout(500)
        assert [asked.url for asked in one.requests if "/live" in asked.url] == []
        expect(one.page.locator("#status")).to_be_hidden()
