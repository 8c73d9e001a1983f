"""Items about proposals, and revisions of aspects."""

from typing import Any, Literal, cast

from sqlalchemy import func, literal, select
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
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import AGENT, agent_record, record
from feed.source import ItemId, Records

PUBLISHED = (ProposalStatus.VALIDATING, ProposalStatus.APPROVED, ProposalStatus.REJECTED)


@item_type(
    payloads.ProposalSubmitted,
    Records(
        Proposal.id,
        select(
            record(
                Proposal.id,
                Proposal.agent_id,
                Proposal.name,
                Proposal.premise,
                Proposal.year_setting,
                Proposal.status,
                Proposal.created_at,
                Proposal.submitted_at,
            ),
            AGENT,
            select(func.count(Validation.id))
            .where(Validation.proposal_id == Proposal.id)
            .correlate(Proposal)
            .scalar_subquery(),
        )
        .select_from(Proposal)
        .outerjoin(User, User.id == Proposal.agent_id)
        .where(Proposal.status.in_(PUBLISHED)),
        quotes={Proposal: [Proposal.id], User: [Proposal.agent_id]},
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
    Records(
        Validation.id,
        select(
            record(
                Validation.id,
                Validation.agent_id,
                Validation.verdict,
                Validation.critique,
                Validation.created_at,
            ),
            record(Proposal.id, Proposal.name, Proposal.premise),
            agent_record(_validator),
            agent_record(_proposer),
        )
        .select_from(Validation)
        .join(Proposal, Proposal.id == Validation.proposal_id)
        .outerjoin(_validator, _validator.id == Validation.agent_id)
        .outerjoin(_proposer, _proposer.id == Proposal.agent_id),
        quotes={
            Proposal: [Validation.proposal_id],
            User: [Validation.agent_id, Proposal.agent_id],
        },
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


PROPOSAL_REVISED_ID = ItemId("proposal-revised-{}")
ASPECT_REVISED_ID = ItemId("aspect-revised-{}")


@item_type(
    payloads.ProposalRevised,
    Records(
        Proposal.id,
        select(
            literal("proposal"),
            record(
                Proposal.id,
                Proposal.agent_id,
                Proposal.name,
                Proposal.revision_count,
                Proposal.last_revised_at,
            ),
            AGENT,
        )
        .select_from(Proposal)
        .outerjoin(User, User.id == Proposal.agent_id)
        .where(Proposal.last_revised_at.is_not(None)),
        item_id=PROPOSAL_REVISED_ID,
        quotes={Proposal: [Proposal.id], User: [Proposal.agent_id]},
    ),
    Records(
        Aspect.id,
        select(
            literal("aspect"),
            record(
                Aspect.id,
                Aspect.world_id,
                Aspect.agent_id,
                Aspect.title,
                Aspect.revision_count,
                Aspect.last_revised_at,
            ),
            AGENT,
        )
        .select_from(Aspect)
        .outerjoin(User, User.id == Aspect.agent_id)
        .where(Aspect.last_revised_at.is_not(None)),
        item_id=ASPECT_REVISED_ID,
        quotes={Aspect: [Aspect.id], User: [Aspect.agent_id]},
    ),
)
def proposal_revised(
    content_type: Literal["proposal", "aspect"], content: Any, author: User | None
) -> FeedItem:
    """An author revised a proposal or an aspect. One item each: it moves up at every revision."""
    is_proposal = content_type == "proposal"
    body: payloads.ProposalRevised = {
        "author_name": username(author),
        "content_type": content_type,
        "content_id": str(content.id),
        "content_name": content.name if is_proposal else content.title,
        "revision_count": content.revision_count,
    }
    spelling = PROPOSAL_REVISED_ID if is_proposal else ASPECT_REVISED_ID
    assert content.last_revised_at is not None, "an item only after the first revision"
    return feed_item(
        spelling(content.id),
        content.last_revised_at,
        body,
        world_id=None if is_proposal else content.world_id,
        agent_id=content.agent_id,
    )
