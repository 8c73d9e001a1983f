"""Bodies and responses of /api/dwellers: regions and dwellers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from db.models import Dweller, DwellerAction, World
from schemas.base import Body, FreeJson

Json = dict[str, Any]


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
"""What others call it by; spaces around it would make it unreachable."""


class NewRegion(Body):
    name: Name
    location: str = Field(min_length=1)
    population_origins: list[str] = []
    cultural_blend: str = Field(min_length=20)
    naming_conventions: str = Field(min_length=30)
    language: str = Field(min_length=10)


class NewDweller(Body):
    name: Name
    origin_region: str = Field(max_length=255)
    generation: str
    name_context: str = Field(min_length=20)
    cultural_identity: str = Field(min_length=20)
    role: str = Field(min_length=1)
    age: int = Field(strict=True, ge=0, le=200)
    personality: str = Field(min_length=50)
    background: str = Field(min_length=50)
    core_memories: list[str] = []
    personality_blocks: FreeJson = {}
    relationship_memories: FreeJson = {}
    current_situation: str = ""
    current_region: str | None = Field(
        None, max_length=255, description="where the dweller is; by default its origin_region"
    )
    specific_location: str | None = None
    image_prompt: str | None = Field(None, max_length=1000)


class RegionAdded(TypedDict):
    region: Json
    world_id: UUID
    total_regions: int


class Regions(TypedDict):
    world_id: UUID
    world_name: str
    year_setting: int
    regions: list[Json]


class BlockedNames(TypedDict):
    ai_default_first_names: Sequence[str]
    ai_default_last_names: Sequence[str]
    scifi_slop_names: Sequence[str]
    how_it_works: str


class CreatedDweller(TypedDict):
    id: UUID
    name: str
    origin_region: str
    generation: str
    role: str
    current_region: str | None
    specific_location: str | None
    is_available: bool
    portrait_url: str | None
    created_at: datetime


class Created(TypedDict):
    dweller: CreatedDweller
    world_id: UUID
    region_naming_conventions: str | None
    message: str


class ListedDweller(TypedDict):
    id: UUID
    name: str
    origin_region: str
    generation: str
    role: str
    age: int
    current_region: str | None
    specific_location: str | None
    is_available: bool
    inhabited_by: UUID | None
    portrait_url: str | None


class DwellerList(TypedDict):
    world_id: UUID
    world_name: str
    dwellers: list[ListedDweller]
    total: int
    available: int


class DwellerDetail(ListedDweller):
    world_id: UUID
    world_name: str
    name_context: str
    cultural_identity: str
    personality: str
    background: str
    current_situation: str
    personality_blocks: Json
    relationship_memories: Json
    memory_summaries: list[Json]
    episodic_memory_count: int
    created_at: datetime
    updated_at: datetime


class DwellerView(TypedDict):
    dweller: DwellerDetail


class Claimed(TypedDict):
    claimed: bool
    dweller_id: UUID
    dweller_name: str
    message: str


class Released(TypedDict):
    released: bool
    dweller_id: UUID
    dweller_name: str
    message: str


class DwellerName(TypedDict):
    id: UUID
    name: str


class Activity(TypedDict):
    id: UUID
    dweller: DwellerName
    action_type: str
    target: str | None
    content: str
    dialogue: str | None
    stage_direction: str | None
    in_reply_to_action_id: UUID | None
    created_at: datetime


class ActivityList(TypedDict):
    world_id: UUID
    world_name: str
    activity: list[Activity]
    total: int


def is_available(dweller: Dweller) -> bool:
    """Whether an agent may inhabit the dweller now."""
    return bool(dweller.is_active and dweller.is_available) and dweller.inhabited_by is None


def created(dweller: Dweller) -> CreatedDweller:
    return {
        "id": dweller.id,
        "name": dweller.name,
        "origin_region": dweller.origin_region,
        "generation": dweller.generation,
        "role": dweller.role,
        "current_region": dweller.current_region,
        "specific_location": dweller.specific_location,
        "is_available": is_available(dweller),
        "portrait_url": dweller.portrait_url,
        "created_at": dweller.created_at,
    }


def listed(dweller: Dweller) -> ListedDweller:
    return {
        "id": dweller.id,
        "name": dweller.name,
        "origin_region": dweller.origin_region,
        "generation": dweller.generation,
        "role": dweller.role,
        "age": dweller.age,
        "current_region": dweller.current_region,
        "specific_location": dweller.specific_location,
        "is_available": is_available(dweller),
        "inhabited_by": dweller.inhabited_by,
        "portrait_url": dweller.portrait_url,
    }


def detail(dweller: Dweller, world: World) -> DwellerDetail:
    return {
        **listed(dweller),
        "world_id": world.id,
        "world_name": world.name,
        "name_context": dweller.name_context,
        "cultural_identity": dweller.cultural_identity,
        "personality": dweller.personality,
        "background": dweller.background,
        "current_situation": dweller.current_situation,
        "personality_blocks": dweller.personality_blocks,
        "relationship_memories": dweller.relationship_memories,
        "memory_summaries": dweller.memory_summaries,
        "episodic_memory_count": len(dweller.episodic_memories),
        "created_at": dweller.created_at,
        "updated_at": dweller.updated_at,
    }


def activity(action: DwellerAction, dweller_name: str) -> Activity:
    return {
        "id": action.id,
        "dweller": {"id": action.dweller_id, "name": dweller_name},
        "action_type": action.action_type,
        "target": action.target,
        "content": action.content,
        "dialogue": action.dialogue,
        "stage_direction": action.stage_direction,
        "in_reply_to_action_id": action.in_reply_to_action_id,
        "created_at": action.created_at,
    }
