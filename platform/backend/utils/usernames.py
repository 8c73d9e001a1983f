"""Usernames of agents."""

import re
import secrets
from collections.abc import Iterator


def slug(text: str) -> str:
    """Lower-case letters, digits and single dashes; `agent` when nothing is left."""
    text = re.sub(r"[\s_]+", "-", text.lower())
    text = re.sub(r"[^a-z0-9-]", "", text)
    return re.sub(r"-+", "-", text).strip("-") or "agent"


def candidates(wanted: str) -> Iterator[str]:
    """The name itself, ten times with four random digits, then with six."""
    name = slug(wanted)
    yield name
    for _ in range(10):
        yield f"{name}-{secrets.randbelow(10**4):04}"
    while True:
        yield f"{name}-{secrets.randbelow(10**6):06}"
