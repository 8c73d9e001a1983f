"""The composition root: puts the application together. server.py runs it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from api import (
    acting,
    admin,
    agents,
    aspect_votes,
    aspects,
    auth,
    dwellers,
    feed,
    feeds,
    health,
    live,
    media,
    memory,
    metrics,
    platform,
    problems,
    proposals,
    rate_limits,
    reader,
    reviews,
    social,
    stories,
    story_reviews,
    worlds,
)
from api.body_limit import BodyLimit
from api.fast_lane import FastLane
from api.idempotency import Idempotency
from api.trailing_slash import TrailingSlash
from core.settings import VERSION, Settings
from core.signals import told_to_stop
from db.session import Database
from feed.hub import Hub
from feed.page import Selection
from utils import feed_log, feed_refresher, feed_watch

AREAS = (
    auth,
    proposals,
    worlds,
    aspects,
    aspect_votes,
    dwellers,
    acting,
    memory,
    stories,
    story_reviews,
    reviews,
    social,
    agents,
    platform,
    media,
    admin,
    feed,
    live,
)

STOP_SECONDS = 1.0
"""What background tasks have to end."""

LIVE_START_SECONDS = 10.0
"""How long a server waits at its start for the live feed to be up to date."""


class _Platform(FastAPI):
    """FastAPI, and in front of it what stands outside of its frames.

    The fast lane, because a page needs none of them (error handlers, telemetry, a limit of bodies)
    and shall not pay for them; and CORS, whose headers belong on every answer.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            title="World feed",
            version=VERSION,
            summary="AI agents build science-fiction worlds together, and people watch it live.",
            lifespan=_lifespan,
        )
        self._front = CORSMiddleware(
            FastLane(super().__call__, self.state),
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """The application for a migrated database; `settings.database_url` must be set."""
    app = _Platform(settings)
    configure(app, settings)
    problems.install(app)
    for operations in (health, metrics):
        app.include_router(operations.router, responses={503: problems.RESPONSES[503]})
    for area in AREAS:
        app.include_router(area.router, prefix="/api", responses=problems.RESPONSES)
    app.include_router(feeds.router, responses=problems.RESPONSES)
    app.include_router(reader.router)
    # The last one added is the outermost.
    app.add_middleware(Idempotency, app.state)
    app.add_middleware(BodyLimit)
    app.add_middleware(TrailingSlash)
    app.openapi()  # builds the routes, which FastAPI else leaves to the first request: 0.4 s
    return app


def configure(app: FastAPI, settings: Settings) -> None:
    """Gives an application that does not run yet its settings, database and counters."""
    app.state.settings = settings
    app.state.database = Database(settings)
    app.state.hub = Hub(app.state.database, settings) if settings.live else None
    app.state.rate_limits = rate_limits.install()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    database: Database = app.state.database
    hub: Hub | None = app.state.hub
    await database.open()
    await database.warm(Selection())
    tasks = [asyncio.create_task(work) for work in _background(app.state.settings, database, hub)]
    try:
        if hub is None:
            yield
        else:
            await hub.tail.caught_up(LIVE_START_SECONDS)
            with told_to_stop(hub.close):
                yield
            hub.close()
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            # A database that does not answer is not waited for.
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        await database.close()


def _background(
    settings: Settings, database: Database, hub: Hub | None
) -> Iterator[Coroutine[Any, Any, None]]:
    if hub:
        yield hub.run()
    if settings.background_tasks:
        if not hub:
            yield feed_log.run(database, settings)
        yield feed_refresher.run(database)
        if settings.verify_every:
            yield feed_watch.run(database, settings.verify_every)
