"""The pages that readers ask for, as paths; all of them full."""

from urllib.parse import urlencode

import psycopg

from bench.reading.items import COMMON_TYPE, RARE_TYPE
from feed.page import Cursor

PAGE = "/api/feed"
LIMIT = 20
LINKS = ("world_id", "agent_id", "dweller_id", "story_id")

_AT = "SELECT created_at, id FROM platform_feed_events ORDER BY 1 DESC, 2 DESC OFFSET %s LIMIT 1"


def page(**query: object) -> str:
    return f"{PAGE}?{urlencode(query)}" if query else PAGE


def deep(db: psycopg.Connection, depth: float) -> str:
    """The page below so much of the feed, from 0 to 1."""
    row = db.execute("SELECT count(*) FROM platform_feed_events").fetchone()
    assert row
    found = db.execute(_AT, [int(row[0] * depth)]).fetchone()
    assert found
    return page(cursor=Cursor(*found))


def spread(db: psycopg.Connection, count: int) -> list[str]:
    """So many pages, no two of which are the same, from all of the feed."""
    times = db.execute(
        "SELECT min(created_at), max(created_at) FROM platform_feed_events"
    ).fetchone()
    assert times
    first, last = times
    step = (last - first) * 0.9 / count
    return [page(cursor=Cursor(last - step * number)) for number in range(count)]


def filters(db: psycopg.Connection) -> dict[str, str]:
    """A page under each filter, by the filter's name: of what is common, and a rare type."""
    found = {"type": page(type=COMMON_TYPE), "rare type": page(type=RARE_TYPE)}
    for link in LINKS:
        row = db.execute(
            f"SELECT {link} FROM platform_feed_events WHERE {link} IS NOT NULL"
            f" GROUP BY 1 HAVING count(*) >= {LIMIT} ORDER BY count(*) DESC, 1 LIMIT 1"
        ).fetchone()
        assert row
        found[link.removesuffix("_id")] = page(**{link: row[0]})
    return found
