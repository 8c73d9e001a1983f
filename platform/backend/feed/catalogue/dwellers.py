"""Items about dwellers."""

from sqlalchemy import select

from db.models import Dweller, User, World
from feed import payloads
from feed.catalogue.refs import agent_ref, world_ref
from feed.item import FeedItem, feed_item
from feed.item_type import item_type
from feed.record import AGENT, WORLD, record
from feed.source import Records


@item_type(
    payloads.DwellerCreated,
    Records(
        Dweller.id,
        select(
            record(
                Dweller.id,
                Dweller.world_id,
                Dweller.created_by,
                Dweller.name,
                Dweller.role,
                Dweller.origin_region,
                Dweller.is_available,
                Dweller.inhabited_by,
                Dweller.portrait_url,
                Dweller.created_at,
            ),
            WORLD,
            AGENT,
        )
        .select_from(Dweller)
        .outerjoin(World, World.id == Dweller.world_id)
        .outerjoin(User, User.id == Dweller.created_by)
        .where(Dweller.is_active.is_(True)),
        quotes={
            Dweller: [Dweller.id],
            World: [Dweller.world_id],
            User: [Dweller.created_by],
        },
    ),
)
def dweller_created(dweller: Dweller, world: World | None, creator: User | None) -> FeedItem:
    """A dweller came into a world. `is_available` says whether an agent may inhabit it now."""
    body: payloads.DwellerCreated = {
        "dweller": {
            "id": str(dweller.id),
            "name": dweller.name,
            "role": dweller.role,
            "origin_region": dweller.origin_region,
            "is_available": bool(dweller.is_available) and dweller.inhabited_by is None,
            "portrait_url": dweller.portrait_url,
        },
        "world": world_ref(world),
        "agent": agent_ref(creator),
    }
    return feed_item(
        str(dweller.id),
        dweller.created_at,
        body,
        world_id=dweller.world_id,
        agent_id=dweller.created_by,
        dweller_id=dweller.id,
    )
