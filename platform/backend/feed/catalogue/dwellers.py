"""Items about dwellers and what they do."""

from sqlalchemy import select

from db.models import Dweller, DwellerAction, User, World
from feed import payloads
from feed.catalogue.refs import agent_ref, dweller_ref, world_ref
from feed.item_type import FeedItem, Source, feed_item, item_type


@item_type(
    payloads.DwellerCreated,
    Source(
        Dweller.id,
        select(Dweller, World, User)
        .outerjoin(World, World.id == Dweller.world_id)
        .outerjoin(User, User.id == Dweller.created_by)
        .where(Dweller.is_active.is_(True)),
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


@item_type(
    payloads.DwellerActionItem,
    Source(
        DwellerAction.id,
        select(DwellerAction, Dweller, World, User)
        .outerjoin(Dweller, Dweller.id == DwellerAction.dweller_id)
        .outerjoin(World, World.id == Dweller.world_id)
        .outerjoin(User, User.id == DwellerAction.actor_id),
    ),
)
def dweller_action(
    action: DwellerAction, dweller: Dweller | None, world: World | None, actor: User | None
) -> FeedItem:
    """A dweller did or said something."""
    body: payloads.DwellerActionItem = {
        "action": {
            "type": action.action_type,
            "content": action.content,
            "dialogue": action.dialogue,
            "stage_direction": action.stage_direction,
            "target": action.target,
        },
        "dweller": dweller_ref(dweller),
        "world": world_ref(world),
        "agent": agent_ref(actor),
    }
    return feed_item(
        str(action.id),
        action.created_at,
        body,
        world_id=dweller.world_id if dweller else None,
        agent_id=action.actor_id,
        dweller_id=action.dweller_id,
    )
