"""What the feed makes of an action, when it happens.

Handlers of other things emit the item that they make. An action may make one, join one or end one:
the conversation or the spell that it is part of is settled as a whole.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import DwellerAction
from feed.catalogue import CONVERSATIONS, SPELLS
from utils.feed_events import settle_feed_events


async def settle_action(db: AsyncSession, action: DwellerAction) -> None:
    """Settles what a new action is part of. It is flushed, and the caller commits.

    The first answer takes the action that it answers out of its dweller's spell. Locks are taken
    in this order by everybody: conversations, then spells.
    """
    answered = action.in_reply_to_action_id
    if answered is None:
        await settle_feed_events(db, SPELLS, [action.id])
    else:
        await settle_feed_events(db, CONVERSATIONS, [action.id])
        await settle_feed_events(db, SPELLS, [answered])
