"""The feed's responses as the OpenAPI document shows them; the handlers send stored bytes."""

from typing import Annotated, Any, Union

from pydantic import BaseModel, Field

from feed.catalogue import CATALOGUE

FeedItem = Annotated[  # type: ignore[valid-type]  # made at run time
    Union[tuple(entry.shape for entry in CATALOGUE.values())],  # noqa: UP007  # made at run time
    Field(discriminator="type"),
]


class JsonPage(BaseModel):
    items: list[FeedItem]  # type: ignore[valid-type]  # a union made at run time
    next_cursor: str | None = Field(description="null on the last page")
    live_from: str = Field(description="`after` of /api/feed/live, for what comes after this page")


class FeedItemsFrame(BaseModel):
    """Data of `event: feed_items`."""

    items: list[FeedItem]  # type: ignore[valid-type]  # a union made at run time
    partial: bool = Field(description="always false: one frame holds the whole page")


class FeedCompleteFrame(BaseModel):
    """Data of `event: feed_complete`, the last frame."""

    next_cursor: str | None
    total_items: int = Field(ge=0)
    live_from: str


EXAMPLE = """event: feed_items
data: {"items": [], "partial": false}

event: feed_complete
data: {"next_cursor": null, "total_items": 0, "live_from": "3f2a9c1b.0"}

"""


def _frame(event: str, model: type[BaseModel]) -> dict[str, Any]:
    data = model.model_json_schema(ref_template="#/components/schemas/{model}")
    data.pop("$defs", None)
    return {
        "type": "object",
        "title": event,
        "required": ["event", "data"],
        "properties": {
            "event": {"const": event},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": data,
            },
        },
    }


SSE_PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Exactly one `feed_items` frame, then one `feed_complete`, then the end.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "array",
                    "prefixItems": [
                        _frame("feed_items", FeedItemsFrame),
                        _frame("feed_complete", FeedCompleteFrame),
                    ],
                },
                "example": EXAMPLE,
            }
        },
    }
}

UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The page with the ETag that was sent as If-None-Match still stands"}
}
