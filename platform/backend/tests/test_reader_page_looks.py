"""The reader page for all who come: hostile texts, small windows, keyboards, screen readers."""

from collections.abc import Iterator

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, expect

from feed.item_type import EventType
from tests.support import dwellers
from tests.support.agents import register
from tests.support.browser import Reader, reader
from tests.support.items import HOSTILE, ORDINARY, corpus, numbered, put, sample
from tests.support.live import Connection, by_hand, touch
from tests.support.play import play
from tests.support.server import ServerProcess

NOBODY = "00000000-0000-0000-0000-000000000001"
WIDTHS = (320, 360, 1280)
FACTS = {
    "worlds": ("name", "premise", "scientific_basis", "canon_summary", "cover_image_url"),
    "users": ("name", "model_id", "avatar_url"),
    "dwellers": ("name", "role", "origin_region", "background", "personality", "portrait_url"),
    "stories": ("title", "content", "summary", "cover_image_url", "thumbnail_url", "video_url"),
}
"""What agents write of that which the pages of records show."""


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with by_hand(database_url) as connection:
        yield connection


@pytest.fixture
def one(browser: Browser, server: ServerProcess) -> Iterator[Reader]:
    with reader(browser, server.url) as one:
        yield one


async def a_small_world(client: httpx2.AsyncClient) -> list[str]:
    """The pages of a world, its agent, its dweller and its story."""
    [alice] = await register(client, "Alice")
    world = await dwellers.found_world(alice)
    dweller = await dwellers.settle(alice, world)
    await dwellers.act(alice, dweller)
    story = await alice.tell(
        world, perspective="third_person_limited", perspective_dweller_id=dweller
    )
    return [f"/world/{world}", f"/agent/{alice.id}", f"/dweller/{dweller}", f"/stories/{story}"]


def is_whole(one: Reader) -> None:
    """Nothing ran, and nothing sticks out, however narrow the window."""
    assert one.page.evaluate("window.hacked") is None
    for width in WIDTHS:
        one.resize(width)
        assert one.sticking_out() == []


# ── hostile texts ────────────────────────────────────────────────────────────────────────────────


def test_hostile_items_do_nothing(one: Reader, db: Connection) -> None:
    """Rendered by the server, fetched as an older page, and told by the live feed."""
    items = list(corpus(HOSTILE, each=4))
    put(db, *items)
    one.open("/?limit=50")
    one.is_live()
    one.reach_the_end()
    expect(one.page.locator(".card")).to_have_count(len(items))
    is_whole(one)
    for item in items:
        touch(db, item["id"], touched=True)
    expect(one.page.locator(".card.changed")).to_have_count(len(items))
    is_whole(one)
    one.open(f"/item/{items[0]['type']}/{items[0]['id']}")
    is_whole(one)


def test_hostile_records_do_nothing(one: Reader, server: ServerProcess, db: Connection) -> None:
    pages = play(server.url, a_small_world)
    for start in range(0, len(HOSTILE), 3):
        for table, columns in FACTS.items():
            texts = [HOSTILE[(start + at) % len(HOSTILE)][:240] for at in range(len(columns))]
            values = ", ".join(f"{column} = %s" for column in columns)
            db.execute(f"UPDATE platform_{table} SET {values}", texts)
        for path in pages:
            one.open(path)
            is_whole(one)


def test_pictures_that_are_missing_leave_no_hole(one: Reader, db: Connection) -> None:
    story, dweller = numbered(1, "story_created"), numbered(2, "dweller_created")
    world, talk = numbered(3, "world_created"), numbered(4, "dweller_action")
    story["story"] |= {"cover_image_url": "https://pictures.example/missing.png"}
    dweller["dweller"] |= {"name": "Burble", "portrait_url": "https://pictures.example/wrong.png"}
    world["world"] |= {"cover_image_url": "https://pictures.example/there.png"}
    talk["dweller"] |= {"name": "Zenn", "portrait_url": "https://pictures.example/missing.png"}
    put(db, story, dweller, world)
    one.open()
    one.is_live()
    put(db, talk)
    expect(one.card(talk).locator(".portrait")).to_have_text("Z")
    for item in story, dweller, talk:
        expect(one.card(item).locator("img")).to_have_count(0)
    expect(one.card(story).locator(".cover")).to_have_count(0)
    expect(one.card(dweller).locator(".portrait")).to_have_text("B")
    expect(one.card(world).locator(".cover img")).to_be_visible()


# ── for everybody ────────────────────────────────────────────────────────────────────────────────


def assert_accessible(one: Reader) -> None:
    for scheme in "light", "dark":
        one.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in 360, 1280:
            one.resize(width)
            found = Axe().run(one.page)
            assert not found.violations_count, found.generate_report()


def test_nobody_is_shut_out(one: Reader, server: ServerProcess, db: Connection) -> None:
    one.open()
    one.is_live()
    assert_accessible(one)
    pages = play(server.url, a_small_world)
    items = [sample(kind.value) for kind in EventType]
    put(db, *items)
    one.open("/?limit=50")
    one.is_live()
    one.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert_accessible(one)
    one.network_fails = True  # a page that says 404 is an error to the browser
    for path in (*pages, f"/item/{items[0]['type']}/{items[0]['id']}", f"/world/{NOBODY}"):
        one.open(path)
        assert_accessible(one)


def test_keys_lead_through_the_feed(one: Reader, db: Connection) -> None:
    items = [numbered(number) for number in range(3, 0, -1)]
    put(db, *items)
    one.open()
    one.is_live()
    press = one.page.keyboard.press
    press("Tab")
    skip = one.page.get_by_role("link", name="Skip to the feed")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    press("Enter")
    press("Tab")
    expect(one.card(items[0])).to_be_focused()
    for key, at in ("j", 1), ("j", 2), ("j", 2), ("k", 1):
        press(key)
        expect(one.card(items[at])).to_be_focused()
    press("Tab")
    press("j")
    expect(one.card(items[2])).to_be_focused()


def test_who_wants_no_motion_sees_none(
    browser: Browser, server: ServerProcess, db: Connection
) -> None:
    with reader(browser, server.url, reduced_motion="reduce") as one:
        one.open()
        one.is_live()
        put(db, numbered(1))
        one.sees(numbered(1))
        assert one.page.evaluate("document.getAnimations().length") == 0


def test_the_first_load_is_small(browser: Browser, server: ServerProcess, db: Connection) -> None:
    """A count of bytes as they are sent, and of requests."""
    put(db, *corpus(ORDINARY, each=2))
    with reader(browser, server.url) as one:
        with one.page.expect_response("**/api/feed/live**"):
            one.open()
        ours = [asked for asked in one.requests if asked.url.startswith(server.url)]
        here = [asked for asked in ours if "icon" not in asked.url]
        assert len(ours) - len(here) <= 1
        kinds = sorted(asked.resource_type for asked in here)
        assert kinds == ["document", "fetch", "script", "stylesheet"]
        files = [asked for asked in here if asked.resource_type != "fetch"]
        for file in files:
            response = file.response()
            assert response
            assert response.headers["content-encoding"] == "gzip"
        assert 5_000 < sum(file.sizes()["responseBodySize"] for file in files) < 60_000
