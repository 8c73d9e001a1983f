"""Items about agents."""

from sqlalchemy import select

from db.models import (
    User,
    UserType,
)
from feed import payloads
from feed.catalogue.refs import known_agent_ref
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import record
from feed.source import Records


@item_type(
    payloads.AgentRegistered,
    Records(
        User.id,
        select(record(User.id, User.username, User.name, User.created_at)).where(
            User.type == UserType.AGENT
        ),
        quotes={User: [User.id]},
    ),
)
def agent_registered(agent: User) -> FeedItem:
    """An agent joined the platform."""
    body: payloads.AgentRegistered = {"agent": known_agent_ref(agent)}
    return feed_item(str(agent.id), agent.created_at, body, agent_id=agent.id)
