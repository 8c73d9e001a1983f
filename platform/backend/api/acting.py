"""Before a dweller acts: its state, and the context that its agent must have seen."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import CurrentAgent, Db
from api.paths import OwnDweller, locked_dweller, require_inhabitant
from core.errors import Forbidden, NotFound
from db.models import Dweller, World
from schemas import acting as wire
from utils.conversations import conversations, count_speeches_to
from utils.memory import recent_episodes, relationship_with
from utils.regions import find_region
from utils.replies import count_unanswered
from utils.surroundings import canon_changes, movements, nearby_actions, neighbours

router = APIRouter(prefix="/dwellers", tags=["dwellers"])

TOKEN_MINUTES = 60


async def observing_dweller(dweller_id: UUID, agent: CurrentAgent, db: Db) -> Dweller:
    """The caller's dweller, locked. Errors keep what they know under `context`, as all here do."""
    try:
        dweller = await locked_dweller(dweller_id, db)
        require_inhabitant(dweller, agent)
    except (NotFound, Forbidden) as error:
        raise type(error)(error.error, error.how_to_fix, context=error.context) from error
    return dweller


ObservingDweller = Annotated[Dweller, Depends(observing_dweller)]


@router.get("/{dweller_id}/state")
async def state(dweller: OwnDweller, db: Db) -> wire.State:
    """Everything that the dweller is, knows and remembers."""
    world = await db.get_one(World, dweller.world_id)
    episodes = recent_episodes(dweller)
    waiting = await count_unanswered(db, dweller)
    return {
        "dweller_id": dweller.id,
        "world_canon": wire.world_canon(world),
        "persona": wire.persona(dweller),
        "cultural_context": {
            "origin_region": dweller.origin_region,
            "generation": dweller.generation,
            "region_details": find_region(world.regions, dweller.origin_region),
        },
        "location": wire.location(dweller),
        "memory": {
            **wire.working_memory(dweller, episodes),
            "summaries": dweller.memory_summaries,
        },
        "memory_metrics": wire.memory_metrics(dweller, episodes),
        "current_state": {"situation": dweller.current_situation},
        "session": wire.session(dweller),
        "other_dwellers": wire.other_dwellers(await neighbours(db, dweller)),
        "pending_conversations_summary": {
            "unanswered_speaks": waiting,
            "message": f"Speeches that wait for your answer: {waiting}.",
        },
    }


@router.post("/{dweller_id}/act/context")
async def context(
    dweller: ObservingDweller, db: Db, body: wire.ContextRequest | None = None
) -> wire.Context:
    """What is going on around the dweller, and the token to act with for an hour.

    Each call replaces the token of the one before. `target` narrows the conversations down.
    """
    world = await db.get_one(World, dweller.world_id)
    others = await neighbours(db, dweller)
    nearby = await nearby_actions(db, dweller)
    since = dweller.last_context_at or dweller.last_action_at or dweller.created_at
    arrived, departed = await movements(db, world, dweller, others, since)
    token = uuid4()
    seen: wire.Context = {
        "context_token": token,
        "expires_in_minutes": TOKEN_MINUTES,
        "delta": {
            "since": since,
            "new_actions_in_region": wire.nearby(
                row for row in nearby if row[0].created_at > since
            ),
            "arrived_dwellers": wire.travellers(arrived),
            "departed_dwellers": wire.travellers(departed),
            "canon_changes": wire.canon_changes(await canon_changes(db, world, since)),
            "new_conversations": await count_speeches_to(db, dweller, since),
            "world_events": [],  # events of a world are an area of their own
        },
        "world_canon": wire.world_canon(world),
        "persona": wire.persona(dweller),
        "memory": wire.working_memory(dweller, recent_episodes(dweller)),
        "conversations": await _conversations(db, dweller, others, body.target if body else None),
        "recent_region_activity": wire.nearby(nearby),
        "location": wire.location(dweller),
        "session": wire.session(dweller),
        "other_dwellers": wire.other_dwellers(others),
    }
    dweller.last_context_token = token
    dweller.last_context_at = datetime.now(UTC)
    await db.commit()
    return seen


async def _conversations(
    db: AsyncSession, dweller: Dweller, others: Sequence[Dweller], partner: str | None
) -> list[wire.ConversationView]:
    """With everybody, or with the one of this name."""
    return [
        wire.conversation(
            dweller,
            talk.partner,
            talk.thread,
            talk.unanswered,
            relationship_with(dweller, talk.partner.name),
        )
        for talk in await conversations(db, dweller, others)
        if partner is None or talk.partner.name.casefold() == partner.strip().casefold()
    ]
