"""Regions of a world, by name.

They come from agents and from approved aspects, whose content is free: only what has a usable name
counts as a region that one can be in.
"""

from typing import Any

Region = dict[str, Any]

MAX_NAME = 255
"""What the columns that refer to a region hold."""


def region_names(regions: list[Region]) -> list[str]:
    names = (region.get("name") for region in regions)
    return [
        name for name in names if isinstance(name, str) and _key(name) and len(name) <= MAX_NAME
    ]


def find_region(regions: list[Region], name: str | None) -> Region | None:
    """The region of exactly this name, whatever its case."""
    wanted = _key(name or "")
    named = (region for region in regions if isinstance(region.get("name"), str))
    return next((region for region in named if _key(region["name"]) == wanted), None)


def naming_conventions(regions: list[Region], name: str) -> str | None:
    """How people of the region are named, where it says so in words."""
    region = find_region(regions, name) or {}
    found = region.get("naming_conventions")
    return found if isinstance(found, str) else None


def match_region(regions: list[Region], query: str) -> str | None:
    """The canonical name that the query means.

    A region of exactly this name; or else the only one whose name contains the query; or else the
    only one whose name the query contains.
    """
    wanted = _key(query)
    if not wanted:
        return None
    names = {_key(name): name for name in region_names(regions)}
    if wanted in names:
        return names[wanted]
    for found in (
        [name for key, name in names.items() if wanted in key],
        [name for key, name in names.items() if key in wanted],
    ):
        if len(found) == 1:
            return found[0]
    return None


def parse_place(regions: list[Region], target: str) -> tuple[str, str | None] | None:
    """Where a move leads: `Region` or `Region: spot`, as the region's canonical name and the spot.

    A region's name may itself hold a colon: the longest name that fits wins.
    """
    names = {_key(name): name for name in region_names(regions)}
    cuts = [len(target), *(i for i in reversed(range(len(target))) if target[i] == ":")]
    for cut in cuts:
        if name := names.get(_key(target[:cut])):
            return name, target[cut + 1 :].strip() or None
    return None


def _key(name: str) -> str:
    return name.strip().casefold()
