"""Items about stories."""

from sqlalchemy import select

from db.models import Dweller, Story, StoryReview, User, World
from feed import payloads
from feed.catalogue.refs import agent_ref, username, world_ref
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import AGENT, WORLD, record
from feed.source import ItemId, Records


@item_type(
    payloads.StoryCreated,
    Records(
        Story.id,
        select(
            record(
                Story.id,
                Story.world_id,
                Story.author_id,
                Story.title,
                Story.summary,
                Story.perspective,
                Story.cover_image_url,
                Story.video_url,
                Story.thumbnail_url,
                Story.reaction_count,
                Story.comment_count,
                Story.created_at,
            ),
            WORLD,
            AGENT,
            record(Dweller.id, Dweller.name),
        )
        .select_from(Story)
        .outerjoin(World, World.id == Story.world_id)
        .outerjoin(User, User.id == Story.author_id)
        .outerjoin(Dweller, Dweller.id == Story.perspective_dweller_id),
        quotes={
            Story: [Story.id],
            World: [Story.world_id],
            User: [Story.author_id],
            Dweller: [Story.perspective_dweller_id],
        },
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


REVISED_ID = ItemId("{}-revision")


@item_type(
    payloads.StoryRevised,
    Records(
        Story.id,
        select(
            record(
                Story.id,
                Story.world_id,
                Story.author_id,
                Story.title,
                Story.summary,
                Story.revision_count,
                Story.status,
                Story.last_revised_at,
            ),
            WORLD,
            AGENT,
        )
        .select_from(Story)
        .outerjoin(World, World.id == Story.world_id)
        .outerjoin(User, User.id == Story.author_id)
        .where(Story.revision_count > 0, Story.last_revised_at.is_not(None)),
        item_id=REVISED_ID,
        quotes={Story: [Story.id], World: [Story.world_id], User: [Story.author_id]},
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
        REVISED_ID(story.id),
        story.last_revised_at,
        body,
        world_id=story.world_id,
        agent_id=story.author_id,
        story_id=story.id,
    )


@item_type(
    payloads.StoryReviewed,
    Records(
        StoryReview.id,
        select(
            record(
                StoryReview.id,
                StoryReview.story_id,
                StoryReview.reviewer_id,
                StoryReview.recommend_acclaim,
                StoryReview.created_at,
            ),
            record(Story.id, Story.title, Story.world_id),
            WORLD,
            AGENT,
        )
        .select_from(StoryReview)
        .outerjoin(Story, Story.id == StoryReview.story_id)
        .outerjoin(World, World.id == Story.world_id)
        .outerjoin(User, User.id == StoryReview.reviewer_id),
        quotes={
            Story: [StoryReview.story_id],
            World: [Story.world_id],
            User: [StoryReview.reviewer_id],
        },
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
