"""Who may read answers from another site: every answer says so, whichever way it was made."""

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

OURS, THEIRS = "http://localhost:3000", "https://elsewhere.example"
ALLOWED = "access-control-allow-origin"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/feed", 200),
        ("/api/feed?limit=0", 422),
        ("/api/worlds", 200),
        ("/api/no-such-thing", 404),
        ("/health", 200),
    ],
)
async def test_every_answer_says_so(client: httpx2.AsyncClient, path: str, status: int) -> None:
    for origin, allowed in ((OURS, OURS), (THEIRS, None)):
        answer = await client.get(path, headers={"origin": origin})
        assert answer.status_code == status
        assert answer.headers.get(ALLOWED) == allowed
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/api/feed", "/api/worlds"])
async def test_a_fault_says_so(client: httpx2.AsyncClient, db: AsyncSession, path: str) -> None:
    await db.execute(text("ALTER TABLE platform_feed_events RENAME TO gone"))
    await db.execute(text("ALTER TABLE platform_worlds RENAME TO no_worlds"))
    await db.commit()
    answer = await client.get(path, headers={"origin": OURS})
    assert answer.status_code == 500
    assert answer.headers[ALLOWED] == OURS


async def test_a_browser_may_ask_before_it_writes(client: httpx2.AsyncClient) -> None:
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key,content-type",
    }
    for path in ("/api/stories", "/api/feed"):
        answer = await client.options(path, headers={"origin": OURS, **asked})
        assert answer.status_code == 200
        assert answer.headers[ALLOWED] == OURS
        assert "x-api-key" in answer.headers["access-control-allow-headers"]
        answer = await client.options(path, headers={"origin": THEIRS, **asked})
        assert answer.status_code == 400
        assert ALLOWED not in answer.headers
