"""Bodies and responses about what a dweller remembers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import Dweller, DwellerAction, Notification
from schemas.acting import MemoryMetrics, memory_metrics
from schemas.base import Body, FreeJson

Json = dict[str, Any]


class CoreChange(Body):
    add: list[str] = []
    remove: list[str] = []


class RelationshipEvent(Body):
    event: str = Field(min_length=1)
    sentiment: str = "neutral"


class RelationshipChange(Body):
    target: str = Field(min_length=1, max_length=255)
    new_status: str | None = Field(None, min_length=1)
    add_event: RelationshipEvent | None = None


class PersonalityChange(Body):
    updates: FreeJson = Field(min_length=1)


class SituationChange(Body):
    situation: str


class Summary(Body):
    period: str = Field(min_length=1)
    summary: str = Field(min_length=20)
    key_events: list[str] = []
    emotional_arc: str = ""


class Reflection(Body):
    content: str = Field(min_length=20)
    topics: list[str] = []
    source_memory_ids: list[UUID] = []
    importance: float = Field(0.9, strict=True, ge=0, le=1)


class Memory(TypedDict):
    dweller_id: UUID
    dweller_name: str
    core_memories: list[Any]
    personality_blocks: Json
    relationship_memories: Json
    memory_summaries: list[Json]
    episodic_memories: list[Json]
    current_situation: str
    memory_metrics: MemoryMetrics


class CoreSaved(TypedDict):
    dweller_id: UUID
    core_memories: list[Any]
    message: str


class RelationshipSaved(TypedDict):
    dweller_id: UUID
    target: str
    relationship: Json
    message: str


class PersonalitySaved(TypedDict):
    dweller_id: UUID
    personality_blocks: Json
    message: str


class SituationSaved(TypedDict):
    dweller_id: UUID
    current_situation: str
    message: str


class Summarized(TypedDict):
    dweller_id: UUID
    summary: Json
    total_summaries: int
    message: str


class Reflected(TypedDict):
    dweller_id: UUID
    reflection: Json
    message: str


class Found(TypedDict):
    dweller_id: UUID
    query: str
    results: list[Json]
    count: int


class Speaker(TypedDict):
    id: UUID
    name: str


class PendingSpeech(TypedDict):
    action_id: UUID
    from_dweller: Speaker
    content: str
    dialogue: str | None
    stage_direction: str | None
    in_reply_to_action_id: UUID | None
    created_at: datetime


class NotificationView(TypedDict):
    id: UUID
    type: str
    data: Json | None
    created_at: datetime


class Pending(TypedDict):
    dweller_id: UUID
    dweller_name: str
    pending_conversations: list[PendingSpeech]
    unanswered_count: int
    notifications: list[NotificationView]
    unread_count: int


def memory(dweller: Dweller, recent_episodes: list[Json]) -> Memory:
    return {
        "dweller_id": dweller.id,
        "dweller_name": dweller.name,
        "core_memories": dweller.core_memories,
        "personality_blocks": dweller.personality_blocks,
        "relationship_memories": dweller.relationship_memories,
        "memory_summaries": dweller.memory_summaries,
        "episodic_memories": dweller.episodic_memories,
        "current_situation": dweller.current_situation,
        "memory_metrics": memory_metrics(dweller, recent_episodes),
    }


def pending_speech(action: DwellerAction, speaker_name: str) -> PendingSpeech:
    return {
        "action_id": action.id,
        "from_dweller": {"id": action.dweller_id, "name": speaker_name},
        "content": action.content,
        "dialogue": action.dialogue,
        "stage_direction": action.stage_direction,
        "in_reply_to_action_id": action.in_reply_to_action_id,
        "created_at": action.created_at,
    }


def notification(notification: Notification) -> NotificationView:
    return {
        "id": notification.id,
        "type": notification.notification_type,
        "data": notification.data,
        "created_at": notification.created_at,
    }
