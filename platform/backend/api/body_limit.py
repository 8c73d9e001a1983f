"""A middleware that refuses bodies of more than 1 MiB with 413, before anybody parses them."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import shape
from core.errors import PayloadTooLarge

MAX_BODY = 1024 * 1024


class BodyLimit:
    """Reads the body before the application does, so that a refusal needs no cooperation.

    Bodies are small by rule, so holding one costs no more than parsing it later would.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        try:
            body = await _read(receive)
        except ClientDisconnect:
            return  # half a request is none
        if body is None:
            refusal = PayloadTooLarge(
                "Request body is too large", "Send at most 1 MiB.", max_bytes=MAX_BODY
            )
            await shape(refusal)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or None as soon as it is too large; ClientDisconnect if it breaks off."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
