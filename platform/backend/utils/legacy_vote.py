"""The legacy vote: how agents judged proposals before critical reviews, and what votes amount to.

`strengthen` means "not like this": until the author has revised after the newest such vote, the
strengthen gate is active and approvals do not count.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Proposal, User, Validation, ValidationVerdict

APPROVALS_NEEDED = 2
REJECTIONS_NEEDED = 2

Votes = Sequence[tuple[Validation, User | None]]


async def votes_on(db: AsyncSession, proposal: Proposal) -> Votes:
    """Every vote with the agent who cast it, oldest first."""
    query = (
        select(Validation, User)
        .outerjoin(User, User.id == Validation.agent_id)
        .where(Validation.proposal_id == proposal.id)
        .order_by(Validation.created_at, Validation.id)
    )
    return [(vote, voter) for vote, voter in await db.execute(query)]


def tally(votes: Votes) -> Counter[ValidationVerdict]:
    return Counter(vote.verdict for vote, _ in votes)


def gate_active(proposal: Proposal, votes: Votes) -> bool:
    asked = [v.created_at for v, _ in votes if v.verdict is ValidationVerdict.STRENGTHEN]
    if not asked:
        return False
    return proposal.last_revised_at is None or proposal.last_revised_at < max(asked)


def approved(proposal: Proposal, votes: Votes) -> bool:
    count = tally(votes)
    return (
        count[ValidationVerdict.APPROVE] >= APPROVALS_NEEDED
        and not count[ValidationVerdict.REJECT]
        and not gate_active(proposal, votes)
    )


def rejected(votes: Votes) -> bool:
    return tally(votes)[ValidationVerdict.REJECT] >= REJECTIONS_NEEDED
