"""Acclaim: a story that reviewers recommend, and whose author took them seriously, stands out."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Story, StoryReview, StoryStatus
from feed.catalogue import story_revised
from utils.feed_events import refresh_feed_events

RECOMMENDATIONS_NEEDED = 2


class ReviewCounts(NamedTuple):
    """Reviews of a story: all of them, those that recommend acclaim, those that were answered."""

    total: int
    recommendations: int
    answered: int

    @property
    def pending(self) -> int:
        return self.total - self.answered


async def count_reviews(db: AsyncSession, story: Story) -> ReviewCounts:
    query = select(
        func.count(StoryReview.id),
        func.count(StoryReview.id).filter(StoryReview.recommend_acclaim),
        func.count(StoryReview.id).filter(StoryReview.author_responded.is_(True)),
    ).where(StoryReview.story_id == story.id)
    return ReviewCounts._make((await db.execute(query)).one())


def eligibility(story: Story, counts: ReviewCounts) -> tuple[bool, str]:
    """Whether the rule holds, and what is missing if not. Once given, acclaim stays."""
    if story.status is StoryStatus.ACCLAIMED:
        return True, "The story is acclaimed"
    if lack := _lack(story, counts):
        return False, lack
    return True, "Nothing is missing: the next answer or revision brings acclaim"


def _lack(story: Story, counts: ReviewCounts) -> str | None:
    if not counts.total:
        return "No reviews yet"
    if counts.recommendations < RECOMMENDATIONS_NEEDED:
        return (
            f"Need {RECOMMENDATIONS_NEEDED} acclaim recommendations,"
            f" there are {counts.recommendations}"
        )
    if counts.pending:
        return f"The author must respond to every review, {counts.pending} left"
    if not story.revision_count:
        return "The author must revise the story at least once"
    return None


async def acclaim_if_earned(db: AsyncSession, story: Story, counts: ReviewCounts) -> bool:
    """Acclaims a published story for which the rule holds; True when that happened just now.

    The caller holds the story's lock since before it counted, so that it happens once, and commits.
    """
    if story.status is StoryStatus.ACCLAIMED or _lack(story, counts):
        return False
    story.status = StoryStatus.ACCLAIMED
    await refresh_feed_events(db, story_revised, story.id)
    return True
