"""`GET /metrics`: what operators watch, for Prometheus."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text

from api.deps import OptionalHub, get_database
from db.session import Database
from feed.changes import OLDEST_UNSTAMPED
from feed.hub import Hub
from utils.feed_watch import Upkeep, upkeep

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response)
async def metrics(
    database: Annotated[Database, Depends(get_database)], hub: OptionalHub
) -> Response:
    """Figures about the truth of the feed, the same from every server on one database; and about
    the live feed of this process.
    """
    registry = CollectorRegistry()
    async with database.autocommit() as db:
        _feed(registry, await upkeep(db))
        oldest: datetime | None = await db.scalar(text(OLDEST_UNSTAMPED))
    if hub:
        _live(registry, hub, oldest)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _feed(registry: CollectorRegistry, found: Upkeep) -> None:
    drift = Gauge(
        "feed_drift_items",
        "Items that the last verification of the whole feed found not as they should be",
        ["kind"],
        registry=registry,
    )
    for kind, count in found.drift.items():
        drift.labels(kind).set(count)
    _gauge(
        registry,
        "feed_refreshes_pending",
        "Changes of names and pictures that have yet to reach all items",
        found.pending,
    )
    if found.verified_through:
        _gauge(
            registry,
            "feed_verified_through_timestamp_seconds",
            "When the last verification of the whole feed began",
            found.verified_through.timestamp(),
        )


def _live(registry: CollectorRegistry, hub: Hub, oldest: datetime | None) -> None:
    waiting = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    tail, ring = hub.tail, hub.ring
    for name, description, value in (
        ("head", "Number of the newest change that this process has", ring.head),
        ("floor", "Positions below it can no longer be resumed", ring.floor),
        ("ring_floor", "Positions below it are not in this process's memory", ring.first),
        ("lag_seconds", "From the last change to its arrival in this process", tail.lag),
        ("unstamped_seconds", "Age of the oldest committed change without a number", waiting),
        ("listening", "1: notifications arrive; 0: this process polls", tail.listener.hears),
        ("clients", "Open streams", len(hub.subscribers)),
        ("ring_hits", "Clients whose position was in memory when they came", hub.hits),
        ("ring_misses", "Clients whose position had to be read from the log", hub.misses),
        ("log_reads", "How often changes were read from the log", tail.reads + hub.archive.reads),
        ("slow_clients", "Streams that were ended because they were read too slowly", hub.slow),
    ):
        _gauge(registry, f"feed_live_{name}", description, value)


def _gauge(registry: CollectorRegistry, name: str, description: str, value: float) -> None:
    Gauge(name, description, registry=registry).set(value)
