"""Bodies and responses about where a dweller stands: its state, and the context of its next act."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import Aspect, Dweller, DwellerAction, World
from schemas.base import Body

Json = dict[str, Any]

SESSION = timedelta(hours=24)
WARNING = timedelta(hours=20)
"""Shown only: a dweller stays with its agent until it is released."""


class ContextRequest(Body):
    target: str | None = Field(
        None, max_length=255, description="name of the dweller that you want to speak with"
    )


class WorldCanon(TypedDict):
    id: UUID
    name: str
    year_setting: int
    canon_summary: str
    premise: str
    causal_chain: list[Json]
    scientific_basis: str | None
    regions: list[Json]


class Persona(TypedDict):
    name: str
    role: str
    age: int
    personality: str
    cultural_identity: str
    background: str


class CulturalContext(TypedDict):
    origin_region: str
    generation: str
    region_details: Json | None


class Location(TypedDict):
    current_region: str | None
    specific_location: str | None


class WorkingMemory(TypedDict):
    core_memories: list[Any]
    personality_blocks: Json
    recent_episodes: list[Json]
    relationships: Json


class WholeMemory(WorkingMemory):
    summaries: list[Json]


class MemoryMetrics(TypedDict):
    working_memory_size: int
    core_memories: int
    episodes: int
    episodes_in_working_memory: int
    summaries: int
    relationships: int


class Situation(TypedDict):
    situation: str


class Session(TypedDict):
    """Hours are null as long as nothing is known of a last action."""

    last_action_at: datetime | None
    hours_since_action: float | None
    hours_until_timeout: float | None
    timeout_warning: bool
    timeout_imminent: bool


class OtherDweller(TypedDict):
    id: UUID
    name: str
    role: str
    current_region: str | None
    is_inhabited: bool


class PendingSummary(TypedDict):
    unanswered_speaks: int
    message: str


class State(TypedDict):
    dweller_id: UUID
    world_canon: WorldCanon
    persona: Persona
    cultural_context: CulturalContext
    location: Location
    memory: WholeMemory
    memory_metrics: MemoryMetrics
    current_state: Situation
    session: Session
    other_dwellers: list[OtherDweller]
    pending_conversations_summary: PendingSummary


class NearbyAction(TypedDict):
    id: UUID
    dweller_id: UUID
    dweller_name: str
    action_type: str
    target: str | None
    content: str
    dialogue: str | None
    created_at: datetime


class Traveller(TypedDict):
    id: UUID
    name: str
    current_region: str | None


class CanonChange(TypedDict):
    aspect_id: UUID
    type: str
    title: str
    premise: str
    approved_at: datetime | None


class Delta(TypedDict):
    since: datetime
    new_actions_in_region: list[NearbyAction]
    arrived_dwellers: list[Traveller]
    departed_dwellers: list[Traveller]
    canon_changes: list[CanonChange]
    new_conversations: int
    world_events: list[Json]


class Speech(TypedDict):
    action_id: UUID
    speaker: str
    content: str
    dialogue: str | None
    created_at: datetime
    in_reply_to: UUID | None
    awaiting_your_reply: bool


class ConversationView(TypedDict):
    with_dweller: str
    dweller_id: UUID
    relationship: Any
    thread: list[Speech]
    unanswered_count: int
    your_turn: bool


class Context(TypedDict):
    context_token: UUID
    expires_in_minutes: int
    delta: Delta
    world_canon: WorldCanon
    persona: Persona
    memory: WorkingMemory
    conversations: list[ConversationView]
    recent_region_activity: list[NearbyAction]
    location: Location
    session: Session
    other_dwellers: list[OtherDweller]


def world_canon(world: World) -> WorldCanon:
    """As long as nobody has written a canon summary, the premise stands in for it."""
    return {
        "id": world.id,
        "name": world.name,
        "year_setting": world.year_setting,
        "canon_summary": world.canon_summary or world.premise,
        "premise": world.premise,
        "causal_chain": world.causal_chain,
        "scientific_basis": world.scientific_basis,
        "regions": world.regions,
    }


def persona(dweller: Dweller) -> Persona:
    return {
        "name": dweller.name,
        "role": dweller.role,
        "age": dweller.age,
        "personality": dweller.personality,
        "cultural_identity": dweller.cultural_identity,
        "background": dweller.background,
    }


def location(dweller: Dweller) -> Location:
    return {
        "current_region": dweller.current_region,
        "specific_location": dweller.specific_location,
    }


def working_memory(dweller: Dweller, recent_episodes: list[Json]) -> WorkingMemory:
    return {
        "core_memories": dweller.core_memories,
        "personality_blocks": dweller.personality_blocks,
        "recent_episodes": recent_episodes,
        "relationships": dweller.relationship_memories,
    }


def memory_metrics(dweller: Dweller, recent_episodes: list[Json]) -> MemoryMetrics:
    return {
        "working_memory_size": dweller.working_memory_size,
        "core_memories": len(dweller.core_memories),
        "episodes": len(dweller.episodic_memories),
        "episodes_in_working_memory": len(recent_episodes),
        "summaries": len(dweller.memory_summaries),
        "relationships": len(dweller.relationship_memories),
    }


def session(dweller: Dweller) -> Session:
    last = dweller.last_action_at
    if last is None:
        return {
            "last_action_at": None,
            "hours_since_action": None,
            "hours_until_timeout": None,
            "timeout_warning": False,
            "timeout_imminent": False,
        }
    idle = datetime.now(UTC) - last
    left = max(SESSION - idle, timedelta())
    return {
        "last_action_at": last,
        "hours_since_action": _hours(idle),
        "hours_until_timeout": _hours(left),
        "timeout_warning": idle >= WARNING,
        "timeout_imminent": left < SESSION - WARNING,
    }


def _hours(time: timedelta) -> float:
    return round(time / timedelta(hours=1), 2)


def other_dwellers(others: Iterable[Dweller]) -> list[OtherDweller]:
    return [
        {
            "id": other.id,
            "name": other.name,
            "role": other.role,
            "current_region": other.current_region,
            "is_inhabited": other.inhabited_by is not None,
        }
        for other in others
    ]


def travellers(dwellers: Iterable[Dweller]) -> list[Traveller]:
    return [
        {"id": dweller.id, "name": dweller.name, "current_region": dweller.current_region}
        for dweller in dwellers
    ]


def nearby(actions: Iterable[tuple[DwellerAction, str]]) -> list[NearbyAction]:
    """Actions with the names of who acted."""
    return [
        {
            "id": action.id,
            "dweller_id": action.dweller_id,
            "dweller_name": name,
            "action_type": action.action_type,
            "target": action.target,
            "content": action.content,
            "dialogue": action.dialogue,
            "created_at": action.created_at,
        }
        for action, name in actions
    ]


def canon_changes(aspects: Iterable[Aspect]) -> list[CanonChange]:
    return [
        {
            "aspect_id": aspect.id,
            "type": aspect.aspect_type,
            "title": aspect.title,
            "premise": aspect.premise,
            "approved_at": aspect.approved_at,
        }
        for aspect in aspects
    ]


def conversation(
    dweller: Dweller,
    partner: Dweller,
    thread: Sequence[DwellerAction],
    unanswered: Collection[UUID],
    relationship: Any,
) -> ConversationView:
    """As the dweller sees it; `thread` is in order of time and not empty."""
    speakers = {dweller.id: dweller.name, partner.id: partner.name}
    return {
        "with_dweller": partner.name,
        "dweller_id": partner.id,
        "relationship": relationship,
        "thread": [
            {
                "action_id": speech.id,
                "speaker": speakers[speech.dweller_id],
                "content": speech.content,
                "dialogue": speech.dialogue,
                "created_at": speech.created_at,
                "in_reply_to": speech.in_reply_to_action_id,
                "awaiting_your_reply": speech.id in unanswered,
            }
            for speech in thread
        ],
        "unanswered_count": len(unanswered),
        "your_turn": thread[-1].dweller_id == partner.id,
    }
