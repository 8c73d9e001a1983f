"""A client of the live feed that notes when each item arrives."""

import asyncio
import json
import time
from urllib.parse import urlsplit


async def read_items(url: str, count: int, arrived: dict[str, float]) -> None:
    """Reads so many items; `arrived` gets the time of each by its id."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"GET /api/feed/live HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        while len(arrived) < count:
            line = await reader.readline()
            if line.startswith(b'data: {"item"'):
                now = time.monotonic()
                arrived[json.loads(line[6:])["item"]["id"]] = now
    finally:
        writer.close()
