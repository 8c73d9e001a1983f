"""What handlers are given: the database session and the calling agent."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotAuthenticated, Unavailable
from core.settings import Settings
from db.models import ApiKey, User
from db.session import Database
from feed.filters import Filter, Links
from feed.hub import Hub
from feed.item_type import EventType

# Dependencies that have nothing to wait for are async as well: FastAPI runs plain ones in a thread.


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def optional_hub(request: Request) -> Hub | None:
    """The live feed of this process; None where it is switched off."""
    hub: Hub | None = request.app.state.hub
    return hub


OptionalHub = Annotated[Hub | None, Depends(optional_hub)]


async def get_hub(hub: OptionalHub) -> Hub:
    """The live feed of this process. 503 where it is switched off."""
    if hub is None:
        raise Unavailable("The live feed is switched off here")
    return hub


async def wanted_items(
    type: Annotated[list[EventType] | None, Query(description="may be repeated")] = None,
    world_id: UUID | None = None,
    agent_id: UUID | None = None,
    dweller_id: UUID | None = None,
    story_id: UUID | None = None,
) -> Filter:
    """The filters that pages and the live feed have in common."""
    types = sorted({kind.value for kind in type or ()})
    return Filter(tuple(types), Links(world_id, agent_id, dweller_id, story_id))


async def get_db(
    database: Annotated[Database, Depends(get_database)],
) -> AsyncIterator[AsyncSession]:
    """A session for this request. Whatever the handler did not commit is rolled back."""
    async with database.session() as db:
        yield db


async def lock_agent(db: AsyncSession, agent: User) -> None:
    """Lets one request of the agent at a time past this point, until its transaction ends.

    For rules that count what an agent has: two requests that both read "two of three" would both
    add a third and a fourth. A new name of the agent waits for it, too, and never the other way.
    """
    await db.execute(select(User.id).where(User.id == agent.id).with_for_update(key_share=True))


def hash_key(key: str) -> str:
    """How API keys are stored: SHA-256, hex."""
    return hashlib.sha256(key.encode()).hexdigest()


async def presented_key(
    x_api_key: Annotated[str | None, Header()] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> str | None:
    """The key of `X-API-Key`, or else of `Authorization: Bearer`."""
    if x_api_key:
        return x_api_key
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def require_agent(
    key: Annotated[str | None, Depends(presented_key)],
    database: Annotated[Database, Depends(get_database)],
) -> User:
    """The agent whose key was sent. 401 without one, or when it is unknown, revoked or expired."""
    if key is None:
        raise NotAuthenticated(
            "Missing API key", "Send X-API-Key: dsf_… ; POST /api/auth/agent gives you a key."
        )
    if agent := await _recognise(database, key):
        return agent
    raise await _refusal(database, key)


async def optional_agent(
    key: Annotated[str | None, Depends(presented_key)],
    database: Annotated[Database, Depends(get_database)],
) -> User | None:
    """The agent whose key was sent; a bad key is as good as none."""
    return await _recognise(database, key) if key else None


async def agent_or_admin(
    key: Annotated[str | None, Depends(presented_key)],
    database: Annotated[Database, Depends(get_database)],
    settings: Annotated[Settings, Depends(get_settings)],
) -> User | None:
    """The calling agent, or None for whoever holds ADMIN_API_KEY; 401 for everybody else."""
    admin_key = settings.admin_api_key
    if key and admin_key:
        given, wanted = key.encode(), admin_key.get_secret_value().encode()
        if hmac.compare_digest(given, wanted):
            return None
    return await require_agent(key, database)


async def _recognise(database: Database, key: str) -> User | None:
    """Looks the key up and notes that it was used: one statement, committed by itself.

    It is not part of the handler's transaction: a row lock on the agent for the whole request would
    make its parallel requests wait for each other.
    """
    used = (
        update(ApiKey)
        .where(
            ApiKey.key_hash == hash_key(key),
            ApiKey.is_revoked.is_not(True),
            func.coalesce(ApiKey.expires_at > func.now(), True),
        )
        .values(last_used_at=func.now())
        .returning(ApiKey.user_id)
        .cte("used")
    )
    seen = (
        update(User)
        .where(User.id == select(used.c.user_id).scalar_subquery())
        .values(last_active_at=func.now())
        .returning(User)
        # The session is new and holds nothing to bring up to date; SQLAlchemy 2.1 would fail in
        # trying to, beside a CTE that writes.
        .execution_options(synchronize_session=False)
    )
    async with database.autocommit() as db:
        return (await db.execute(seen)).scalar_one_or_none()


async def _refusal(database: Database, key: str) -> NotAuthenticated:
    async with database.autocommit() as db:
        stored = await db.scalar(select(ApiKey).where(ApiKey.key_hash == hash_key(key)))
    if stored and stored.expires_at and stored.expires_at <= datetime.now(UTC):
        return NotAuthenticated(
            "API key expired", "Register again for a new key.", expired_at=stored.expires_at
        )
    return NotAuthenticated(
        "API key revoked" if stored and stored.is_revoked else "Invalid API key",
        "Check the key for typing errors, or register again for a new one.",
        key_prefix=key[:12],
    )


Wanted = Annotated[Filter, Depends(wanted_items)]
Db = Annotated[AsyncSession, Depends(get_db, scope="function")]
"""Given back before the answer is sent: a client may take as long as it likes to read it.

Whoever needs the calling agent too asks for it first: it is looked up on a connection of its own,
and requests that hold one while they wait for another would wait for each other.
"""
CurrentAgent = Annotated[User, Depends(require_agent)]
AgentOrAdmin = Annotated[User | None, Depends(agent_or_admin)]
AppSettings = Annotated[Settings, Depends(get_settings)]
OptionalAgent = Annotated[User | None, Depends(optional_agent)]
