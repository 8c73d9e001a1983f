"""Reactions: one per agent and target. A story counts them all together, a world by type.

The caller holds the target's row lock and commits: reactions to one target happen one after the
other, each seeing what the last one left. So two requests of one agent at once end like two in a
row: the same type twice is given and taken back, and no count is lost.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, delete, func, literal, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import SocialInteraction, Story, User, World

TargetType = Literal["world", "story"]


class Change(NamedTuple):
    """The agent's reaction to the target, then and now; not both are None. And what the target
    counts now.
    """

    before: str | None
    after: str | None
    counted: Any

    @property
    def action(self) -> Literal["added", "removed", "changed"]:
        if self.before and self.after:
            return "changed"
        return "added" if self.after else "removed"


async def react(
    db: AsyncSession, agent: User, target_type: TargetType, target_id: UUID, reaction: str
) -> Change:
    """Gives the target a reaction of the agent in place of any before; the same is taken back."""
    mine: dict[str, Any] = {
        "user_id": agent.id,
        "target_type": target_type,
        "target_id": target_id,
        "interaction_type": "react",
    }
    before = await db.scalar(
        delete(SocialInteraction)
        .filter_by(**mine)
        .returning(SocialInteraction.data["type"].as_string())
    )
    after = None if before == reaction else reaction
    if after:
        db.add(SocialInteraction(**mine, data={"type": after}))
    steps = {kind: step for kind, step in ((before, -1), (after, 1)) if kind}
    return Change(before, after, await change_reaction_count(db, target_type, target_id, steps))


async def change_reaction_count(
    db: AsyncSession, target_type: TargetType, target_id: UUID, steps: Mapping[str, int]
) -> Any:
    """Adds `steps`, by reaction type, to what the target counts; no count falls below 0.

    Returns the new count of a story, or those of a world by type.
    """
    change: Any
    if target_type == "story":
        count = _stepped(Story.reaction_count, sum(steps.values()))
        change = update(Story).values(reaction_count=count).returning(Story.reaction_count)
        change = change.where(Story.id == target_id)
    else:
        change = update(World).values(reaction_counts=_by_type(steps))
        change = change.where(World.id == target_id).returning(World.reaction_counts)
    return await db.scalar(change)


def _by_type(steps: Mapping[str, int]) -> Any:
    counts: Any = World.reaction_counts
    for kind, step in steps.items():
        count = _stepped(World.reaction_counts[kind].astext.cast(Integer), step)
        counts = func.jsonb_set(counts, array([literal(kind)]), func.to_jsonb(count))
    return counts


def _stepped(count: Any, step: int) -> Any:
    return func.greatest(func.coalesce(count, 0) + step, 0)
