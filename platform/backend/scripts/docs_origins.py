"""Where an item's id, its time and the filters that find it come from.

Found by experiment, so that it cannot be told wrongly: the records of an example have distinct ids
and times, and what the builder made of them is looked up among them.
"""

import re
from typing import NamedTuple

from sqlalchemy import inspect

from feed.item import FeedItem
from feed.source import UUID_TEXT
from scripts.docs_examples import Example

NO_TIME = (AssertionError, AttributeError, LookupError, TypeError)
"""What comes of a record without the time that its item needs."""


class Field(NamedTuple):
    """A column of a record, both by name."""

    record: str
    column: str


class Origins(NamedTuple):
    """`id` with names of records in place of their ids: `graduated-{world}`.

    `times` are the columns that date the item: the first one that is set. `filters` names the
    record that each of the feed's filters finds the item by.
    """

    id: str
    times: list[Field]
    moves_up: bool
    filters: dict[str, str]


def origins(example: Example) -> Origins:
    """Raises LookupError for an item with an id or a time of no record of the example."""
    item = example.build()
    names = {str(record.id): name for name, record in example.records.items()}
    template = str(item["payload"]["id"])
    for record_id, name in names.items():
        template = template.replace(record_id, f"{{{name}}}")
    if re.search(UUID_TEXT, template):
        raise LookupError(f"{example.entry.name}: {template} names something else")
    times = _times(example)
    return Origins(template, times, _moves_up(template, times[0]), _filters(item, names))


def _times(example: Example) -> list[Field]:
    """The column that dates the item; then the one that does when that is empty, and so on."""
    first = _dated_by(example)
    record = example.records[first.record]
    value = getattr(record, first.column)
    setattr(record, first.column, None)
    try:
        return [first, *_times(example)]
    except NO_TIME:
        return [first]
    finally:
        setattr(record, first.column, value)


def _dated_by(example: Example) -> Field:
    moment = example.build()["created_at"]
    fields = [
        Field(name, column.key)
        for name, record in example.records.items()
        for column in inspect(record).mapper.column_attrs
        if moment and getattr(record, column.key) == moment
    ]
    if len(fields) != 1:
        raise LookupError(f"{example.entry.name}: {moment} is the time of {fields}")
    return fields[0]


def _moves_up(template: str, time: Field) -> bool:
    """Whether a newer time may come: from a record that joins the item later, or from a column
    that is written again.
    """
    return f"{{{time.record}}}" not in template or time.column.startswith("last_")


def _filters(item: FeedItem, names: dict[str, str]) -> dict[str, str]:
    links = {
        "world_id": item["world_id"],
        "agent_id": item["agent_id"],
        "dweller_id": item["dweller_id"],
        "story_id": item["story_id"],
    }
    return {link: names[str(linked)] for link, linked in links.items() if linked}
