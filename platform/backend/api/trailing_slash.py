"""A middleware that takes `/api/worlds/` for `/api/worlds`, in every area.

The contract writes some paths with a slash at the end and the UI calls them without. A redirect
between the two would cost a round trip, and many clients do not send a POST again.
"""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """Routes below /api are declared without the slash; pages and files elsewhere keep theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            scope = {**scope, "path": scope["path"].removesuffix("/")}
        await self.app(scope, receive, send)
