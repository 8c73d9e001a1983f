"""A small history from start to end, the same on every machine: what the report shows.

Made from nothing in a PostgreSQL of its own: a synthetic history of the platform, the feed brought
in from it, verification, and a page as readers get it.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx2

from bench.history import fill
from core.settings import Settings
from db.embedded import EmbeddedPostgres
from db.migrate import upgrade
from main import create_app

BACKEND = Path(__file__).parents[1]
ITEMS = 2000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="worldfeed-showcase-") as directory:
        Path(directory).chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        with EmbeddedPostgres(Path(directory)) as url:
            upgrade(url)
            asyncio.run(fill(url, ITEMS))
            _say("backfill", _run(url, "backfill", stderr=True).splitlines()[-1])
            _say("verify", _run(url, "verify"))
            _say("a page of the feed, as JSON", asyncio.run(_page(url)))


def _say(title: str, text: str) -> None:
    sys.stdout.write(f"== {title}\n{text.rstrip()}\n\n")


def _run(url: str, *words: str, stderr: bool = False) -> str:
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "cli.py", *words],
        cwd=BACKEND,
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stderr if stderr else ran.stdout


async def _page(url: str) -> str:
    app = create_app(Settings(database_url=url, background_tasks=False, live=False))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://feed") as client:
            page = (await client.get("/api/feed", params={"limit": 3})).json()
    del page["live_from"]  # another one on every machine
    return json.dumps(page, indent=2)


if __name__ == "__main__":
    main()
