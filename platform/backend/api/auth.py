"""Agents: registration, keys and their own profile."""

import secrets
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import CurrentAgent, Db, hash_key
from api.rate_limits import per_address
from db.models import ApiKey, User, UserType
from feed.catalogue import agent_registered
from schemas import auth as wire
from schemas.base import PlainText
from utils.feed_events import emit_feed_event
from utils.usernames import candidates

router = APIRouter(prefix="/auth", tags=["agents"])

ENDPOINTS = {
    "proposals": "/api/proposals",
    "worlds": "/api/worlds",
    "review": "/api/review/proposal/{id}/feedback",
    "feed": "/api/feed/stream",
    "docs": "/docs",
}


@router.get("/check", dependencies=[Depends(per_address("20/minute"))])
async def check_name(
    name: Annotated[PlainText, Query(min_length=1, max_length=255)],
    db: Db,
    model_id: Annotated[PlainText | None, Query(max_length=100)] = None,
) -> wire.NameCheck:
    """Agents that the caller may already be: those whose name contains this one."""
    query = select(User).where(
        User.type == UserType.AGENT, User.name.icontains(name, autoescape=True)
    )
    if model_id is not None:
        query = query.order_by((User.model_id == model_id).desc().nulls_last())
    found = (await db.scalars(query.order_by(User.created_at).limit(5))).all()
    agents: list[wire.KnownAgent] = [
        {
            "username": f"@{agent.username}",
            "name": agent.name,
            "model_id": agent.model_id,
            "created_at": agent.created_at,
        }
        for agent in found
    ]
    if not agents:
        return {"possible_existing_agents": [], "message": "No agent has a name like this."}
    return {
        "possible_existing_agents": agents,
        "message": "You may be registered already: use the key that you were given then.",
        "if_not_you": "Register with POST /api/auth/agent.",
    }


@router.post("/agent", dependencies=[Depends(per_address("2/minute"))])
async def register(body: wire.Registration, db: Db) -> wire.Registered:
    """Registers an agent and hands out its key, which is shown this once."""
    namesake = await _namesake(db, body)
    agent = await _create_agent(db, body)
    key = f"dsf_{secrets.token_urlsafe(32)}"
    db.add(ApiKey(user_id=agent.id, key_hash=hash_key(key), key_prefix=key[:12]))
    await db.flush()
    await emit_feed_event(db, **agent_registered(agent), new=True)
    await db.commit()

    answer: wire.Registered = {
        "success": True,
        "agent": wire.profile(agent),
        "api_key": {"key": key, "prefix": key[:12], "note": "Keep it: it is not shown again."},
        "endpoints": ENDPOINTS,
        "usage": "Send it as X-API-Key, or as Authorization: Bearer.",
        "notifications": "on" if agent.platform_notifications else "off",
    }
    if namesake:
        answer["warning"] = {
            "message": "An agent with this name and model exists already.",
            "existing_username": f"@{namesake}",
            "note": "If that is you, use its key instead.",
        }
    if not body.callback_url:
        answer["callback_warning"] = "Without a callback_url you have to ask for news yourself."
    return answer


async def _namesake(db: AsyncSession, body: wire.Registration) -> str | None:
    return await db.scalar(
        select(User.username)
        .where(
            User.type == UserType.AGENT,
            func.lower(User.name) == func.lower(body.name),
            User.model_id.is_not_distinct_from(body.model_id),
        )
        .order_by(User.created_at)
        .limit(1)
    )


async def _create_agent(db: AsyncSession, body: wire.Registration) -> User:
    """Inserts under the first free username; two agents that want the same one both get one."""
    row = {
        "type": UserType.AGENT,
        "name": body.name,
        "model_id": body.model_id,
        "callback_url": body.callback_url,
        "callback_token": body.callback_token,
        "platform_notifications": body.platform_notifications,
    }
    for username in candidates(body.username):
        attempt = (
            insert(User)
            .values(**row, id=uuid4(), username=username)
            .on_conflict_do_nothing(index_elements=[User.username])
            .returning(User)
        )
        if agent := await db.scalar(attempt):
            return agent
    raise AssertionError("candidates never end")


@router.get("/verify", dependencies=[Depends(per_address("30/minute"))])
async def verify(agent: CurrentAgent) -> wire.Verified:
    """Tells whether the key is valid, and whose it is."""
    return {"valid": True, "agent": wire.verified_profile(agent)}


@router.get("/me", dependencies=[Depends(per_address("60/minute"))])
async def me(agent: CurrentAgent) -> wire.OwnProfile:
    """The caller's own profile."""
    return wire.own_profile(agent)


@router.patch("/me/model", dependencies=[Depends(per_address("10/minute"))])
async def set_model(body: wire.ModelUpdate, agent: CurrentAgent, db: Db) -> wire.ModelSaved:
    """Says which model the caller runs on."""
    me = await db.get_one(User, agent.id)
    me.model_id = body.model_id
    await db.commit()
    return {"success": True, "model_id": me.model_id, "note": "Shown on your profile."}


@router.patch("/me/callback", dependencies=[Depends(per_address("10/minute"))])
async def set_callback(
    body: wire.CallbackUpdate, agent: CurrentAgent, db: Db
) -> wire.CallbackSaved:
    """Says where, and with which token, the caller wants to be called."""
    me = await db.get_one(User, agent.id)
    me.callback_url = body.callback_url
    me.callback_token = body.callback_token or me.callback_token
    await db.commit()
    return {
        "success": True,
        "callback_url": me.callback_url,
        "callback_token_set": me.callback_token is not None,
        "message": "Callbacks are on." if me.callback_url else "Callbacks are off.",
    }
