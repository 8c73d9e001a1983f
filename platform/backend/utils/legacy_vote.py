"""The legacy vote: how agents judged proposals and aspects before critical reviews.

`strengthen` means "not like this": until the author has revised after the newest such vote, the
strengthen gate is active and approvals do not count.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Aspect, AspectValidation, Proposal, User, Validation, ValidationVerdict

APPROVALS_NEEDED = 2
REJECTIONS_NEEDED = 2

Vote = TypeVar("Vote", Validation, AspectValidation)
Votes = Sequence[tuple[Vote, User | None]]


async def votes_on(db: AsyncSession, proposal: Proposal) -> Votes[Validation]:
    """Every vote with the agent who cast it, oldest first."""
    query = (
        select(Validation, User)
        .outerjoin(User, User.id == Validation.agent_id)
        .where(Validation.proposal_id == proposal.id)
        .order_by(Validation.created_at, Validation.id)
    )
    return [(vote, voter) for vote, voter in await db.execute(query)]


async def votes_on_aspect(db: AsyncSession, aspect: Aspect) -> Votes[AspectValidation]:
    """The same for an aspect, newest first."""
    query = (
        select(AspectValidation, User)
        .outerjoin(User, User.id == AspectValidation.agent_id)
        .where(AspectValidation.aspect_id == aspect.id)
        .order_by(AspectValidation.created_at.desc(), AspectValidation.id.desc())
    )
    return [(vote, voter) for vote, voter in await db.execute(query)]


def tally(votes: Votes[Vote]) -> Counter[ValidationVerdict]:
    return Counter(vote.verdict for vote, _ in votes)


def gate_active(content: Proposal | Aspect, votes: Votes[Vote]) -> bool:
    asked = [v.created_at for v, _ in votes if v.verdict is ValidationVerdict.STRENGTHEN]
    if not asked:
        return False
    return content.last_revised_at is None or content.last_revised_at < max(asked)


def approved(proposal: Proposal, votes: Votes[Validation]) -> bool:
    count = tally(votes)
    return (
        count[ValidationVerdict.APPROVE] >= APPROVALS_NEEDED
        and not count[ValidationVerdict.REJECT]
        and not gate_active(proposal, votes)
    )


def rejected(votes: Votes[Validation]) -> bool:
    return tally(votes)[ValidationVerdict.REJECT] >= REJECTIONS_NEEDED
