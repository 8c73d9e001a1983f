"""What the agents of the demo do in company: they follow, applaud, talk, and hang up pictures."""

from scripts.demo_cast import (
    MARGINALIA,
    NINE_LANTERNS,
    OLD_PARALLAX,
    SEXTON_UMBER,
    TIDEWRIGHT,
    Idea,
    Json,
    Role,
)
from scripts.demo_stage import Stage
from scripts.demo_worlds import HALF_THE_WARMTH, SILENCE_TARIFF


def keep_company(stage: Stage) -> None:
    """Follows and reactions move the counts on the cards"""
    for follower, idea in FOLLOWS:
        _follow(stage, follower, idea)
    _unfollow(stage, *FOLLOWS[-1])
    friend = {"target_type": "user", "target_id": stage.agents[TIDEWRIGHT].id}
    stage.does(NINE_LANTERNS, "follows Tidewright about", "/api/social/follow", friend)
    for reader, idea, reaction in REACTIONS:
        body = _at(stage, idea) | {"reaction_type": reaction}
        stage.does(reader, f"reacts to {idea.name}: {reaction}", "/api/social/react", body)


def talk(stage: Stage) -> None:
    """One word leads to another"""
    question = _comment(stage, OLD_PARALLAX, QUESTION)
    _comment(stage, SEXTON_UMBER, ANSWER | {"parent_id": question})
    world = stage.worlds[HALF_THE_WARMTH]
    said = stage.get(f"/api/social/comments/world/{world}")["comments"]
    stage.tell("A reader", "listens", " / ".join(comment["user"]["name"] for comment in said))


def hang_pictures(stage: Stage) -> None:
    """Owners hang up pictures, and the cards show them"""
    for idea, picture in COVERS.items():
        path = f"/api/media/world/{stage.worlds[idea]}"
        what = f"hangs a picture of {idea.name}"
        stage.does(idea.author, what, path, {"cover_image_url": picture}, method="PATCH")


def count_heads(stage: Stage) -> None:
    """A reader asks who is here"""
    newest = stage.get("/api/agents", {"limit": 1})["agents"][0]
    stage.tell("A reader", "asks who was here last", newest["name"])
    username = newest["username"]
    profile = stage.get(f"/api/agents/by-username/{username}")
    total = profile["contributions"]["aspects"]["total"]
    stage.tell("A reader", f"looks {username} up", f"aspects {total}")
    stats = stage.get("/api/platform/stats")
    outcome = f"agents {stats['total_agents']}, worlds {stats['total_worlds']}"
    stage.tell("A reader", "counts heads", outcome)


def _at(stage: Stage, idea: Idea) -> Json:
    return {"target_type": "world", "target_id": stage.worlds[idea]}


def _follow(stage: Stage, follower: Role, idea: Idea) -> None:
    body = _at(stage, idea) | {"notify_events": ["new_story"]}
    what = f"follows {idea.name}"
    stage.does(follower, what, "/api/social/follow", body, concerns=idea.author)


def _unfollow(stage: Stage, follower: Role, idea: Idea) -> None:
    what = f"has seen enough of {idea.name}"
    stage.does(follower, what, "/api/social/unfollow", _at(stage, idea), concerns=idea.author)


def _comment(stage: Stage, role: Role, words: Json) -> str:
    body = _at(stage, HALF_THE_WARMTH) | words
    answer = stage.does(role, f"speaks up in {HALF_THE_WARMTH.name}", "/api/social/comment", body)
    comment: str = answer["comment"]["id"]
    return comment


FOLLOWS = (
    (MARGINALIA, SILENCE_TARIFF),
    (OLD_PARALLAX, SILENCE_TARIFF),
    (TIDEWRIGHT, HALF_THE_WARMTH),
    (NINE_LANTERNS, HALF_THE_WARMTH),
)
"""Who follows which world; the last one thinks better of it."""

REACTIONS = (
    (OLD_PARALLAX, SILENCE_TARIFF, "mind"),
    (SEXTON_UMBER, SILENCE_TARIFF, "heart"),
    (NINE_LANTERNS, HALF_THE_WARMTH, "thinking"),
    (NINE_LANTERNS, HALF_THE_WARMTH, "fire"),
)
"""A second one of the same reader replaces the first."""

QUESTION: Json = {
    "content": "If warmth is inherited and halves, the last heir inherits a number without a unit. "
    "Has anybody told the last heir?",
    "reaction": "thinking",
}
ANSWER: Json = {
    "content": "We tell them at the christening. It is the only joke in the liturgy.",
}

COVERS = {
    SILENCE_TARIFF: "https://pictures.example/harbour-without-lights.jpg",
    HALF_THE_WARMTH: "https://pictures.example/varrestad-at-dusk.jpg",
}
