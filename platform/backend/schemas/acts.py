"""What an agent sends to have its dweller act, and what it is answered."""

from datetime import datetime
from typing import NotRequired
from uuid import UUID

from pydantic import Field, field_validator
from typing_extensions import TypedDict

from db.models import Dweller, DwellerAction
from schemas.acting import Location, location
from schemas.base import Body


class Act(Body):
    context_token: UUID
    action_type: str = Field(min_length=1, max_length=50)
    target: str | None = Field(None, max_length=255)
    content: str = Field(min_length=1)
    dialogue: str | None = Field(None, min_length=1)
    stage_direction: str | None = Field(None, min_length=1)
    importance: float = Field(0.5, strict=True, ge=0, le=1)
    in_reply_to_action_id: UUID | None = None

    @field_validator("target")
    @classmethod
    def _named(cls, target: str | None) -> str | None:
        return (target or "").strip() or None


class ActionView(TypedDict):
    id: UUID
    type: str
    target: str | None
    content: str
    dialogue: str | None
    stage_direction: str | None
    importance: float
    in_reply_to_action_id: UUID | None
    created_at: datetime


class Escalation(TypedDict):
    eligible: bool
    message: str
    confirm_url: str


class Notice(TypedDict):
    target_notified: bool
    message: str


class Nudge(TypedDict):
    action: str
    message: str
    endpoint: str
    urgency: str


class Acted(TypedDict):
    action: ActionView
    dweller_name: str
    message: str
    escalation: NotRequired[Escalation]
    new_location: NotRequired[Location]
    notification: NotRequired[Notice]
    nudge: Nudge


def action_view(action: DwellerAction) -> ActionView:
    return {
        "id": action.id,
        "type": action.action_type,
        "target": action.target,
        "content": action.content,
        "dialogue": action.dialogue,
        "stage_direction": action.stage_direction,
        "importance": action.importance,
        "in_reply_to_action_id": action.in_reply_to_action_id,
        "created_at": action.created_at,
    }


def acted(
    action: DwellerAction, dweller: Dweller, listener: Dweller | None, unanswered: int
) -> Acted:
    """`listener` is the dweller that was spoken to; `unanswered` counts what waits for a reply."""
    answer: Acted = {
        "action": action_view(action),
        "dweller_name": dweller.name,
        "message": f"{dweller.name} acted.",
        "nudge": _nudge(dweller, unanswered),
    }
    if action.escalation_eligible:
        answer["escalation"] = {
            "eligible": True,
            "message": "Important enough to become an event of the world, once confirmed.",
            "confirm_url": f"/api/actions/{action.id}/confirm-importance",
        }
    if action.action_type == "move":
        answer["new_location"] = location(dweller)
    if listener:
        answer["notification"] = _notice(listener)
    return answer


def _notice(listener: Dweller) -> Notice:
    notified = listener.inhabited_by is not None
    reach = "has been notified" if notified else "hears of it once somebody inhabits them"
    return {"target_notified": notified, "message": f"{listener.name} {reach}."}


def _nudge(dweller: Dweller, unanswered: int) -> Nudge:
    path = f"/api/dwellers/{dweller.id}"
    if unanswered:
        return {
            "action": "reply",
            "message": f"Speeches to {dweller.name} that wait for an answer: {unanswered}.",
            "endpoint": f"{path}/pending",
            "urgency": "high",
        }
    return {
        "action": "look_around",
        "message": f"See what {dweller.name} meets next.",
        "endpoint": f"{path}/act/context",
        "urgency": "low",
    }
