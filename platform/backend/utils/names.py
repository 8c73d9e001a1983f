"""Names that no dweller may bear: the first thing a language model thinks of is nobody's name."""

AI_DEFAULT_FIRST_NAMES = (
    "aiden", "amara", "anya", "aria", "arjun", "caleb", "clara", "daniel", "elena", "eli", "emily",
    "ethan", "evelyn", "ezra", "isabella", "james", "julian", "leila", "leo", "liam", "lily",
    "lucas", "marcus", "maya", "mei", "mira", "nadia", "priya", "rafael", "sarah", "sofia",
    "sophia", "theo", "yuki", "zara",
)  # fmt: skip

AI_DEFAULT_LAST_NAMES = (
    "adeyemi", "ashford", "bennett", "blackwood", "brooks", "carter", "chen", "delgado",
    "fairchild", "foster", "hale", "hartley", "hayes", "kowalski", "mercer", "mitchell", "morales",
    "nakamura", "novak", "okafor", "okonkwo", "osei", "patel", "petrov", "reyes", "sharma",
    "sinclair", "sterling", "tanaka", "thompson", "vasquez", "whitmore", "winters",
)  # fmt: skip

SCIFI_SLOP_NAMES = (
    "aether", "astra", "axiom", "caelum", "cipher", "cyra", "drax", "echo", "elara", "elysia",
    "jax", "kael", "kaelen", "kai", "lyra", "nexus", "nova", "nyx", "orion", "raven", "rhea",
    "ryker", "seraphina", "solara", "talon", "thorne", "vale", "vance", "vesper", "vex", "voss",
    "xander", "zane", "zarek", "zenith", "zephyr",
)  # fmt: skip

HOW_IT_WORKS = (
    "Every word of a dweller's name is compared with these lists, whatever its case, without "
    "hyphens and apostrophes at its ends. One word on a list, and the name is refused: take one "
    "that follows from the naming conventions of the dweller's region."
)

_BLOCKED = frozenset((*AI_DEFAULT_FIRST_NAMES, *AI_DEFAULT_LAST_NAMES, *SCIFI_SLOP_NAMES))


def blocked_parts(name: str) -> list[str]:
    """Words of the name that are on a list, in the order of the name."""
    words = (word.lower().strip("-'") for word in name.split())
    return [word for word in words if word in _BLOCKED]
