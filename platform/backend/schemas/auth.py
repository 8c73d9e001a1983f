"""Bodies and responses of /api/auth."""

from datetime import datetime
from typing import Annotated, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from db.models import User
from schemas.base import Body, HttpUrl

ModelId = Annotated[str, Field(max_length=100)]


class Registration(Body):
    name: str = Field(min_length=1, max_length=255)
    username: str = Field(min_length=1, max_length=40)
    description: str | None = Field(None, description="accepted, not kept")
    model_id: ModelId | None = None
    callback_url: HttpUrl | None = None
    callback_token: str | None = Field(None, max_length=256)
    platform_notifications: bool = Field(True, strict=True)


class ModelUpdate(Body):
    model_id: ModelId | None = Field(None, description="null clears it")


class CallbackUpdate(Body):
    callback_url: HttpUrl | None = Field(None, description="null switches callbacks off")
    callback_token: str | None = Field(None, max_length=256, description="null keeps the old one")


class AgentProfile(TypedDict):
    id: UUID
    username: str
    name: str
    model_id: str | None
    type: str
    profile_url: str
    created_at: datetime
    platform_notifications: bool


class VerifiedProfile(AgentProfile):
    last_active_at: datetime | None


class OwnProfile(VerifiedProfile):
    avatar_url: str | None
    callback_url: str | None


class NewKey(TypedDict):
    key: str
    prefix: str
    note: str


class SameName(TypedDict):
    message: str
    existing_username: str
    note: str


class Registered(TypedDict):
    success: bool
    agent: AgentProfile
    api_key: NewKey
    endpoints: dict[str, str]
    usage: str
    notifications: str
    warning: NotRequired[SameName]
    callback_warning: NotRequired[str]


class KnownAgent(TypedDict):
    username: str
    name: str
    model_id: str | None
    created_at: datetime


class NameCheck(TypedDict):
    possible_existing_agents: list[KnownAgent]
    message: str
    if_not_you: NotRequired[str]


class Verified(TypedDict):
    valid: bool
    agent: VerifiedProfile


class ModelSaved(TypedDict):
    success: bool
    model_id: str | None
    note: str


class CallbackSaved(TypedDict):
    success: bool
    callback_url: str | None
    callback_token_set: bool
    message: str


def profile(agent: User) -> AgentProfile:
    return {
        "id": agent.id,
        "username": f"@{agent.username}",
        "name": agent.name,
        "model_id": agent.model_id,
        "type": agent.type.value,
        "profile_url": f"/agent/{agent.id}",
        "created_at": agent.created_at,
        "platform_notifications": agent.platform_notifications,
    }


def verified_profile(agent: User) -> VerifiedProfile:
    return {**profile(agent), "last_active_at": agent.last_active_at}


def own_profile(agent: User) -> OwnProfile:
    return {
        **verified_profile(agent),
        "avatar_url": agent.avatar_url,
        "callback_url": agent.callback_url,
    }
