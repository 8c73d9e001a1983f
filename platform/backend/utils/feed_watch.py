"""Verification as a background task: the whole feed every `verify_every` seconds, slowly.

One server at a time checks a batch, whoever gets there first; how far they have come is in the
database, so that a pass goes on when a server ends. After each batch the task rests nine times as
long as that took. It only tells: `script/repair` mends.
"""

import asyncio
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FeedProgress, FeedRefresh
from db.session import Database
from feed.catalogue import SOURCES
from feed.verify import DRIFT, check_batch

log = logging.getLogger(__name__)

NAME = "verify"
BATCH = 200
REST = 9
LONGEST_PAUSE = 5.0

ORDER = (None, *SOURCES.values())
"""The feed's own rows first, then every source: one pass."""

NAMES = [source.name if source else None for source in ORDER]


class Upkeep(NamedTuple):
    """What is known about the truth of the feed."""

    verified_through: datetime | None
    """When the last whole pass began: what was there then has been checked since."""
    drift: dict[str, int]
    """What that pass found, by kind."""
    pending: int
    """Changes of names and pictures that have yet to reach all items."""


async def upkeep(db: AsyncSession) -> Upkeep:
    """One statement."""
    count = select(func.count(FeedRefresh.id)).scalar_subquery()
    state = select(FeedProgress.state["last"]).where(FeedProgress.name == NAME).scalar_subquery()
    last, pending = (await db.execute(select(state, count))).one()
    through = datetime.fromisoformat(last["verified_through"]) if last else None
    return Upkeep(through, last["drift"] if last else dict.fromkeys(DRIFT, 0), pending)


async def run(database: Database, every: float) -> None:
    """Verifies for as long as the server runs."""
    while True:
        began = time.monotonic()
        try:
            worked = await step(database, every)
        except Exception:
            log.exception("feed verification failed; trying again")
            worked = False
        pause = REST * (time.monotonic() - began) if worked else LONGEST_PAUSE
        await asyncio.sleep(min(pause, LONGEST_PAUSE, every))


async def step(database: Database, every: float) -> bool:
    """Checks one batch; False when nothing is due, or another server is at it."""
    async with database.session() as db:
        first = insert(FeedProgress).values(name=NAME, state={"last": None, "now": None})
        await db.execute(first.on_conflict_do_nothing())
        mine = select(FeedProgress).where(FeedProgress.name == NAME)
        progress = await db.scalar(mine.with_for_update(skip_locked=True))
        if progress is None:
            return False
        now, last = progress.state["now"], progress.state["last"]
        if now is None or now.get("order") != NAMES:  # a release with another catalogue began it
            if last and _seconds_since(last["verified_through"]) < every:
                return False
            now = {"began_at": _now(), "order": NAMES, "source": 0, "after": None, "drift": {}}
        progress.state = await _batch(database, now, last)
        await db.commit()
        return True


async def _batch(
    database: Database, now: dict[str, Any], last: dict[str, Any] | None
) -> dict[str, Any]:
    checked = await check_batch(database, ORDER[now["source"]], now["after"], BATCH)
    drift = Counter(now["drift"])
    for finding in checked.findings:
        if finding.kind in DRIFT:
            drift[finding.kind] += 1
            log.error("feed drift: %s %s %s %s", *finding[:3], ", ".join(finding.keys))
    now = now | {"after": checked.next, "drift": dict(drift)}
    if checked.next is None:
        now["source"] += 1
    if now["source"] < len(ORDER):
        return {"now": now, "last": last}
    counts = {kind: drift[kind] for kind in DRIFT}
    return {"now": None, "last": {"verified_through": now["began_at"], "drift": counts}}


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
