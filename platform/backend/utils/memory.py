"""What a dweller remembers.

Every change puts a new object into the column: SQLAlchemy does not look inside JSON, so what is
appended in place is not saved. The caller holds the dweller's lock and commits.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from db.models import Dweller, DwellerAction
from feed.catalogue.refs import cut

Json = dict[str, Any]

MOVE = "move"
EVENT_LENGTH = 200
NEW_ACQUAINTANCE = "known"


def remember_action(dweller: Dweller, action: DwellerAction) -> None:
    """An episode; and whatever the action was aimed at is part of a relationship from now on."""
    episode = {
        "id": str(uuid4()),
        "action_id": str(action.id),
        "timestamp": action.created_at.isoformat(),
        "type": action.action_type,
        "content": action.content,
        "target": action.target,
        "importance": action.importance,
    }
    dweller.episodic_memories = [*dweller.episodic_memories, episode]
    if action.target and action.action_type != MOVE:
        event = cut(f"{action.action_type}: {action.content}", EVENT_LENGTH)
        remember_about(dweller, action.target, event=event, at=action.created_at)


def remember_reflection(
    dweller: Dweller,
    content: str,
    topics: list[str],
    source_memory_ids: list[UUID],
    importance: float,
) -> Json:
    """A thought that stands among the episodes; returns it."""
    reflection = {
        "id": str(uuid4()),
        "type": "reflection",
        "timestamp": _now(),
        "content": content,
        "topics": topics,
        "importance": importance,
        "source_memory_ids": [str(source) for source in source_memory_ids],
    }
    dweller.episodic_memories = [*dweller.episodic_memories, reflection]
    return reflection


def remember_about(
    dweller: Dweller,
    name: str,
    *,
    status: str | None = None,
    event: str | None = None,
    sentiment: str = "neutral",
    at: datetime | None = None,
) -> tuple[str, Json]:
    """Changes the status of a relationship, or adds to its history; returns its key and itself."""
    memories = dweller.relationship_memories
    key = _key(dweller, name)
    relationship = _relationship(memories.get(key))
    if status is not None:
        relationship["current_status"] = status
    if event is not None:
        time = at.isoformat() if at else _now()
        entry = {"timestamp": time, "event": event, "sentiment": sentiment}
        relationship["history"] = [*relationship["history"], entry]
    dweller.relationship_memories = {**memories, key: relationship}
    return key, relationship


def relationship_with(dweller: Dweller, name: str) -> Any:
    """What the dweller remembers of somebody; None when that is nothing."""
    return dweller.relationship_memories.get(_key(dweller, name))


def _key(dweller: Dweller, name: str) -> str:
    """Under which name somebody is remembered, whatever its case."""
    known = (key for key in dweller.relationship_memories if key.casefold() == name.casefold())
    return next(known, name)


def _relationship(remembered: Any) -> Json:
    """What creators write about a relationship is free; a history needs a shape."""
    relationship = remembered if isinstance(remembered, dict) else {}
    status = relationship.get("current_status") or (
        remembered if isinstance(remembered, str) else NEW_ACQUAINTANCE
    )
    history = relationship.get("history")
    return {
        **relationship,
        "current_status": status,
        "history": history if isinstance(history, list) else [],
    }


def summarize(
    dweller: Dweller,
    author_id: UUID,
    period: str,
    summary: str,
    key_events: list[str],
    emotional_arc: str,
) -> Json:
    """A summary of a period, beside its episodes; returns it."""
    entry = {
        "id": str(uuid4()),
        "period": period,
        "summary": summary,
        "key_events": key_events,
        "emotional_arc": emotional_arc,
        "created_at": _now(),
        "created_by": str(author_id),
    }
    dweller.memory_summaries = [*dweller.memory_summaries, entry]
    return entry


def recent_episodes(dweller: Dweller) -> list[Json]:
    """What fits into the dweller's working memory, oldest first."""
    size = dweller.working_memory_size
    return dweller.episodic_memories[-size:] if size > 0 else []


def search(dweller: Dweller, words: str, least_importance: float) -> list[Json]:
    """Episodes that contain these words, whatever their case, newest first."""
    wanted = words.casefold()
    return [
        episode
        for episode in reversed(dweller.episodic_memories)
        if _importance(episode) >= least_importance and wanted in _text(episode)
    ]


def _importance(episode: Json) -> float:
    importance = episode.get("importance")
    return importance if isinstance(importance, int | float) else 0.0


def _text(episode: Json) -> str:
    parts = (episode.get("content"), episode.get("target"), *(episode.get("topics") or ()))
    return "\n".join(str(part) for part in parts if part).casefold()


def _now() -> str:
    return datetime.now(UTC).isoformat()
