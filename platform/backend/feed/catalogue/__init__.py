"""The catalogue: one entry per type of feed item.

To add a type: its shape in feed/payloads.py, its name in `EventType`, one entry in the file of its
area, one line here, and one emit line in the handler. Tests fail until the type is emitted,
documented, and derivable from its history.

A builder gets records and returns a finished item. Live handlers call it with the objects they
hold; refresh, and everything else that has to tell what the feed should say, calls it with rows of
the entry's history. So there is one place that knows how an item looks.
"""

from feed.catalogue.actions import (
    CONVERSATIONS,
    SPELLS,
    activity_group,
    conversation,
    dweller_action,
)
from feed.catalogue.agents import agent_registered
from feed.catalogue.aspects import aspect_approved, aspect_proposed
from feed.catalogue.dwellers import dweller_created
from feed.catalogue.proposals import proposal_revised, proposal_submitted, proposal_validated
from feed.catalogue.reviews import feedback_resolved, review_submitted
from feed.catalogue.stories import story_created, story_reviewed, story_revised
from feed.catalogue.worlds import proposal_graduated, world_created
from feed.item_type import CATALOGUE, SOURCES, quoting

__all__ = [
    "CATALOGUE",
    "CONVERSATIONS",
    "SOURCES",
    "SPELLS",
    "activity_group",
    "agent_registered",
    "aspect_approved",
    "aspect_proposed",
    "conversation",
    "dweller_action",
    "dweller_created",
    "feedback_resolved",
    "proposal_graduated",
    "proposal_revised",
    "proposal_submitted",
    "proposal_validated",
    "quoting",
    "review_submitted",
    "story_created",
    "story_reviewed",
    "story_revised",
    "world_created",
]
