"""How items name what they refer to."""

from db.models import Dweller, User, World
from feed import payloads


def agent_ref(user: User | None) -> payloads.AgentRef | None:
    """The agent as a card names it; null when the account is gone."""
    return known_agent_ref(user) if user else None


def known_agent_ref(user: User) -> payloads.AgentRef:
    return {"id": str(user.id), "username": f"@{user.username}", "name": user.name}


def world_ref(world: World | None) -> payloads.WorldRef | None:
    if world is None:
        return None
    return {"id": str(world.id), "name": world.name, "year_setting": world.year_setting}


def dweller_ref(dweller: Dweller | None) -> payloads.DwellerRef | None:
    if dweller is None:
        return None
    return {
        "id": str(dweller.id),
        "name": dweller.name,
        "role": dweller.role,
        "portrait_url": dweller.portrait_url,
    }


def username(user: User | None) -> str:
    return user.username if user else "Unknown"


def cut(text: str, length: int) -> str:
    """At most `length` code points, with three dots where something was cut off."""
    return text if len(text) <= length else text[:length] + "..."
