"""The reader page in every state, as pictures for whoever looks at it: `script/screenshots`.

On a PostgreSQL and a server of its own. What is seen is what the demo's agents did, as if it had
taken them days; pictures of theirs are painted here, so that nothing is fetched from elsewhere.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple
from zlib import crc32

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx2
import psycopg
import typer
from playwright.sync_api import Browser, Route
from psycopg.types.json import Jsonb

from db.embedded import EmbeddedPostgres
from db.migrate import upgrade
from scripts import demo
from tests.support.browser import NOT_HERE, Reader, chromium, find_chromium, reader
from tests.support.items import HOSTILE, corpus, put, sample
from tests.support.rows import UNLINK
from tests.support.server import ServerProcess

SIZES = {360: 740, 1280: 860}
SCHEMES = ("light", "dark")
TIMES = ("created_at", "updated_at", "sort_date")
NOBODY = "00000000-0000-0000-0000-000000000001"
LOADS = 15


class Stage(NamedTuple):
    url: str
    db: psycopg.Connection[Any]

    def page_of(self, kind: str) -> str:
        """The permalink of the newest item of a type, or of a record that it tells of."""
        found = self.db.execute(
            """
            SELECT payload FROM platform_feed_events WHERE event_type = %s
            ORDER BY created_at DESC LIMIT 1
            """,
            (kind,),
        ).fetchone()
        assert found, f"the demo makes no {kind}"
        item = found[0]
        return f"/item/{kind}/{item['id']}"


def shoot(
    folder: Annotated[Path, typer.Argument(help="where they go")] = Path("data/screenshots"),
) -> None:
    """Takes a picture of every state, at two widths and in both colour schemes."""
    program = find_chromium()
    if program is None:
        raise SystemExit("chromium is not installed (apt-get install chromium)")
    folder.mkdir(parents=True, exist_ok=True)
    with _stage() as stage, chromium(program) as browser:
        for name, show in STATES.items():
            for width, height in SIZES.items():
                for scheme in SCHEMES:
                    options = {
                        "viewport": {"width": width, "height": height},
                        "color_scheme": scheme,
                        "reduced_motion": "reduce",
                    }
                    with reader(browser, stage.url, **options) as one:
                        one.network_fails = True
                        one.context.route(NOT_HERE, _painted)
                        show(one, stage)
                        file = folder / f"{name}-{width}-{scheme}.png"
                        one.page.screenshot(path=file)
        sys.stdout.write(f"{len(list(folder.glob('*.png')))} pictures in {folder}\n")
        sys.stdout.write(_speed(browser, stage.url))


# ── states ───────────────────────────────────────────────────────────────────────────────────────


def at(path: str) -> Callable[[Reader, Stage], None]:
    def show(one: Reader, stage: Stage) -> None:
        one.open(path)
        one.is_live()

    return show


def item(kind: str) -> Callable[[Reader, Stage], None]:
    """The newest item of a type, alone."""

    def show(one: Reader, stage: Stage) -> None:
        at(stage.page_of(kind))(one, stage)

    return show


def record(kind: str) -> Callable[[Reader, Stage], None]:
    """The page of the record that the newest item of a type is about, by way of its headline."""

    def show(one: Reader, stage: Stage) -> None:
        item(kind)(one, stage)
        one.page.locator(".card h2 a").first.click()
        one.is_live()

    return show


def further_down(one: Reader, stage: Stage) -> None:
    at("/")(one, stage)
    one.page.evaluate("scrollTo(0, 1500)")


def loading(one: Reader, stage: Stage) -> None:
    one.page.route("**/api/feed?**", lambda route: None)  # no answer
    at("/")(one, stage)
    one.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    one.page.locator("#more", has_text="Loading").wait_for()


def failed(one: Reader, stage: Stage) -> None:
    one.page.route("**/api/feed?**", lambda route: route.abort())
    at("/")(one, stage)
    one.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    one.page.locator("#more", has_text="Try again").wait_for()


def offline(one: Reader, stage: Stage) -> None:
    at("/")(one, stage)
    one.context.set_offline(True)
    one.status("offline")


def mistaken(one: Reader, stage: Stage) -> None:
    one.open(f"/world/{NOBODY}")


def news(one: Reader, stage: Stage) -> None:
    further_down(one, stage)
    for number in range(3):
        name = {"name": f"Newcomer {number}", "username": f"newcomer{datetime.now().timestamp()}"}
        httpx2.post(f"{stage.url}/api/auth/agent", json=name).raise_for_status()
    one.page.get_by_text("3 new").first.wait_for()
    stage.db.execute("DELETE FROM platform_users WHERE name LIKE 'Newcomer%'")
    stage.db.execute(
        "DELETE FROM platform_feed_events WHERE payload #>> '{agent,name}' LIKE 'Newcomer%'"
    )


@contextmanager
def _visiting(stage: Stage, *items: dict[str, Any]) -> Iterator[None]:
    """Items that are there for a while."""
    put(stage.db, *items)
    yield
    for one in items:
        stage.db.execute(
            "DELETE FROM platform_feed_events WHERE payload ->> 'id' = %s", (one["id"],)
        )


def long_texts(one: Reader, stage: Stage) -> None:
    late = datetime.now(UTC).isoformat()
    strange = [item | {"sort_date": late} for item in corpus(HOSTILE, each=1)]
    with _visiting(stage, *strange):
        at("/")(one, stage)


def missing_pictures(one: Reader, stage: Stage) -> None:
    late = datetime.now(UTC).isoformat()
    made = [
        sample(kind) | dict.fromkeys(TIMES[::2], late)
        for kind in ("story_created", "dweller_created", "conversation")
    ]
    for one_item in made:
        _lose_pictures(one_item)
    with _visiting(stage, *made):
        at("/")(one, stage)


def _lose_pictures(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("_url"):
                value[key] = "https://pictures.example/missing.png"
            _lose_pictures(inner)
    elif isinstance(value, list):
        for inner in value:
            _lose_pictures(inner)


STATES: dict[str, Callable[[Reader, Stage], None]] = {
    "feed": at("/"),
    "further-down": further_down,
    "stories": at("/?type=story_created&type=story_revised&type=story_reviewed"),
    "life": at("/?type=conversation&type=activity_group&type=dweller_action"),
    "empty": at(f"/?agent_id={NOBODY}"),
    "loading": loading,
    "failed": failed,
    "offline": offline,
    "news": news,
    "404": mistaken,
    "conversation": item("conversation"),
    "world": record("world_created"),
    "agent": record("agent_registered"),
    "dweller": record("dweller_created"),
    "story": record("story_created"),
    "long-texts": long_texts,
    "missing-pictures": missing_pictures,
}


# ── what is seen ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="worldfeed-screenshots-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        with EmbeddedPostgres(directory) as database_url:
            upgrade(database_url)
            server = ServerProcess(
                directory, {"PORT": "0", "DATABASE_URL": database_url, "TESTING": "true"}
            )
            try:
                with redirect_stdout(StringIO()) as said:
                    if demo.play(server.url, 0):
                        raise SystemExit(said.getvalue())
                with psycopg.connect(database_url, autocommit=True) as db:
                    db.execute(UNLINK)
                    _spread(db)
                    yield Stage(server.url, db)
            finally:
                server.stop()


def _spread(db: psycopg.Connection[Any]) -> None:
    """As if it had taken days: the further down, the more time between an item and the next."""
    rows = db.execute(
        "SELECT id, created_at, payload FROM platform_feed_events ORDER BY created_at DESC, id DESC"
    ).fetchall()
    for rank, (row, created_at, payload) in enumerate(rows):
        then = datetime.now(UTC) - timedelta(minutes=3 + rank * 4 + rank**2)
        moved = _moved(payload, then - created_at)
        db.execute(
            "UPDATE platform_feed_events SET created_at = %s, payload = %s WHERE id = %s",
            (then, Jsonb(moved), row),
        )


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, dict):
        return {
            key: (datetime.fromisoformat(inner) + by).isoformat()
            if key in TIMES
            else _moved(inner, by)
            for key, inner in value.items()
        }
    return [_moved(inner, by) for inner in value] if isinstance(value, list) else value


def _painted(route: Route) -> None:
    """A landscape on some planet; an address always shows the same one."""
    address = route.request.url
    if "missing" in address:
        return route.fulfill(status=404)
    seed = crc32(address.encode())
    hue, x, hill = seed % 360, 4 + seed // 360 % 13, seed // 7 % 3
    picture = f"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 21 9">
        <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="hsl({hue} 40% 22%)"/>
        <stop offset="1" stop-color="hsl({(hue + 40) % 360} 55% 68%)"/></linearGradient></defs>
        <rect width="21" height="9" fill="url(#sky)"/>
        <circle cx="{x}" cy="3.4" r="1.7" fill="hsl({(hue + 60) % 360} 70% 84%)"/>
        <path d="M0 {6 + hill / 2} Q5 {4 + hill} 10 6.4 T21 5.6 V9 H0Z" fill="hsl({hue} 35% 34%)"/>
        <path d="M0 7.4 Q4 {6.2 + hill / 3} 9 7.5 T21 7 V9 H0Z" fill="hsl({hue} 40% 20%)"/></svg>"""
    return route.fulfill(body=picture, content_type="image/svg+xml")


# ── how fast it is there ─────────────────────────────────────────────────────────────────────────


def _speed(browser: Browser, url: str) -> str:
    """The time to the first card, beside the server's for the page and the browser's for any."""
    with httpx2.Client(headers={"Accept-Encoding": "gzip"}) as http:
        served = []
        for _ in range(LOADS):
            began = perf_counter()
            http.get(url)
            served.append((perf_counter() - began) * 1000)
    shown, plain = _painted_after(browser, url, "/"), _painted_after(browser, url, "/health")
    server = _middle(served)
    return (
        f"the page is served in {server:.1f} ms; its first card is painted after {shown:.1f} ms,"
        f" {shown / server:.1f} times that. A line of text takes this browser {plain:.1f} ms\n"
    )


def _painted_after(browser: Browser, url: str, path: str) -> float:
    """Milliseconds to the first paint, in a browser that has been here before."""
    with reader(browser, url) as one:
        times = []
        for _ in range(LOADS):
            one.open(path)
            one.page.wait_for_timeout(300)  # the entry comes after the frame
            times.append(one.page.evaluate(_FIRST_PAINT))
        return _middle(times)


_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def _middle(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    typer.run(shoot)
