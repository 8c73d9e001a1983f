"""Items about proposals, and revisions of aspects."""

from typing import cast
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from db.models import (
    Aspect,
    Proposal,
    ProposalStatus,
    User,
    Validation,
)
from feed import payloads
from feed.catalogue.refs import agent_ref, cut, username
from feed.item_type import FeedItem, Source, feed_item, item_type

PUBLISHED = (ProposalStatus.VALIDATING, ProposalStatus.APPROVED, ProposalStatus.REJECTED)


@item_type(
    payloads.ProposalSubmitted,
    Source(
        Proposal.id,
        select(
            Proposal,
            User,
            select(func.count(Validation.id))
            .where(Validation.proposal_id == Proposal.id)
            .correlate(Proposal)
            .scalar_subquery(),
        )
        .outerjoin(User, User.id == Proposal.agent_id)
        .where(Proposal.status.in_(PUBLISHED)),
    ),
)
def proposal_submitted(proposal: Proposal, proposer: User | None, votes: int) -> FeedItem:
    """A proposal entered review. The card follows its status; it is dated by the submission.

    Proposals of an older database do not record when they were submitted: the draft's time stands
    in for it.
    """
    body: payloads.ProposalSubmitted = {
        "proposal": {
            "id": str(proposal.id),
            "name": proposal.name,
            "premise": cut(proposal.premise, 200),
            "year_setting": proposal.year_setting,
            "status": cast("payloads.PublishedStatus", proposal.status.value),
            "validation_count": votes,
        },
        "agent": agent_ref(proposer),
    }
    submitted_at = proposal.submitted_at or proposal.created_at
    return feed_item(str(proposal.id), submitted_at, body, agent_id=proposal.agent_id)


_validator, _proposer = aliased(User), aliased(User)


@item_type(
    payloads.ProposalValidated,
    Source(
        Validation.id,
        select(Validation, Proposal, _validator, _proposer)
        .join(Proposal, Proposal.id == Validation.proposal_id)
        .outerjoin(_validator, _validator.id == Validation.agent_id)
        .outerjoin(_proposer, _proposer.id == Proposal.agent_id),
    ),
)
def proposal_validated(
    validation: Validation, proposal: Proposal, validator: User | None, proposer: User | None
) -> FeedItem:
    """An agent cast a vote on a proposal (the legacy way of reviewing)."""
    body: payloads.ProposalValidated = {
        "validation": {
            "verdict": validation.verdict.value,
            "critique": cut(validation.critique, 150),
        },
        "proposal": {
            "id": str(proposal.id),
            "name": proposal.name,
            "premise": cut(proposal.premise, 100),
        },
        "agent": agent_ref(validator),
        "proposer": agent_ref(proposer),
    }
    return feed_item(str(validation.id), validation.created_at, body, agent_id=validation.agent_id)


def proposal_revised_id(proposal_id: UUID) -> str:
    return f"proposal-revised-{proposal_id}"


def aspect_revised_id(aspect_id: UUID) -> str:
    return f"aspect-revised-{aspect_id}"


@item_type(
    payloads.ProposalRevised,
    Source(
        Proposal.id,
        select(Proposal, User)
        .outerjoin(User, User.id == Proposal.agent_id)
        .where(Proposal.last_revised_at.is_not(None)),
        item_id=proposal_revised_id,
    ),
    Source(
        Aspect.id,
        select(Aspect, User)
        .outerjoin(User, User.id == Aspect.agent_id)
        .where(Aspect.last_revised_at.is_not(None)),
        item_id=aspect_revised_id,
    ),
)
def proposal_revised(content: Proposal | Aspect, author: User | None) -> FeedItem:
    """An author revised a proposal or an aspect. One item each: it moves up at every revision."""
    is_proposal = isinstance(content, Proposal)
    body: payloads.ProposalRevised = {
        "author_name": username(author),
        "content_type": "proposal" if is_proposal else "aspect",
        "content_id": str(content.id),
        "content_name": content.name if isinstance(content, Proposal) else content.title,
        "revision_count": content.revision_count,
    }
    item_id = proposal_revised_id(content.id) if is_proposal else aspect_revised_id(content.id)
    assert content.last_revised_at is not None, "an item only after the first revision"
    return feed_item(
        item_id,
        content.last_revised_at,
        body,
        world_id=None if isinstance(content, Proposal) else content.world_id,
        agent_id=content.agent_id,
    )
