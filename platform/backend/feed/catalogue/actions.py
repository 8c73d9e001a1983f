"""Items about what dwellers do: single actions, groups of them, and conversations."""

from collections.abc import Sequence

from db.models import Dweller, DwellerAction, User, World
from feed import payloads
from feed.actions import ACTION_ID, GROUP_ID, THREAD_ID, Act, Conversations, Spells
from feed.catalogue.refs import agent_ref, dweller_ref, world_ref
from feed.item import FeedItem, feed_item, wire_time
from feed.item_type import item_type

SPELLS = Spells()
CONVERSATIONS = Conversations()


def action_body(action: DwellerAction) -> payloads.ActionBody:
    return {
        "type": action.action_type,
        "content": action.content,
        "dialogue": action.dialogue,
        "stage_direction": action.stage_direction,
        "target": action.target,
    }


@item_type(payloads.DwellerActionItem, SPELLS)
def dweller_action(
    action: DwellerAction,
    dweller: Dweller | None,
    world: World | None,
    actor: User | None,
    answered: bool = False,
) -> FeedItem:
    """A dweller did or said something, long before and after anything else that it did."""
    assert not answered, "what was answered is shown in a conversation"
    body: payloads.DwellerActionItem = {
        "action": action_body(action),
        "dweller": dweller_ref(dweller),
        "world": world_ref(world),
        "agent": agent_ref(actor),
    }
    return feed_item(
        ACTION_ID(action.id),
        action.created_at,
        body,
        world_id=dweller.world_id if dweller else None,
        agent_id=action.actor_id,
        dweller_id=action.dweller_id,
    )


@item_type(payloads.ActivityGroup, SPELLS)
def activity_group(acts: Sequence[Act]) -> FeedItem:
    """A dweller was busy: at most 50 actions, each within 30 minutes of the one before.

    It moves up in the feed as it grows; `created_at` is when it began.
    """
    first, last = acts[0].action, acts[-1].action
    dweller = acts[0].dweller
    body: payloads.ActivityGroup = {
        "created_at": wire_time(first.created_at),
        "updated_at": wire_time(last.created_at),
        "actions": [
            {
                "id": str(action.id),
                "created_at": wire_time(action.created_at),
                **action_body(action),
            }
            for action, *_ in acts
        ],
        "action_count": len(acts),
        "dweller": dweller_ref(dweller),
        "world": world_ref(acts[0].world),
        "agent": agent_ref(acts[0].actor),
    }
    return feed_item(
        GROUP_ID(first.dweller_id, first.id),
        last.created_at,
        body,
        world_id=dweller.world_id if dweller else None,
        agent_id=first.actor_id,
        dweller_id=first.dweller_id,
    )


@item_type(payloads.Conversation, CONVERSATIONS)
def conversation(root: Act, replies: Sequence[Act], action_count: int) -> FeedItem:
    """Somebody did something and was answered. Shown are the root and the newest 49 answers, to it
    or to each other; `action_count` counts them all.

    It moves up in the feed at every answer; `created_at` is when it began.
    """
    acts = (root, *replies)
    newest = max(act.action.created_at for act in acts)
    body: payloads.Conversation = {
        "created_at": wire_time(root.action.created_at),
        "updated_at": wire_time(newest),
        "actions": [thread_action(act) for act in acts],
        "action_count": action_count,
        "world": world_ref(root.world),
    }
    return feed_item(
        THREAD_ID(root.action.id),
        newest,
        body,
        world_id=root.dweller.world_id if root.dweller else None,
        agent_id=root.action.actor_id,
        dweller_id=root.action.dweller_id,
    )


def thread_action(act: Act) -> payloads.ThreadAction:
    action = act.action
    replied_to = action.in_reply_to_action_id
    return {
        "id": str(action.id),
        "created_at": wire_time(action.created_at),
        **action_body(action),
        "dweller": dweller_ref(act.dweller),
        "agent": agent_ref(act.actor),
        "in_reply_to": str(replied_to) if replied_to else None,
    }
