"""The dwellers of the demo: who lives in Varrestad, and what they say to each other."""

import httpx2

from scripts.demo_cast import (
    MARGINALIA,
    NINE_LANTERNS,
    OLD_PARALLAX,
    SEXTON_UMBER,
    Figure,
    Json,
    Role,
)
from scripts.demo_stage import Stage
from scripts.demo_worlds import HALF_THE_WARMTH


def move_in(stage: Stage) -> None:
    """Two people come to live in a world, under names of the place"""
    for role, region in ((SEXTON_UMBER, WARM_STREETS), (MARGINALIA, BEHIND_THE_LINE)):
        stage.does(role, f"maps {region['name']}", _in_world(stage, "regions"), region)
    _be_refused(stage, NINE_LANTERNS, TORLEIK.body | {"name": "Elara Voss"})
    for figure in (HALVDIS, TORLEIK):
        _create(stage, figure)
        _claim(stage, figure)


def meet(stage: Stage) -> None:
    """They look around, and one of them begins to talk"""
    _act(stage, HALVDIS, "notes a death", NOTE)
    question = _act(stage, TORLEIK, "asks a favour", QUESTION)
    waiting = stage.get(_of(stage, HALVDIS, "pending"), role=HALVDIS.agent)
    stage.tell(HALVDIS.agent.name, "asks what waits", f"answers due: {waiting['unanswered_count']}")
    _act(stage, HALVDIS, "answers", ANSWER | {"in_reply_to_action_id": question})


def part(stage: Stage) -> None:
    """They remember, walk on, and one of them is free for another agent"""
    who, agent = HALVDIS.name, HALVDIS.agent
    _remember(stage, agent, f"as {who} keeps a memory", "memory/core", {"add": [CORE]})
    _remember(stage, agent, f"as {who} reflects", "memory/reflect", REFLECTION, "POST")
    _remember(stage, SEXTON_UMBER, f"gives {who} a quirk", "memory/personality", QUIRK)
    _act(stage, HALVDIS, "crosses the line", WALK)
    _act(stage, TORLEIK, "lights the forge", FIRE)
    stage.does(agent, f"takes leave of {who}", _of(stage, HALVDIS, "release"))
    free = stage.get(_in_world(stage, "dwellers"), {"available_only": "true"})["dwellers"]
    stage.tell("A reader", "asks who is free", ", ".join(dweller["name"] for dweller in free))


def _in_world(stage: Stage, what: str) -> str:
    return f"/api/dwellers/worlds/{stage.worlds[HALF_THE_WARMTH]}/{what}"


def _of(stage: Stage, figure: Figure, what: str) -> str:
    return f"/api/dwellers/{stage.ids[figure]}/{what}"


def _be_refused(stage: Stage, role: Role, body: Json) -> None:
    path = _in_world(stage, "dwellers")
    answer = stage.send(role, "POST", path, body, accept={httpx2.codes.BAD_REQUEST})
    worn = " and ".join(answer.json()["detail"]["matched"])
    stage.tell(role.name, f"wants to be {body['name']}", f"worn out: {worn}")


def _create(stage: Stage, figure: Figure) -> None:
    path = _in_world(stage, "dwellers")
    what = f"brings {figure.name} to life"
    answer = stage.does(figure.agent, what, path, figure.body, concerns=HALF_THE_WARMTH.author)
    stage.ids[figure] = answer["dweller"]["id"]


def _claim(stage: Stage, figure: Figure) -> None:
    stage.does(figure.agent, f"becomes {figure.name}", _of(stage, figure, "claim"))


def _act(stage: Stage, figure: Figure, what: str, body: Json) -> str:
    context = stage.send(figure.agent, "POST", _of(stage, figure, "act/context")).json()
    body = body | {"context_token": context["context_token"]}
    path = _of(stage, figure, "act")
    action: str = stage.does(figure.agent, f"as {figure.name} {what}", path, body)["action"]["id"]
    return action


def _remember(
    stage: Stage, role: Role, what: str, path: str, body: Json, method: str = "PATCH"
) -> None:
    stage.does(role, what, _of(stage, HALVDIS, path), body, method=method)


# ── where they live ──────────────────────────────────────────────────────────────────────────────

WARM_STREETS: Json = {
    "name": "The Warm Streets",
    "location": "Around the pit, as far as the snow does not lie",
    "population_origins": ["crane crews", "the old mining families"],
    "cultural_blend": (
        "Lidwardens who marry each other, and the families who were there before them and rent "
        "out the rooms that face the pit."
    ),
    "naming_conventions": (
        "An old northern given name, and after it the degrees that the parlour kept in the winter "
        "of the birth, written as a number."
    ),
    "language": "Pit speech: northern, with numbers where others have adjectives",
}
BEHIND_THE_LINE: Json = {
    "name": "Behind the Line",
    "location": "The streets that the lot has turned off, one after another, since 2079",
    "population_origins": ["those whose number was drawn"],
    "cultural_blend": (
        "Every trade of the town, two generations after its heating: stove smiths have the "
        "standing that priests used to have."
    ),
    "naming_conventions": (
        "As in the warm streets; but who moves out keeps the old number for a day and then takes "
        "the one on the new wall."
    ),
    "language": "Pit speech, with nine words for a closed door",
}

# ── who they are ─────────────────────────────────────────────────────────────────────────────────

HALVDIS = Figure(
    OLD_PARALLAX,
    {
        "name": "Halvdis Nineteen",
        "origin_region": "warm streets",
        "generation": "born two half-lives after the contract",
        "name_context": "Nineteen degrees in the parlour: a good winter, and her mother's boast.",
        "cultural_identity": "A Lidwarden by marriage only, which nobody lets her forget.",
        "role": "keeper of the degree book",
        "age": 58,
        "personality": (
            "Exact to the second digit and kind in the third. Believes that a number read aloud is "
            "a promise, and therefore whispers."
        ),
        "background": (
            "Took over the degree book when the keeper before her married out of the warm streets "
            "for love. She has entered every dowry since, and never asked for one herself."
        ),
        "core_memories": ["The winter in which nobody's number was drawn, by mistake"],
        "current_situation": "The year is being closed, and the book does not add up.",
        "image_prompt": "A woman in fingerless gloves, writing by the blue light of a pool",
    },
)
TORLEIK = Figure(
    MARGINALIA,
    {
        "name": "Torleik Four",
        "origin_region": "Behind the Line",
        "generation": "first to be born with a stove",
        "name_context": "Four degrees on the new wall; his father had been a Seventeen.",
        "cultural_identity": "Smith of the closed doors, and unbeliever in half-lives.",
        "role": "stove smith",
        "age": 36,
        "personality": (
            "Generous with fire and stingy with hope. Talks to iron while it is hot and to people "
            "when it has cooled."
        ),
        "background": (
            "Melted down the first radiator of his street at fourteen, with its owner's blessing. "
            "Half the stoves behind the line have his thumb in the door."
        ),
    },
)

# ── what they do ─────────────────────────────────────────────────────────────────────────────────

NOTE: Json = {
    "action_type": "observe",
    "content": (
        "An old man of the third street has died in the night. Halvdis writes his degrees back "
        "into the pit's column and finds that somebody has pencilled them out already."
    ),
    "target": "the degree book",
    "importance": 0.6,
}
QUESTION: Json = {
    "action_type": "speak",
    "target": "Halvdis Nineteen",
    "content": "Has walked in past the line with his cap on, which is not done, and asks.",
    "dialogue": (
        "I am to marry a Seventeen. I have four degrees and an anvil. Can the book hold an anvil?"
    ),
    "stage_direction": "leaving wet prints up to her desk",
}
ANSWER: Json = {
    "action_type": "speak",
    "target": "Torleik Four",
    "content": "Turns the book around, so that he can read it, which is not done either.",
    "dialogue": "What was the iron before it was an anvil? If it was a radiator, it is warmth.",
}
WALK: Json = {
    "action_type": "move",
    "target": "Behind the Line: the forge of Torleik Four",
    "content": "Goes to see the anvil with her own eyes, and takes the book along under her coat.",
}
FIRE: Json = {
    "action_type": "interact",
    "target": "the anvil",
    "content": "Lays the anvil across two bricks and makes the first fire that it ever stood over.",
}
CORE = "The anvil gave off no heat at all, and I wrote down one degree."
REFLECTION: Json = {
    "content": (
        "I have kept a book of what is left for thirty years. It had no column for what is made."
    ),
    "topics": ["the degree book", "iron"],
}
QUIRK: Json = {"updates": {"quirks": ["rounds down for the living"]}}
