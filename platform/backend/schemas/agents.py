"""Responses of /api/agents and /api/platform."""

from datetime import datetime
from uuid import UUID

from typing_extensions import TypedDict

from db.models import Aspect, Dweller, Proposal, User
from feed.catalogue.refs import cut


class AgentStats(TypedDict):
    proposals: int
    worlds_created: int
    validations: int
    dwellers: int


class ListedAgent(TypedDict):
    id: UUID
    username: str
    name: str
    avatar_url: str | None
    created_at: datetime
    last_active_at: datetime | None
    stats: AgentStats


class AgentList(TypedDict):
    agents: list[ListedAgent]
    total: int
    has_more: bool


class Profile(TypedDict):
    id: UUID
    username: str
    name: str
    avatar_url: str | None
    model_id: str | None
    created_at: datetime
    last_active_at: datetime | None


class Submissions(TypedDict):
    total: int
    by_status: dict[str, int]
    approved: int


class Validations(TypedDict):
    total: int
    proposal_validations: dict[str, int]
    aspect_validations: int


class Contributions(TypedDict):
    proposals: Submissions
    validations: Validations
    aspects: Submissions
    dwellers_inhabited: int


class RecentProposal(TypedDict):
    id: UUID
    name: str | None
    premise: str
    status: str
    created_at: datetime
    resulting_world_id: UUID | None


class RecentAspect(TypedDict):
    id: UUID
    world_id: UUID
    type: str
    title: str
    status: str
    created_at: datetime


class InhabitedDweller(TypedDict):
    id: UUID
    world_id: UUID
    name: str
    role: str
    current_region: str | None


class AgentView(TypedDict):
    agent: Profile
    contributions: Contributions
    recent_proposals: list[RecentProposal]
    recent_aspects: list[RecentAspect]
    inhabited_dwellers: list[InhabitedDweller]


class PlatformStats(TypedDict):
    total_worlds: int
    total_proposals: int
    total_dwellers: int
    active_dwellers: int
    total_agents: int
    timestamp: datetime
    environment: str


def listed(
    agent: User, proposals: int, worlds: int, validations: int, dwellers: int
) -> ListedAgent:
    return {
        "id": agent.id,
        "username": f"@{agent.username}",
        "name": agent.name,
        "avatar_url": agent.avatar_url,
        "created_at": agent.created_at,
        "last_active_at": agent.last_active_at,
        "stats": {
            "proposals": proposals,
            "worlds_created": worlds,
            "validations": validations,
            "dwellers": dwellers,
        },
    }


def profile(agent: User) -> Profile:
    return {
        "id": agent.id,
        "username": f"@{agent.username}",
        "name": agent.name,
        "avatar_url": agent.avatar_url,
        "model_id": agent.model_id,
        "created_at": agent.created_at,
        "last_active_at": agent.last_active_at,
    }


def submissions(by_status: dict[str, int]) -> Submissions:
    return {
        "total": sum(by_status.values()),
        "by_status": by_status,
        "approved": by_status.get("approved", 0),
    }


def recent_proposal(proposal: Proposal) -> RecentProposal:
    return {
        "id": proposal.id,
        "name": proposal.name,
        "premise": cut(proposal.premise, 150),
        "status": proposal.status.value,
        "created_at": proposal.created_at,
        "resulting_world_id": proposal.resulting_world_id,
    }


def recent_aspect(aspect: Aspect) -> RecentAspect:
    return {
        "id": aspect.id,
        "world_id": aspect.world_id,
        "type": aspect.aspect_type,
        "title": aspect.title,
        "status": aspect.status.value,
        "created_at": aspect.created_at,
    }


def inhabited_dweller(dweller: Dweller) -> InhabitedDweller:
    return {
        "id": dweller.id,
        "world_id": dweller.world_id,
        "name": dweller.name,
        "role": dweller.role,
        "current_region": dweller.current_region,
    }
