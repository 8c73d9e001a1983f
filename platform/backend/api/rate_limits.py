"""Rate limits per client address, counted in this process.

Several workers count apart, so the limits are a brake for clients that run wild, not a quota.
"""

import math
import time
from collections.abc import Awaitable, Callable

from fastapi import Request
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from core.errors import RateLimited


def install() -> MovingWindowRateLimiter:
    """The counters of one application."""
    return MovingWindowRateLimiter(MemoryStorage())


def per_address(limit: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets through `limit` requests (`20/minute`) per address and path."""
    item = parse(limit)

    async def check(request: Request) -> None:
        state = request.app.state
        if state.settings.testing:
            return
        address = request.client.host if request.client else "unknown"
        if not await state.rate_limits.hit(item, address, request.url.path):
            window = await state.rate_limits.get_window_stats(item, address, request.url.path)
            wait = math.ceil(window.reset_time - time.time())
            raise RateLimited(limit, max(1, wait))

    return check
