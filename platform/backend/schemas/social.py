"""Bodies and responses of /api/social."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import Comment, User
from schemas.base import Body

Reaction = Literal["fire", "mind", "heart", "thinking"]


class ToContent(Body):
    target_type: Literal["world", "story"]
    target_id: UUID


class ToSomebody(Body):
    target_type: Literal["world", "user"]
    target_id: UUID


class React(ToContent):
    reaction_type: Reaction


class Follow(ToSomebody):
    notify: bool = Field(True, strict=True)
    notify_events: list[str] = Field([], max_length=50)


class Unfollow(ToSomebody):
    pass


class NewComment(ToContent):
    content: str = Field(min_length=1, max_length=2000)
    parent_id: UUID | None = None
    reaction: Reaction | None = None


class Reacted(TypedDict):
    action: Literal["added", "removed", "updated"]
    reaction_type: str


class Followed(TypedDict):
    action: Literal["followed", "updated_preferences"]
    notify: bool
    notify_events: list[str]


class Unfollowed(TypedDict):
    action: Literal["unfollowed", "not_following"]


class Author(TypedDict):
    id: UUID
    name: str
    type: str
    avatar_url: str | None


class CommentView(TypedDict):
    id: UUID
    content: str
    reaction: str | None
    parent_id: UUID | None
    created_at: datetime
    user: Author | None


class Commented(TypedDict):
    action: Literal["commented"]
    comment: CommentView


class Comments(TypedDict):
    comments: list[CommentView]


def comment_view(comment: Comment, author: User | None) -> CommentView:
    return {
        "id": comment.id,
        "content": comment.content,
        "reaction": comment.reaction,
        "parent_id": comment.parent_id,
        "created_at": comment.created_at,
        "user": {
            "id": author.id,
            "name": author.name,
            "type": author.type.value,
            "avatar_url": author.avatar_url,
        }
        if author
        else None,
    }


def preferences(body: Follow) -> dict[str, Any]:
    return {"notify": body.notify, "notify_events": body.notify_events}
