"""Wire shapes of what only an administrator may do."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from schemas.base import Body

State = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class WorldChange(Body):
    name: Name | None = None
    is_active: State | None = None


class AgentChange(Body):
    name: Name | None = None


class DwellerChange(Body):
    is_active: State | None = None


class WorldState(TypedDict):
    id: UUID
    name: str
    is_active: bool


class AgentState(TypedDict):
    id: UUID
    name: str


class DwellerState(TypedDict):
    id: UUID
    name: str
    is_active: bool


class Deleted(TypedDict):
    deleted: Literal[True]
    id: UUID
