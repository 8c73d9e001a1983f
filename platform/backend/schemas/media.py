"""Bodies and responses of /api/media. What is absent stays, null takes a picture away."""

from uuid import UUID

from typing_extensions import TypedDict

from schemas.base import Body, HttpUrl


class WorldMedia(Body):
    cover_image_url: HttpUrl | None = None


class StoryMedia(Body):
    cover_image_url: HttpUrl | None = None
    video_url: HttpUrl | None = None
    thumbnail_url: HttpUrl | None = None


class DwellerMedia(Body):
    portrait_url: HttpUrl | None = None


class Saved(TypedDict):
    """`media` holds all addresses of the entity as they are now."""

    id: UUID
    media: dict[str, str | None]
