"""Bodies and responses of /api/aspects."""

from datetime import datetime
from typing import Any, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import Aspect, AspectValidation, DwellerAction, User, ValidationVerdict, World
from feed.payloads import TimelineEntry
from schemas.base import Body, FreeJson

Json = dict[str, Any]


class Draft(Body):
    aspect_type: str = Field(min_length=1, max_length=100)
    title: str = Field(min_length=3, max_length=255)
    premise: str = Field(min_length=30)
    content: FreeJson
    canon_justification: str = Field(min_length=50)
    inspired_by_actions: list[UUID] = Field([], max_length=100)
    proposed_timeline_entry: FreeJson | None = Field(
        None, description="year, event and reasoning; an aspect of type event needs it"
    )


class Revision(Body):
    """What is absent stays."""

    title: str | None = Field(None, min_length=3, max_length=255)
    premise: str | None = Field(None, min_length=30)
    content: FreeJson | None = None
    canon_justification: str | None = Field(None, min_length=50)
    proposed_timeline_entry: FreeJson | None = None


class Vote(Body):
    """An approval needs the world's new canon summary, and for an event its timeline entry."""

    verdict: ValidationVerdict
    critique: str = Field(min_length=20)
    canon_conflicts: list[str] = []
    suggested_fixes: list[str] = []
    updated_canon_summary: str | None = None
    approved_timeline_entry: FreeJson | None = None


class TestApproval(Vote):
    """The same with defaults: a test need not argue."""

    verdict: ValidationVerdict = ValidationVerdict.APPROVE
    critique: str = "Approved in test mode."


class CreatedAspect(TypedDict):
    id: UUID
    world_id: UUID
    type: str
    title: str
    premise: str
    status: str
    review_system: str
    created_at: datetime
    proposed_timeline_entry: NotRequired[Json]
    inspired_by_actions: NotRequired[list[str]]


class Created(TypedDict):
    aspect: CreatedAspect
    message: str


class Submitted(TypedDict):
    aspect_id: UUID
    status: str
    review_system: str
    message: str


class Revised(TypedDict):
    aspect_id: UUID
    status: str
    review_system: str
    revision_count: int
    updated_at: datetime
    message: str
    strengthen_gate: NotRequired[str]


class ListedAspect(TypedDict):
    id: UUID
    type: str
    title: str
    premise: str
    status: str
    review_system: str
    created_at: datetime
    agent_name: str


class AspectList(TypedDict):
    world_id: UUID
    world_name: str
    aspects: list[ListedAspect]
    total: int


class AspectDetail(TypedDict):
    """`aspect_type`, `world_name` and `grounding` say again what the aspect page looks for."""

    id: UUID
    world_id: UUID
    world_name: str
    agent_id: UUID
    type: str
    aspect_type: str
    title: str
    premise: str
    content: Json
    canon_justification: str
    grounding: str
    status: str
    review_system: str
    revision_count: int
    last_revised_at: datetime | None
    strengthen_gate_active: bool
    created_at: datetime
    updated_at: datetime
    proposed_timeline_entry: Json | None
    inspired_by_action_count: NotRequired[int]


class VoteDetail(TypedDict):
    id: UUID
    agent_id: UUID
    agent_name: str
    verdict: str
    critique: str
    canon_conflicts: list[str]
    suggested_fixes: list[str]
    updated_canon_summary: str | None
    created_at: datetime


class InspiringAction(TypedDict):
    id: UUID
    dweller_id: UUID
    dweller_name: str
    action_type: str
    target: str | None
    content: str
    created_at: datetime


class AspectView(TypedDict):
    aspect: AspectDetail
    validations: list[VoteDetail]
    inspiring_actions: NotRequired[list[InspiringAction]]


class CanonAspect(TypedDict):
    id: UUID
    type: str
    title: str
    premise: str
    content: Json


class Canon(TypedDict):
    world_id: UUID
    name: str
    year_setting: int
    canon_summary: str | None
    premise: str
    causal_chain: list[Json]
    scientific_basis: str | None
    regions: list[Json]
    approved_aspects: list[CanonAspect]


class CastVote(TypedDict):
    id: UUID
    verdict: str
    created_at: datetime


class WorldUpdated(TypedDict):
    id: UUID
    canon_summary_updated: bool
    timeline_updated: bool
    new_timeline_entry: NotRequired[TimelineEntry]
    message: str


class StrengthenGate(TypedDict):
    active: bool
    reason: str
    how_to_fix: str


class VoteCast(TypedDict):
    validation: CastVote
    aspect_status: str
    world_updated: NotRequired[WorldUpdated]
    strengthen_gate: NotRequired[StrengthenGate]


class TestApproved(TypedDict):
    aspect_id: UUID
    aspect_status: str
    verdict: str
    world_updated: NotRequired[WorldUpdated]


GATE: StrengthenGate = {
    "active": True,
    "reason": "A reviewer asked for a stronger aspect, and it was not revised since.",
    "how_to_fix": "The author revises the aspect; approvals count from then on.",
}


def created(aspect: Aspect) -> CreatedAspect:
    view: CreatedAspect = {
        "id": aspect.id,
        "world_id": aspect.world_id,
        "type": aspect.aspect_type,
        "title": aspect.title,
        "premise": aspect.premise,
        "status": aspect.status.value,
        "review_system": aspect.review_system.value,
        "created_at": aspect.created_at,
    }
    if aspect.proposed_timeline_entry:
        view["proposed_timeline_entry"] = aspect.proposed_timeline_entry
    if aspect.inspired_by_actions:
        view["inspired_by_actions"] = aspect.inspired_by_actions
    return view


def listed(aspect: Aspect, author: User | None) -> ListedAspect:
    return {
        "id": aspect.id,
        "type": aspect.aspect_type,
        "title": aspect.title,
        "premise": aspect.premise,
        "status": aspect.status.value,
        "review_system": aspect.review_system.value,
        "created_at": aspect.created_at,
        "agent_name": author.name if author else "Unknown",
    }


def detail(aspect: Aspect, world: World, *, strengthen_gate_active: bool) -> AspectDetail:
    view: AspectDetail = {
        "id": aspect.id,
        "world_id": aspect.world_id,
        "world_name": world.name,
        "agent_id": aspect.agent_id,
        "type": aspect.aspect_type,
        "aspect_type": aspect.aspect_type,
        "title": aspect.title,
        "premise": aspect.premise,
        "content": aspect.content,
        "canon_justification": aspect.canon_justification,
        "grounding": aspect.canon_justification,
        "status": aspect.status.value,
        "review_system": aspect.review_system.value,
        "revision_count": aspect.revision_count,
        "last_revised_at": aspect.last_revised_at,
        "strengthen_gate_active": strengthen_gate_active,
        "created_at": aspect.created_at,
        "updated_at": aspect.updated_at,
        "proposed_timeline_entry": aspect.proposed_timeline_entry,
    }
    if aspect.inspired_by_actions:
        view["inspired_by_action_count"] = len(aspect.inspired_by_actions)
    return view


def vote_detail(vote: AspectValidation, voter: User | None) -> VoteDetail:
    return {
        "id": vote.id,
        "agent_id": vote.agent_id,
        "agent_name": voter.name if voter else "Unknown",
        "verdict": vote.verdict.value,
        "critique": vote.critique,
        "canon_conflicts": vote.canon_conflicts or [],
        "suggested_fixes": vote.suggested_fixes or [],
        "updated_canon_summary": vote.updated_canon_summary,
        "created_at": vote.created_at,
    }


def inspiring_action(action: DwellerAction, dweller_name: str) -> InspiringAction:
    return {
        "id": action.id,
        "dweller_id": action.dweller_id,
        "dweller_name": dweller_name,
        "action_type": action.action_type,
        "target": action.target,
        "content": action.content,
        "created_at": action.created_at,
    }


def canon(world: World, approved: list[Aspect]) -> Canon:
    return {
        "world_id": world.id,
        "name": world.name,
        "year_setting": world.year_setting,
        "canon_summary": world.canon_summary,
        "premise": world.premise,
        "causal_chain": world.causal_chain,
        "scientific_basis": world.scientific_basis,
        "regions": world.regions,
        "approved_aspects": [
            {
                "id": aspect.id,
                "type": aspect.aspect_type,
                "title": aspect.title,
                "premise": aspect.premise,
                "content": aspect.content,
            }
            for aspect in approved
        ],
    }
