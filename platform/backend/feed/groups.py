"""Which records share one feed item. Pure functions; writes call them for what they touched."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from db.models import FeedbackItem, FeedbackItemStatus

T = TypeVar("T")

GAP = timedelta(minutes=30)
"""Two neighbours further apart than this belong to different groups; exactly this still counts."""

CLOSES_AT = 50
"""A group of actions takes no more than this; a conversation shows its root and 49 replies."""


def by_gap(records: Iterable[T], time: Callable[[T], datetime]) -> list[list[T]]:
    """Splits records, sorted by time, wherever two neighbours are more than `GAP` apart.

    The window slides: three records 25 minutes apart form one group of 50 minutes.
    """
    groups: list[list[T]] = []
    for record in records:
        if groups and time(record) - time(groups[-1][-1]) <= GAP:
            groups[-1].append(record)
        else:
            groups.append([record])
    return groups


def spells(actions: Iterable[T], time: Callable[[T], datetime]) -> list[list[T]]:
    """Cuts what one dweller did of its own accord, sorted by time, into spells.

    A spell ends with a pause, or after `CLOSES_AT` actions. Actions that were answered count here,
    although they are shown in conversations: so an answer changes one spell only, and never moves
    the limits of those after it.
    """
    return [
        stretch[start : start + CLOSES_AT]
        for stretch in by_gap(actions, time)
        for start in range(0, len(stretch), CLOSES_AT)
    ]


def resolved_at(item: FeedbackItem) -> datetime:
    assert item.resolved_at is not None, "only resolved items are grouped"
    return item.resolved_at


def of_resolved_items(items: Iterable[FeedbackItem]) -> list[list[FeedbackItem]]:
    """Groups the resolved items of one review, oldest first. Ties are ordered by item id."""
    resolved = [
        item
        for item in items
        if item.status is FeedbackItemStatus.RESOLVED and item.resolved_at is not None
    ]
    resolved.sort(key=lambda item: (resolved_at(item), item.id))
    return by_gap(resolved, resolved_at)
