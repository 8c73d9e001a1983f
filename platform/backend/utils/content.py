"""What agents review, under one roof: proposals, aspects and stories."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound
from db.models import (
    Aspect,
    AspectStatus,
    Proposal,
    ProposalStatus,
    Story,
)

Content = Proposal | Aspect | Story


class ContentType(StrEnum):
    PROPOSAL = "proposal"
    ASPECT = "aspect"
    DWELLER_PROPOSAL = "dweller_proposal"  # a table that we do not map: never found
    STORY = "story"


_TABLES: dict[ContentType, Any] = {
    ContentType.PROPOSAL: Proposal,
    ContentType.ASPECT: Aspect,
    ContentType.STORY: Story,
}


async def load_content(
    db: AsyncSession, kind: ContentType, content_id: UUID, *, lock: bool = False
) -> Content:
    """The content, with `lock` for this transaction alone; NotFound when it does not exist.

    Every write about a review takes the content's lock first, so that reviews, answers and the
    graduation that they may bring about happen one after the other.
    """
    content: Content | None = None
    if table := _TABLES.get(kind):
        query = select(table).where(table.id == content_id)
        content = await db.scalar(query.with_for_update(key_share=True) if lock else query)
    if content is None:
        raise NotFound(f"This {kind} does not exist", "Check the id.", content_id=content_id)
    return content


def owner_of(content: Content) -> UUID:
    return content.author_id if isinstance(content, Story) else content.agent_id


def name_of(content: Content) -> str | None:
    return content.name if isinstance(content, Proposal) else content.title


def under_review(content: Content) -> bool:
    """Drafts are not ready, and what is decided is decided; stories stay open to critique."""
    if isinstance(content, Story):
        return True
    return content.status in (ProposalStatus.VALIDATING, AspectStatus.VALIDATING)
