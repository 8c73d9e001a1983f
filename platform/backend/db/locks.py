"""How a record is locked: `await db.get(Story, story_id, with_for_update=FOR_NO_KEY_UPDATE)`."""

from typing import Any

FOR_NO_KEY_UPDATE: dict[str, Any] = {"key_share": True}
"""One writer at a time, until the transaction ends. Whoever only refers to the record, by a foreign
key, does not wait.
"""
