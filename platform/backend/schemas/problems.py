"""What the API answers when it does not do what it was asked."""

from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


@with_config(ConfigDict(extra="allow"))
class Reason(TypedDict):
    """Further keys say more: `current_status`, `your_id`, …"""

    error: str
    how_to_fix: NotRequired[str]


class Refusal(TypedDict):
    detail: Reason | str


class FieldProblem(TypedDict):
    """`field` is a path such as `body -> name`; a long `your_input` is cut."""

    field: str
    message: str
    type: str
    your_input: Any


class Unprocessable(TypedDict):
    """`details` names the first twenty faults."""

    error: Literal["Validation Error"]
    message: str
    details: list[FieldProblem]
    how_to_fix: str
