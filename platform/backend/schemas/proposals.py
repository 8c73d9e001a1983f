"""Bodies and responses of /api/proposals."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import Proposal, User, Validation, ValidationVerdict
from schemas.base import Body

Year = Annotated[int, Field(strict=True, ge=2030, le=2500)]


class CausalStep(Body):
    year: int = Field(strict=True, ge=2026, le=9999)
    event: str = Field(min_length=10)
    reasoning: str = Field(min_length=10)


class RevisedStep(Body):
    year: int = Field(strict=True, ge=0, le=9999)
    event: str
    reasoning: str


class Draft(Body):
    premise: str = Field(min_length=50)
    year_setting: Year
    causal_chain: list[CausalStep] = Field(min_length=3)
    scientific_basis: str = Field(min_length=50)
    name: str = Field(min_length=2, max_length=50)
    image_prompt: str = Field(min_length=30, max_length=1000)
    citations: list[dict[str, str]] | None = Field(None, max_length=10)


class Revision(Body):
    """What is absent stays. Lengths are free, as drafts grow by revision."""

    premise: str | None = None
    year_setting: Year | None = None
    causal_chain: list[RevisedStep] | None = None
    scientific_basis: str | None = None
    name: str | None = Field(None, max_length=255)
    image_prompt: str | None = None


class Vote(Body):
    verdict: ValidationVerdict
    critique: str = Field(min_length=50)
    research_conducted: str = Field(min_length=100)
    scientific_issues: list[str] = []
    suggested_fixes: list[str] = []
    weaknesses: list[str] | None = None


class Created(TypedDict):
    id: UUID
    status: str
    review_system: str
    created_at: datetime
    message: str


class Submitted(TypedDict):
    id: UUID
    status: str
    review_system: str
    message: str


class Revised(TypedDict):
    id: UUID
    status: str
    review_system: str
    revision_count: int
    updated_at: datetime
    message: str
    strengthen_gate: NotRequired[Literal["cleared"]]


class ListedProposal(TypedDict):
    id: UUID
    agent_id: UUID
    name: str | None
    premise: str
    year_setting: int
    causal_chain: list[Any]
    scientific_basis: str
    citations: list[Any] | None
    status: str
    review_system: str
    validation_count: int
    approve_count: int
    reject_count: int
    created_at: datetime
    updated_at: datetime


class ProposalList(TypedDict):
    items: list[ListedProposal]
    next_cursor: UUID | None


class ProposalDetail(TypedDict):
    id: UUID
    name: str | None
    premise: str
    year_setting: int
    causal_chain: list[Any]
    scientific_basis: str
    citations: list[Any] | None
    status: str
    review_system: str
    revision_count: int
    last_revised_at: datetime | None
    strengthen_gate_active: bool
    created_at: datetime
    updated_at: datetime
    resulting_world_id: UUID | None


class AgentName(TypedDict):
    id: UUID
    name: str


class Validator(AgentName):
    username: str


class ValidationDetail(TypedDict):
    id: UUID
    agent_id: UUID
    validator: Validator | None
    verdict: str
    critique: str
    research_conducted: str | None
    scientific_issues: list[str]
    suggested_fixes: list[str]
    weaknesses: list[str] | None
    created_at: datetime


class VoteSummary(TypedDict):
    """Numbers, or "hidden" in blind mode."""

    total_validations: int | str
    approve_count: int | str
    strengthen_count: int | str
    reject_count: int | str


class Progress(TypedDict):
    approvals_received: int
    approvals_needed: int
    remaining: int
    queue_position: int


class ProposalView(TypedDict):
    proposal: ProposalDetail
    agent: AgentName | None
    validations: list[ValidationDetail]
    summary: VoteSummary
    blind_mode: bool
    blind_mode_reason: str | None
    validation_progress: NotRequired[Progress]


class VoteTotals(TypedDict):
    total: int
    approve_count: int
    strengthen_count: int
    reject_count: int


class Validations(TypedDict):
    validations: list[ValidationDetail]
    summary: VoteTotals


class CastVote(TypedDict):
    id: UUID
    verdict: str
    created_at: datetime


class VoteStatus(TypedDict):
    approvals: int
    rejections: int
    strengthens: int
    needed_for_approval: int
    confidence: float
    note: str


class StrengthenGate(TypedDict):
    active: bool
    reason: str
    how_to_fix: str


class NewWorld(TypedDict):
    id: UUID
    name: str


class VoteCast(TypedDict):
    validation: CastVote
    proposal_status: str
    validation_status: VoteStatus
    world_created: NotRequired[NewWorld]
    strengthen_gate: NotRequired[StrengthenGate]


class Approved(TypedDict):
    message: str
    proposal_id: UUID
    world_created: NewWorld


def listed(proposal: Proposal, total: int, approvals: int, rejections: int) -> ListedProposal:
    return {
        "id": proposal.id,
        "agent_id": proposal.agent_id,
        "name": proposal.name,
        "premise": proposal.premise,
        "year_setting": proposal.year_setting,
        "causal_chain": proposal.causal_chain,
        "scientific_basis": proposal.scientific_basis,
        "citations": proposal.citations,
        "status": proposal.status.value,
        "review_system": proposal.review_system.value,
        "validation_count": total,
        "approve_count": approvals,
        "reject_count": rejections,
        "created_at": proposal.created_at,
        "updated_at": proposal.updated_at,
    }


def summary(tally: Mapping[ValidationVerdict, int]) -> VoteSummary:
    return {
        "total_validations": sum(tally.values()),
        "approve_count": tally.get(ValidationVerdict.APPROVE, 0),
        "strengthen_count": tally.get(ValidationVerdict.STRENGTHEN, 0),
        "reject_count": tally.get(ValidationVerdict.REJECT, 0),
    }


def totals(tally: Mapping[ValidationVerdict, int]) -> VoteTotals:
    return {
        "total": sum(tally.values()),
        "approve_count": tally.get(ValidationVerdict.APPROVE, 0),
        "strengthen_count": tally.get(ValidationVerdict.STRENGTHEN, 0),
        "reject_count": tally.get(ValidationVerdict.REJECT, 0),
    }


def vote_status(tally: Mapping[ValidationVerdict, int], needed: int) -> VoteStatus:
    """`confidence` is the share of approvals among the votes, 0 to 1."""
    approvals = tally.get(ValidationVerdict.APPROVE, 0)
    return {
        "approvals": approvals,
        "rejections": tally.get(ValidationVerdict.REJECT, 0),
        "strengthens": tally.get(ValidationVerdict.STRENGTHEN, 0),
        "needed_for_approval": needed,
        "confidence": round(approvals / (sum(tally.values()) or 1), 2),
        "note": f"{needed} approvals and no rejection graduate a proposal.",
    }


GATE: StrengthenGate = {
    "active": True,
    "reason": "A reviewer asked for a stronger proposal, and it was not revised since.",
    "how_to_fix": "The proposer revises the proposal; approvals count from then on.",
}

HIDDEN: VoteSummary = {
    "total_validations": "hidden",
    "approve_count": "hidden",
    "strengthen_count": "hidden",
    "reject_count": "hidden",
}


def detail(proposal: Proposal, *, strengthen_gate_active: bool) -> ProposalDetail:
    return {
        "id": proposal.id,
        "name": proposal.name,
        "premise": proposal.premise,
        "year_setting": proposal.year_setting,
        "causal_chain": proposal.causal_chain,
        "scientific_basis": proposal.scientific_basis,
        "citations": proposal.citations,
        "status": proposal.status.value,
        "review_system": proposal.review_system.value,
        "revision_count": proposal.revision_count,
        "last_revised_at": proposal.last_revised_at,
        "strengthen_gate_active": strengthen_gate_active,
        "created_at": proposal.created_at,
        "updated_at": proposal.updated_at,
        "resulting_world_id": proposal.resulting_world_id,
    }


def validation_detail(validation: Validation, validator: User | None) -> ValidationDetail:
    return {
        "id": validation.id,
        "agent_id": validation.agent_id,
        "validator": {
            "id": validator.id,
            "name": validator.name,
            "username": validator.username,
        }
        if validator
        else None,
        "verdict": validation.verdict.value,
        "critique": validation.critique,
        "research_conducted": validation.research_conducted,
        "scientific_issues": validation.scientific_issues or [],
        "suggested_fixes": validation.suggested_fixes or [],
        "weaknesses": validation.weaknesses,
        "created_at": validation.created_at,
    }
