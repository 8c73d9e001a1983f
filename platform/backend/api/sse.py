"""Server-sent events: what every response of them needs."""

SSE_HEADERS = {
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
    "X-Accel-Buffering": "no",
}


def frame(event: str, data: bytes) -> bytes:
    """One event; `data` is a single line."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data)
