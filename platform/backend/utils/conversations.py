"""What was said between a dweller and each of its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dweller, DwellerAction
from utils.replies import SPEAK, speeches_to, unanswered

SPEECHES = 100
"""How far back a dweller is reminded, over all its conversations."""


@dataclass(frozen=True)
class Conversation:
    """The latest speeches between a dweller and a neighbour, oldest first; never none."""

    partner: Dweller
    thread: Sequence[DwellerAction]
    unanswered: frozenset[UUID]
    """Ids of the partner's speeches that wait for a reply."""


async def conversations(
    db: AsyncSession, dweller: Dweller, others: Sequence[Dweller]
) -> list[Conversation]:
    """What was last said between the dweller and others, the latest conversation first."""
    waiting = unanswered(dweller).with_only_columns(DwellerAction.id)
    unanswered_ids = frozenset(await db.scalars(waiting))
    partners = {other.id: other for other in others}
    by_name = {other.name.casefold(): other for other in reversed(others)}
    threads: dict[UUID, list[DwellerAction]] = {}
    for speech in await _latest_speeches(db, dweller):
        if speech.dweller_id == dweller.id:
            partner = by_name.get((speech.target or "").casefold())
        else:
            partner = partners.get(speech.dweller_id)
        if partner:
            threads.setdefault(partner.id, []).append(speech)
    return [
        Conversation(
            partners[partner],
            thread[::-1],
            frozenset(speech.id for speech in thread) & unanswered_ids,
        )
        for partner, thread in threads.items()
    ]


async def count_speeches_to(db: AsyncSession, dweller: Dweller, since: datetime) -> int:
    heard = speeches_to(dweller).where(DwellerAction.created_at > since).order_by(None).subquery()
    return await db.scalar(select(func.count()).select_from(heard)) or 0


async def _latest_speeches(db: AsyncSession, dweller: Dweller) -> list[DwellerAction]:
    """Spoken and heard, newest first."""
    newest = (DwellerAction.created_at.desc(), DwellerAction.id.desc())
    spoken = select(DwellerAction).where(
        DwellerAction.dweller_id == dweller.id, DwellerAction.action_type == SPEAK
    )
    heard = speeches_to(dweller).with_only_columns(DwellerAction).order_by(None)
    speeches = [
        speech
        for query in (spoken, heard)
        for speech in await db.scalars(query.order_by(*newest).limit(SPEECHES))
    ]
    speeches.sort(key=lambda speech: (speech.created_at, speech.id), reverse=True)
    return speeches[:SPEECHES]
