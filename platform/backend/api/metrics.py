"""`GET /metrics`: what operators watch, for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from api.deps import get_database
from db.session import Database
from utils.feed_watch import Upkeep, upkeep

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response)
async def metrics(database: Annotated[Database, Depends(get_database)]) -> Response:
    """Figures about the truth of the feed, the same from every server on one database."""
    async with database.autocommit() as db:
        text = generate_latest(_feed(await upkeep(db)))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _feed(found: Upkeep) -> CollectorRegistry:
    registry = CollectorRegistry()
    drift = Gauge(
        "feed_drift_items",
        "Items that the last verification of the whole feed found not as they should be",
        ["kind"],
        registry=registry,
    )
    for kind, count in found.drift.items():
        drift.labels(kind).set(count)
    Gauge(
        "feed_refreshes_pending",
        "Changes of names and pictures that have yet to reach all items",
        registry=registry,
    ).set(found.pending)
    if found.verified_through:
        Gauge(
            "feed_verified_through_timestamp_seconds",
            "When the last verification of the whole feed began",
            registry=registry,
        ).set(found.verified_through.timestamp())
    return registry
