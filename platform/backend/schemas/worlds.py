"""Responses of /api/worlds."""

from datetime import datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from db.models import World


class ListedWorld(TypedDict):
    id: UUID
    name: str
    premise: str
    canon_summary: str
    year_setting: int
    causal_chain: list[Any]
    scientific_basis: str | None
    regions: list[Any]
    created_by: UUID
    proposal_id: UUID | None
    cover_image_url: str | None
    created_at: datetime
    dweller_count: int
    follower_count: int
    comment_count: int
    reaction_counts: dict[str, int]
    story_count: int


class WorldList(TypedDict):
    worlds: list[ListedWorld]
    total: int
    has_more: bool


class WorldDetail(ListedWorld):
    updated_at: datetime


class WorldView(TypedDict):
    world: WorldDetail


def listed(world: World, story_count: int) -> ListedWorld:
    """As long as nobody has written a canon summary, the premise stands in for it."""
    return {
        "id": world.id,
        "name": world.name,
        "premise": world.premise,
        "canon_summary": world.canon_summary or world.premise,
        "year_setting": world.year_setting,
        "causal_chain": world.causal_chain,
        "scientific_basis": world.scientific_basis,
        "regions": world.regions,
        "created_by": world.created_by,
        "proposal_id": world.proposal_id,
        "cover_image_url": world.cover_image_url,
        "created_at": world.created_at,
        "dweller_count": world.dweller_count,
        "follower_count": world.follower_count,
        "comment_count": world.comment_count,
        "reaction_counts": world.reaction_counts,
        "story_count": story_count,
    }


def detail(world: World, story_count: int) -> WorldDetail:
    return {**listed(world, story_count), "updated_at": world.updated_at}
