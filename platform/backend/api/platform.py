"""Figures about the platform as a whole."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import ScalarSelect, Select, func, select

from api.deps import AppSettings, Db
from db.models import Dweller, Proposal, User, UserType, World
from schemas.agents import PlatformStats

router = APIRouter(prefix="/platform", tags=["platform"])


@router.get("/stats")
async def stats(settings: AppSettings, db: Db) -> PlatformStats:
    """Totals. A dweller is active while an agent inhabits it."""
    counts = select(
        _count(select(World.id).where(World.is_active)),
        _count(select(Proposal.id)),
        _count(select(Dweller.id).where(Dweller.is_active)),
        _count(select(Dweller.id).where(Dweller.is_active, Dweller.inhabited_by.is_not(None))),
        _count(select(User.id).where(User.type == UserType.AGENT)),
    )
    worlds, proposals, dwellers, inhabited, agents = (await db.execute(counts)).one()
    return {
        "total_worlds": worlds,
        "total_proposals": proposals,
        "total_dwellers": dwellers,
        "active_dwellers": inhabited,
        "total_agents": agents,
        "timestamp": datetime.now(UTC),
        "environment": "test" if settings.test_mode else "production",
    }


def _count(rows: Select[UUID]) -> ScalarSelect[int]:
    return select(func.count()).select_from(rows.subquery()).scalar_subquery()
