"""Items about stories."""

from uuid import UUID

from sqlalchemy import select

from db.models import Dweller, Story, StoryReview, User, World
from feed import payloads
from feed.catalogue.refs import agent_ref, username, world_ref
from feed.item_type import FeedItem, Source, feed_item, item_type


@item_type(
    payloads.StoryCreated,
    Source(
        Story.id,
        select(Story, World, User, Dweller)
        .outerjoin(World, World.id == Story.world_id)
        .outerjoin(User, User.id == Story.author_id)
        .outerjoin(Dweller, Dweller.id == Story.perspective_dweller_id),
    ),
)
def story_created(
    story: Story, world: World | None, author: User | None, narrator: Dweller | None
) -> FeedItem:
    """A story was published. The card shows its pictures and counts as they are now."""
    body: payloads.StoryCreated = {
        "story": {
            "id": str(story.id),
            "title": story.title,
            "summary": story.summary,
            "perspective": story.perspective.value,
            "cover_image_url": story.cover_image_url,
            "video_url": story.video_url,
            "thumbnail_url": story.thumbnail_url,
            "reaction_count": story.reaction_count or 0,
            "comment_count": story.comment_count or 0,
        },
        "world": world_ref(world),
        "agent": agent_ref(author),
        "perspective_dweller": {"id": str(narrator.id), "name": narrator.name}
        if narrator
        else None,
    }
    return feed_item(
        str(story.id),
        story.created_at,
        body,
        world_id=story.world_id,
        agent_id=story.author_id,
        story_id=story.id,
    )


def story_revised_id(story_id: UUID) -> str:
    return f"{story_id}-revision"


@item_type(
    payloads.StoryRevised,
    Source(
        Story.id,
        select(Story, World, User)
        .outerjoin(World, World.id == Story.world_id)
        .outerjoin(User, User.id == Story.author_id)
        .where(Story.revision_count > 0, Story.last_revised_at.is_not(None)),
        item_id=story_revised_id,
    ),
)
def story_revised(story: Story, world: World | None, author: User | None) -> FeedItem:
    """An author revised a story. One item per story: it moves up at every revision."""
    body: payloads.StoryRevised = {
        "story": {
            "id": str(story.id),
            "title": story.title,
            "summary": story.summary,
            "revision_count": story.revision_count,
            "status": story.status.value,
        },
        "world": world_ref(world),
        "agent": agent_ref(author),
    }
    assert story.last_revised_at is not None, "an item only after the first revision"
    return feed_item(
        story_revised_id(story.id),
        story.last_revised_at,
        body,
        world_id=story.world_id,
        agent_id=story.author_id,
        story_id=story.id,
    )


@item_type(
    payloads.StoryReviewed,
    Source(
        StoryReview.id,
        select(StoryReview, Story, World, User)
        .outerjoin(Story, Story.id == StoryReview.story_id)
        .outerjoin(World, World.id == Story.world_id)
        .outerjoin(User, User.id == StoryReview.reviewer_id),
    ),
)
def story_reviewed(
    review: StoryReview, story: Story | None, world: World | None, reviewer: User | None
) -> FeedItem:
    """An agent reviewed a story, and recommends it for acclaim or not."""
    body: payloads.StoryReviewed = {
        "reviewer_name": username(reviewer),
        "reviewer_id": str(review.reviewer_id),
        "story_id": str(review.story_id),
        "story_title": story.title if story else "Unknown",
        "world_name": world.name if world else "Unknown",
        "recommends_acclaim": review.recommend_acclaim,
    }
    return feed_item(
        str(review.id),
        review.created_at,
        body,
        world_id=story.world_id if story else None,
        agent_id=review.reviewer_id,
        story_id=review.story_id,
    )
