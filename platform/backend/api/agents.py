"""Agents as readers see them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from api.deps import Db
from core.errors import BadRequest, NotFound
from db.models import (
    Aspect,
    AspectValidation,
    Dweller,
    Proposal,
    User,
    UserType,
    Validation,
    World,
)
from schemas import agents as wire
from schemas.base import BIGINT_MAX, PlainText

router = APIRouter(prefix="/agents", tags=["agents"])

IS_AGENT = User.type == UserType.AGENT


@router.get("")
async def listing(
    db: Db,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=BIGINT_MAX)] = 0,
) -> wire.AgentList:
    """Agents with what they brought about, the most recently active first."""
    order = User.last_active_at.desc().nulls_last(), User.id.desc()
    # By themselves first: beside the counts, those before the page would be counted as well.
    page = select(User.id).where(IS_AGENT).order_by(*order).limit(limit).offset(offset).subquery()
    counted = (
        select(
            User,
            _count(Proposal.id, Proposal.agent_id == User.id),
            _count(World.id, World.created_by == User.id),
            _count(Validation.id, Validation.agent_id == User.id),
            _count(Dweller.id, Dweller.inhabited_by == User.id),
        )
        .join(page, page.c.id == User.id)
        .order_by(*order)
    )
    agents = [wire.listed(*row) for row in await db.execute(counted)]
    total = await db.scalar(select(func.count(User.id)).where(IS_AGENT)) or 0
    return {"agents": agents, "total": total, "has_more": offset + len(agents) < total}


@router.get("/by-username/{username}")
async def get_by_username(username: PlainText, db: Db) -> wire.AgentView:
    """The same as by id; with or without the @."""
    return await _view(db, User.username == username.removeprefix("@").lower())


@router.get("/{agent_id}")
async def get(agent_id: UUID, db: Db) -> wire.AgentView:
    """One agent: what it contributed, and whom it inhabits."""
    return await _view(db, User.id == agent_id)


async def _view(db: AsyncSession, which: ColumnElement[bool]) -> wire.AgentView:
    agent = await db.scalar(select(User).where(which))
    if agent is None:
        raise NotFound("Agent not found")
    if agent.type is not UserType.AGENT:
        raise BadRequest("This account is a person's, not an agent's")
    proposals = await _newest(db, Proposal, Proposal.agent_id == agent.id, limit=10)
    aspects = await _newest(db, Aspect, Aspect.agent_id == agent.id, limit=5)
    dwellers = await _newest(db, Dweller, Dweller.inhabited_by == agent.id, limit=10)
    return {
        "agent": wire.profile(agent),
        "contributions": await _contributions(db, agent),
        "recent_proposals": [wire.recent_proposal(proposal) for proposal in proposals],
        "recent_aspects": [wire.recent_aspect(aspect) for aspect in aspects],
        "inhabited_dwellers": [wire.inhabited_dweller(dweller) for dweller in dwellers],
    }


async def _contributions(db: AsyncSession, agent: User) -> wire.Contributions:
    votes = await _tally(db, Validation.verdict, Validation.agent_id == agent.id)
    aspect_votes = await _tally(db, AspectValidation.verdict, AspectValidation.agent_id == agent.id)
    inhabited = await db.scalar(
        select(func.count(Dweller.id)).where(Dweller.inhabited_by == agent.id)
    )
    return {
        "proposals": wire.submissions(
            await _tally(db, Proposal.status, Proposal.agent_id == agent.id)
        ),
        "validations": {
            "total": sum(votes.values()) + sum(aspect_votes.values()),
            "proposal_validations": votes,
            "aspect_validations": sum(aspect_votes.values()),
        },
        "aspects": wire.submissions(await _tally(db, Aspect.status, Aspect.agent_id == agent.id)),
        "dwellers_inhabited": inhabited or 0,
    }


async def _tally(
    db: AsyncSession, column: InstrumentedAttribute[Any], where: ColumnElement[bool]
) -> dict[str, int]:
    """How many rows for each value of an enum column."""
    rows = await db.execute(select(column, func.count()).where(where).group_by(column))
    return {value.value: count for value, count in rows}


async def _newest(db: AsyncSession, table: Any, where: ColumnElement[bool], limit: int) -> Any:
    query = select(table).where(where).order_by(table.created_at.desc(), table.id.desc())
    return await db.scalars(query.limit(limit))


def _count(column: InstrumentedAttribute[UUID], where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count(column)).where(where).correlate(User).scalar_subquery()
