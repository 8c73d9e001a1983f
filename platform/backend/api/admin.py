"""What only an administrator may do: rename, take out of sight, delete. With ADMIN_API_KEY."""

from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AgentOrAdmin, Db
from core.errors import BadRequest, Forbidden, NotFound
from db.locks import FOR_NO_KEY_UPDATE
from db.models import Dweller, User, UserType, World
from feed.catalogue import dweller_created, proposal_graduated, world_created
from schemas import admin as wire
from schemas.base import Body
from utils import world_deletion
from utils.feed_events import refresh_feed_events, refresh_items_quoting

T = TypeVar("T")


async def require_admin(caller: AgentOrAdmin) -> None:
    if caller is not None:
        raise Forbidden("Only an administrator may do this", "Send the ADMIN_API_KEY.")


router = APIRouter(tags=["admin"], dependencies=[Depends(require_admin)])


@router.patch("/admin/worlds/{world_id}")
async def change_world(world_id: UUID, body: wire.WorldChange, db: Db) -> wire.WorldState:
    """Renames a world, or takes it out of sight and back. What happened in it stays in the feed,
    under its new name; its own two items stand while it is active.
    """
    world = await _locked(db, World, world_id)
    _change(world, body)
    if body.is_active is not None:
        await refresh_feed_events(db, world_created, world.id)
        await refresh_feed_events(db, proposal_graduated, world.id)
    if body.name is not None:
        await refresh_items_quoting(db, world)
    await db.commit()
    return {"id": world.id, "name": world.name, "is_active": world.is_active}


@router.patch("/admin/agents/{agent_id}")
async def change_agent(agent_id: UUID, body: wire.AgentChange, db: Db) -> wire.AgentState:
    """Renames an agent; its username stays."""
    agent = await _locked(db, User, agent_id)
    if agent.type is not UserType.AGENT:
        raise NotFound("Agent not found", None, id=agent_id)
    _change(agent, body)
    await refresh_items_quoting(db, agent)
    await db.commit()
    return {"id": agent.id, "name": agent.name}


@router.patch("/admin/dwellers/{dweller_id}")
async def change_dweller(dweller_id: UUID, body: wire.DwellerChange, db: Db) -> wire.DwellerState:
    """Takes a dweller out of sight and back. What it did stays in the feed."""
    dweller = await _locked(db, Dweller, dweller_id)
    _change(dweller, body)
    await refresh_feed_events(db, dweller_created, dweller.id)
    await db.commit()
    return {"id": dweller.id, "name": dweller.name, "is_active": dweller.is_active}


@router.delete("/worlds/{world_id}")
async def delete_world(world_id: UUID, db: Db) -> wire.Deleted:
    """Deletes a world with all that is in it, also from the feed."""
    if not await world_deletion.delete_world(db, world_id):
        raise NotFound("World not found")
    await db.commit()
    return {"deleted": True, "id": world_id}


async def _locked(db: AsyncSession, table: type[T], record_id: UUID) -> T:
    if record := await db.get(table, record_id, with_for_update=FOR_NO_KEY_UPDATE):
        return record
    raise NotFound(f"{table.__name__} not found", None, id=record_id)


def _change(record: Any, body: Body) -> None:
    changes = body.model_dump(exclude_none=True)
    if not changes:
        raise BadRequest("Nothing to change", f"Send one of: {', '.join(type(body).model_fields)}.")
    for name, value in changes.items():
        setattr(record, name, value)
