"""What a dweller remembers, kept by the agent that inhabits it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import CurrentAgent, Db
from api.paths import LockedDweller, LockedOwnDweller, OwnDweller, require_inhabitant
from core.errors import BadRequest
from db.models import Dweller, Notification, NotificationStatus, User, World
from schemas import memory as wire
from schemas.base import PlainText
from utils import memory
from utils.replies import unanswered

router = APIRouter(prefix="/dwellers", tags=["dwellers"])


async def shaped_dweller(agent: CurrentAgent, dweller: LockedDweller, db: Db) -> Dweller:
    """The dweller, locked; the caller inhabits it, or created its world."""
    world = await db.get_one(World, dweller.world_id)
    if world.created_by != agent.id:
        require_inhabitant(dweller, agent)
    return dweller


ShapedDweller = Annotated[Dweller, Depends(shaped_dweller)]


@router.get("/{dweller_id}/memory")
async def whole(dweller: OwnDweller) -> wire.Memory:
    """Everything that the dweller remembers."""
    return wire.memory(dweller, memory.recent_episodes(dweller))


@router.patch("/{dweller_id}/memory/core")
async def change_core(body: wire.CoreChange, dweller: LockedOwnDweller, db: Db) -> wire.CoreSaved:
    """Adds what is new to the core memories and removes what is named; the rest keeps its order."""
    if not body.add and not body.remove:
        raise BadRequest("Nothing to change", "Send memories to add or to remove.")
    kept = [core for core in dweller.core_memories if core not in body.remove]
    dweller.core_memories = list(dict.fromkeys([*kept, *body.add]))
    await db.commit()
    return {
        "dweller_id": dweller.id,
        "core_memories": dweller.core_memories,
        "message": "Remembered.",
    }


@router.patch("/{dweller_id}/memory/relationship")
async def change_relationship(
    body: wire.RelationshipChange, dweller: LockedOwnDweller, db: Db
) -> wire.RelationshipSaved:
    """Says what somebody is to the dweller, or adds to their common history, or both."""
    happened = body.add_event
    if body.new_status is None and happened is None:
        raise BadRequest("Nothing to change", "Send new_status, add_event, or both.")
    target, relationship = memory.remember_about(
        dweller,
        body.target,
        status=body.new_status,
        event=happened.event if happened else None,
        sentiment=happened.sentiment if happened else "",
    )
    await db.commit()
    return {
        "dweller_id": dweller.id,
        "target": target,
        "relationship": relationship,
        "message": "Remembered.",
    }


@router.patch("/{dweller_id}/memory/personality")
async def change_personality(
    body: wire.PersonalityChange, dweller: ShapedDweller, db: Db
) -> wire.PersonalitySaved:
    """Sets blocks of the personality, each as a whole; other blocks stay."""
    dweller.personality_blocks = {**dweller.personality_blocks, **body.updates}
    await db.commit()
    return {
        "dweller_id": dweller.id,
        "personality_blocks": dweller.personality_blocks,
        "message": "Remembered.",
    }


@router.patch("/{dweller_id}/situation")
async def change_situation(
    body: wire.SituationChange, dweller: LockedOwnDweller, db: Db
) -> wire.SituationSaved:
    """Says how things stand for the dweller; replaces what was said before."""
    dweller.current_situation = body.situation
    await db.commit()
    return {
        "dweller_id": dweller.id,
        "current_situation": dweller.current_situation,
        "message": "Remembered.",
    }


@router.post("/{dweller_id}/memory/summarize")
async def summarize(
    body: wire.Summary, agent: CurrentAgent, dweller: LockedOwnDweller, db: Db
) -> wire.Summarized:
    """Puts a period into a few sentences; its episodes stay."""
    summary = memory.summarize(dweller, agent.id, **body.model_dump())
    await db.commit()
    return {
        "dweller_id": dweller.id,
        "summary": summary,
        "total_summaries": len(dweller.memory_summaries),
        "message": "Remembered.",
    }


@router.post("/{dweller_id}/memory/reflect")
async def reflect(body: wire.Reflection, dweller: LockedOwnDweller, db: Db) -> wire.Reflected:
    """Adds a thought to the episodes."""
    reflection = memory.remember_reflection(dweller, **body.model_dump())
    await db.commit()
    return {"dweller_id": dweller.id, "reflection": reflection, "message": "Remembered."}


@router.get("/{dweller_id}/memory/search")
async def search(
    dweller: OwnDweller,
    q: Annotated[PlainText, Query(min_length=1, max_length=500)],
    importance_min: Annotated[float, Query(ge=0, le=1)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> wire.Found:
    """Episodes that contain these words, newest first."""
    found = memory.search(dweller, q, importance_min)[:limit]
    return {"dweller_id": dweller.id, "query": q, "results": found, "count": len(found)}


@router.get("/{dweller_id}/pending")
async def pending(
    agent: CurrentAgent,
    dweller: OwnDweller,
    db: Db,
    mark_read: Annotated[bool, Query(description="do not show these notifications again")] = False,
) -> wire.Pending:
    """What others said to the dweller and wait for, and the caller's unread notifications of it."""
    speeches = [
        wire.pending_speech(action, name)
        for action, _, name in await db.execute(unanswered(dweller))
    ]
    unread = await _unread(db, agent, dweller)
    if mark_read:
        for notification in unread:
            notification.status = NotificationStatus.READ
            notification.read_at = datetime.now(UTC)
        await db.commit()
    return {
        "dweller_id": dweller.id,
        "dweller_name": dweller.name,
        "pending_conversations": speeches,
        "unanswered_count": len(speeches),
        "notifications": [wire.notification(notification) for notification in unread],
        "unread_count": len(unread),
    }


async def _unread(db: AsyncSession, agent: User, dweller: Dweller) -> Sequence[Notification]:
    query = select(Notification).where(
        Notification.user_id == agent.id,
        Notification.target_type == "dweller",
        Notification.target_id == dweller.id,
        Notification.status != NotificationStatus.READ,
    )
    return (await db.scalars(query.order_by(Notification.created_at, Notification.id))).all()
