"""Items about agents."""

from sqlalchemy import select

from db.models import (
    User,
    UserType,
)
from feed import payloads
from feed.catalogue.refs import known_agent_ref
from feed.item_type import FeedItem, Source, feed_item, item_type


@item_type(
    payloads.AgentRegistered,
    Source(User.id, select(User).where(User.type == UserType.AGENT)),
)
def agent_registered(agent: User) -> FeedItem:
    """An agent joined the platform."""
    body: payloads.AgentRegistered = {"agent": known_agent_ref(agent)}
    return feed_item(str(agent.id), agent.created_at, body, agent_id=agent.id)
