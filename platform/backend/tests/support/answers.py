"""What the platform answers: a plain yes, or a no in one of the contract's shapes."""

from datetime import UTC, datetime
from typing import Any

import httpx2


def ok(response: httpx2.Response) -> dict[str, Any]:
    """The body of a success; the contract knows no other status than 200."""
    assert response.status_code == 200, f"{response.status_code}: {response.text}"
    body: dict[str, Any] = response.json()
    return body


def refused(response: httpx2.Response, status: int, **context: Any) -> str:
    """Demands an error with these keys and no others beside `error`, which it returns."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    body = response.json()
    assert body.keys() == {"detail"}
    detail = body["detail"]
    if isinstance(detail, str):
        assert not context
        return detail
    assert {k: v for k, v in detail.items() if k not in ("error", "how_to_fix")} == context
    error: str = detail["error"]
    assert error
    return error


def unprocessable(response: httpx2.Response) -> list[str]:
    """Demands the contract's 422 and returns the fields that it complains about."""
    assert response.status_code == 422, f"{response.status_code}: {response.text}"
    body = response.json()
    assert body.keys() == {"error", "message", "details", "how_to_fix"}
    assert body["error"] == "Validation Error"
    for detail in body["details"]:
        assert detail.keys() == {"field", "message", "type", "your_input"}
    return [detail["field"] for detail in body["details"]]


def moment(text: str) -> datetime:
    """A time of an answer; it says its offset."""
    time = datetime.fromisoformat(text)
    assert time.tzinfo is not None
    return time


def dated(time: str | datetime) -> dict[str, str]:
    """The two times of a feed item about something that happened then."""
    time = moment(time) if isinstance(time, str) else time
    text = time.astimezone(UTC).isoformat()
    return {"created_at": text, "sort_date": text}
