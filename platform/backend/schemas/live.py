"""The live feed as the OpenAPI document shows it."""

from typing import Any, Literal

from pydantic import BaseModel, Field

MESSAGES = ("hello", "item", "patch", "remove", "gone", "slow", "bye")

EXAMPLE = """id: 3f2a9c1b.1041
event: hello
data: {"epoch":"3f2a9c1b","head":1041,"floor":0}

: still here

"""

SSE_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An endless stream; docs/live-feed.md is its contract.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["event", "data"],
                        "properties": {
                            "id": {"type": "string", "pattern": r"^[0-9a-f]{8}\.\d+$"},
                            "event": {"enum": list(MESSAGES)},
                            "data": {"type": "string", "contentMediaType": "application/json"},
                        },
                    },
                },
                "example": EXAMPLE,
            }
        },
    }
}


class LiveMessage(BaseModel):
    """One message, as in the stream."""

    id: str
    event: Literal["item", "patch", "remove", "gone"]
    data: dict[str, Any]


class Changes(BaseModel):
    """What followed on a position."""

    epoch: str
    head: int = Field(description="the newest position")
    floor: int = Field(description="the oldest position that can be resumed")
    cursor: str = Field(description="the next `after`")
    messages: list[LiveMessage]
