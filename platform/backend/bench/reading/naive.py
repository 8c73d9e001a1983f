"""A rival: the feed's table read the usual way. `uvicorn bench.reading.naive:app`

Entities of an ORM, a session and so a transaction per request, the keyset predicate in its OR form,
payloads decoded and encoded again by the standard library. DATABASE_URL names the database.
"""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import and_, or_, select

from bench.reading.rival_db import Db
from db.models import FeedEvent

app = FastAPI()


@app.get("/api/feed")
async def feed(
    db: Db,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    cursor: str | None = None,
) -> StreamingResponse:
    wanted = select(FeedEvent).order_by(FeedEvent.created_at.desc(), FeedEvent.id.desc())
    if cursor:
        text, _, row_id = cursor.partition("~")
        time = datetime.fromisoformat(text)
        tied = and_(FeedEvent.created_at == time, FeedEvent.id < UUID(row_id))
        wanted = wanted.where(or_(FeedEvent.created_at < time, tied))
    events = (await db.execute(wanted.limit(limit))).scalars().all()
    items = [{"sort_date": event.created_at.isoformat(), **event.payload} for event in events]
    last = events[-1] if events else None
    end: dict[str, Any] = {
        "next_cursor": f"{last.created_at.isoformat()}~{last.id}" if last else None,
        "total_items": len(items),
    }

    async def frames() -> AsyncIterator[str]:
        yield f"event: feed_items\ndata: {json.dumps({'items': items, 'partial': False})}\n\n"
        yield f"event: feed_complete\ndata: {json.dumps(end)}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")
