"""What a dweller can know of its world: who else is there, what they do, what has changed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from db.models import Aspect, AspectStatus, Dweller, DwellerAction, World
from utils.memory import MOVE
from utils.regions import parse_place

NEARBY_ACTIONS = 20


async def neighbours(db: AsyncSession, dweller: Dweller) -> Sequence[Dweller]:
    """Other dwellers of the same world, in the order of their creation; without their memories."""
    query = (
        select(Dweller)
        .options(
            load_only(
                Dweller.name,
                Dweller.role,
                Dweller.origin_region,
                Dweller.current_region,
                Dweller.inhabited_by,
                raiseload=True,
            )
        )
        .where(
            Dweller.world_id == dweller.world_id,
            Dweller.id != dweller.id,
            Dweller.is_active.is_(True),
        )
        .order_by(Dweller.created_at, Dweller.id)
    )
    return (await db.scalars(query)).all()


async def nearby_actions(db: AsyncSession, dweller: Dweller) -> Sequence[tuple[DwellerAction, str]]:
    """The latest that others did who are in the dweller's region now, newest first, with names."""
    query = (
        _actions_of_others(dweller)
        .where(Dweller.current_region == dweller.current_region)
        .order_by(DwellerAction.created_at.desc(), DwellerAction.id.desc())
        .limit(NEARBY_ACTIONS)
    )
    return [(action, name) for action, name in await db.execute(query)]


async def movements(
    db: AsyncSession,
    world: World,
    dweller: Dweller,
    others: Sequence[Dweller],
    since: datetime,
) -> tuple[list[Dweller], list[Dweller]]:
    """Who came to the dweller's region since then, and who left it.

    Moves say where to. Where from is the move before, or else where a dweller is at home.
    """
    before = await _places(db, world, dweller, since)
    here = dweller.current_region
    moved = [
        (other, before[other.id] or other.origin_region) for other in others if other.id in before
    ]
    arrived = [other for other, place in moved if place != here == other.current_region]
    departed = [other for other, place in moved if place == here != other.current_region]
    return arrived, departed


async def _places(
    db: AsyncSession, world: World, dweller: Dweller, since: datetime
) -> dict[UUID, str | None]:
    """The region that each dweller who moved since then was in before, as far as moves tell.

    The first move since then, which the dictionary keeps, comes last.
    """
    moving = _actions_of_others(dweller).where(DwellerAction.action_type == MOVE)
    movers = moving.with_only_columns(DwellerAction.dweller_id).where(
        DwellerAction.created_at > since
    )
    moves = (
        moving.with_only_columns(
            DwellerAction.dweller_id,
            DwellerAction.created_at,
            func.lag(DwellerAction.target)
            .over(
                partition_by=DwellerAction.dweller_id,
                order_by=(DwellerAction.created_at, DwellerAction.id),
            )
            .label("before"),
        )
        .where(DwellerAction.dweller_id.in_(movers))
        .subquery()
    )
    newest_first = (
        select(moves.c.dweller_id, moves.c.before)
        .where(moves.c.created_at > since)
        .order_by(moves.c.created_at.desc())
    )
    return {mover: _region(world, target) for mover, target in await db.execute(newest_first)}


def _region(world: World, target: str | None) -> str | None:
    place = parse_place(world.regions, target or "")
    return place[0] if place else None


async def canon_changes(db: AsyncSession, world: World, since: datetime) -> Sequence[Aspect]:
    """Aspects that became canon since then, oldest first."""
    query = select(Aspect).where(
        Aspect.world_id == world.id,
        Aspect.status == AspectStatus.APPROVED,
        Aspect.approved_at > since,
    )
    return (await db.scalars(query.order_by(Aspect.approved_at, Aspect.id))).all()


def _actions_of_others(dweller: Dweller) -> Select[DwellerAction, str]:
    return (
        select(DwellerAction, Dweller.name)
        .join(Dweller, Dweller.id == DwellerAction.dweller_id)
        .where(Dweller.world_id == dweller.world_id, Dweller.id != dweller.id)
    )
