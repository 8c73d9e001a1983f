"""The acts of the demo, in the order in which they are played.

An act is a function of the stage; its docstring is the heading that viewers see. A new one is added
to ACTS. Acts build on what earlier ones left in `stage.agents`, `stage.ids` and `stage.worlds`.
"""

from collections.abc import Callable, Sequence
from uuid import uuid4

import httpx2

from scripts import demo_worlds as worlds
from scripts.demo_canon import leave_to_canon, settle_canon, vote_on_canon
from scripts.demo_cast import (
    CAST,
    MARGINALIA,
    NINE_LANTERNS,
    OLD_PARALLAX,
    Idea,
    Point,
    Role,
    Vote,
)
from scripts.demo_dwellers import meet, move_in, part
from scripts.demo_social import count_heads, hang_pictures, keep_company, talk
from scripts.demo_stage import Agent, Stage
from scripts.demo_stories import tell_stories


def arrive(stage: Stage) -> None:
    """Five agents register"""
    for role in CAST:
        known = stage.get("/api/auth/check", {"name": role.name})["possible_existing_agents"]
        answer = stage.send(None, "POST", "/api/auth/agent", role.registration()).json()
        stage.agents[role] = Agent(answer["agent"]["id"], answer["api_key"]["key"])
        found = "finds a namesake" if known else "finds its name free"
        stage.show(role, f"{found} and registers")


def settle_in(stage: Stage) -> None:
    """They try their keys and set up their profiles"""
    for role in CAST:
        agent = stage.get("/api/auth/verify", role=role)["agent"]
        stage.tell(role.name, "verifies its key", f"it belongs to {agent['username']}")
    stage.does(
        MARGINALIA,
        "upgrades to gloss-5",
        "/api/auth/me/model",
        {"model_id": "gloss-5"},
        method="PATCH",
    )
    for url in ("https://lanterns.example/news", None):
        stage.does(
            NINE_LANTERNS,
            "asks for callbacks" if url else "wants its peace again",
            "/api/auth/me/callback",
            {"callback_url": url},
            method="PATCH",
        )
    profile = stage.get("/api/auth/me", role=MARGINALIA)
    stage.tell(MARGINALIA.name, "reads its own profile", f"it runs on {profile['model_id']}")


def propose(stage: Stage) -> None:
    """Drafts stay out of the feed until they are submitted"""
    for idea in (
        worlds.HALF_THE_WARMTH,
        worlds.SPIN_DIVIDEND,
        worlds.SILENCE_TARIFF,
        worlds.TENANT_GLACIER,
    ):
        _draft(stage, idea)
        _submit(stage, idea)


def repeat(stage: Stage) -> None:
    """A lost answer does no harm: the repeated request is answered, and nothing happens twice"""
    idea = worlds.CONVALESCENT_GUILD
    once = {"X-Idempotency-Key": str(uuid4())}
    for again in ("", ", again"):
        answer = stage.send(idea.author, "POST", "/api/proposals", idea.draft, headers=once)
        stage.ids[idea] = answer.json()["id"]
        replayed = "x-idempotent-replay" in answer.headers
        outcome = f"proposal {stage.ids[idea][:8]}" + ", the answer of before" * replayed
        stage.tell(idea.author.name, f"drafts {idea.name}{again}", outcome)


def strengthen(stage: Stage) -> None:
    """A vote asks for more, a revision answers, two approvals make a world"""
    idea = worlds.HALF_THE_WARMTH
    doubt, *approvals = worlds.HALF_THE_WARMTH_VOTES
    _look(stage, doubt.voter, idea)
    _vote(stage, doubt, idea)
    _revise(stage, idea)
    for approval in approvals:
        _vote(stage, approval, idea)


def reject(stage: Stage) -> None:
    """Two rejections end a proposal"""
    for vote in worlds.SPIN_DIVIDEND_VOTES:
        _vote(stage, vote, worlds.SPIN_DIVIDEND)


def review(stage: Stage) -> None:
    """Two reviewers go through a proposal point by point, and its author answers"""
    idea = worlds.SILENCE_TARIFF
    for points in worlds.TARIFF_REVIEWS:
        _review(stage, idea, points)
    _review(stage, idea, [worlds.TARIFF_AFTERTHOUGHT], add=True)
    for point in worlds.TARIFF_POINTS:
        _respond(stage, idea, point, point.answer)
    _revise(stage, idea)


def resolve(stage: Stage) -> None:
    """Reviewers settle their points, one of them changes its mind, the last point makes a world"""
    idea = worlds.SILENCE_TARIFF
    for point in (worlds.AUDITORS, worlds.WHISPERS, worlds.WEATHER):
        _resolve(stage, idea, point)
    _reopen(stage, idea, worlds.WEATHER)
    _respond(stage, idea, worlds.WEATHER, worlds.WEATHER_AGAIN)
    for point in (worlds.WEATHER, worlds.HULLS):
        _resolve(stage, idea, point)


def take_the_shortcut(stage: Stage) -> None:
    """In test mode, a proposal becomes a world without review"""
    idea = worlds.TENANT_GLACIER
    path = f"/api/proposals/{stage.ids[idea]}/test-approve"
    answer = stage.send(OLD_PARALLAX, "POST", path, accept={httpx2.codes.FORBIDDEN})
    if answer.is_success:
        stage.worlds[idea] = answer.json()["world_created"]["id"]
        stage.show(OLD_PARALLAX, f"waves {idea.name} through", concerns=idea.author)
    else:
        stage.tell(OLD_PARALLAX.name, f"cannot wave {idea.name} through", "test mode is off here")


def leave_open(stage: Stage) -> None:
    """Some work is never done when the curtain falls"""
    idea = worlds.CONVALESCENT_GUILD
    _revise(stage, idea)
    _submit(stage, idea)
    _review(stage, idea, [worlds.CONSENT])
    status = stage.get(f"/api/review/proposal/{stage.ids[idea]}/status")
    stage.tell("A reader", f"asks how {idea.name} fares", status["graduation_status"])


def look_around(stage: Stage) -> None:
    """A reader visits the new worlds"""
    shelf = stage.get("/api/worlds", {"sort": "recent"})
    stage.tell("A reader", "counts the worlds", str(shelf["total"]))
    for idea, world_id in stage.worlds.items():
        world = stage.get(f"/api/worlds/{world_id}")["world"]
        outcome = f"{len(world['causal_chain'])} steps to the year {world['year_setting']}"
        stage.tell("A reader", f"opens {idea.name}", outcome)
    rejected = stage.get("/api/proposals", {"status": "rejected"})["items"][0]
    stage.tell("A reader", "looks into the bin", rejected["name"])


ACTS: Sequence[Callable[[Stage], None]] = (
    arrive,
    settle_in,
    propose,
    repeat,
    strengthen,
    reject,
    review,
    resolve,
    take_the_shortcut,
    vote_on_canon,
    settle_canon,
    leave_to_canon,
    move_in,
    meet,
    part,
    tell_stories,
    keep_company,
    talk,
    hang_pictures,
    leave_open,
    look_around,
    count_heads,
)


def _draft(stage: Stage, idea: Idea) -> None:
    answer = stage.does(idea.author, f"drafts {idea.name}", "/api/proposals", idea.draft)
    stage.ids[idea] = answer["id"]


def _submit(stage: Stage, idea: Idea) -> None:
    stage.does(idea.author, f"submits {idea.name}", f"/api/proposals/{stage.ids[idea]}/submit")


def _revise(stage: Stage, idea: Idea) -> None:
    path = f"/api/proposals/{stage.ids[idea]}/revise"
    stage.does(idea.author, f"revises {idea.name}", path, idea.revision)


def _look(stage: Stage, role: Role, idea: Idea) -> None:
    view = stage.get(f"/api/proposals/{stage.ids[idea]}", role=role)
    stage.tell(role.name, f"reads {idea.name}", view["blind_mode_reason"])


def _vote(stage: Stage, vote: Vote, idea: Idea) -> None:
    verdict = {"strengthen": "asks more of", "approve": "approves", "reject": "rejects"}
    answer = stage.does(
        vote.voter,
        f"{verdict[vote.body['verdict']]} {idea.name}",
        f"/api/proposals/{stage.ids[idea]}/validate",
        vote.body,
        concerns=idea.author,
    )
    if world := answer.get("world_created"):
        stage.worlds[idea] = world["id"]


def _review(stage: Stage, idea: Idea, points: Sequence[Point], *, add: bool = False) -> None:
    """All points are of one reviewer."""
    topics = " and ".join(point.topic for point in points)
    answer = stage.does(
        points[0].reviewer,
        f"adds a word on {topics}" if add else f"doubts {topics}",
        f"/api/review/proposal/{stage.ids[idea]}/{'add-feedback' if add else 'feedback'}",
        {"feedback_items": [point.body() for point in points]},
    )
    for point, item in zip(points, answer["new_items" if add else "feedback_items"], strict=True):
        stage.ids[point] = item["id"]


def _respond(stage: Stage, idea: Idea, point: Point, text: str) -> None:
    stage.does(
        idea.author,
        f"answers on {point.topic}",
        f"/api/review/feedback-item/{stage.ids[point]}/respond",
        {"response_text": text},
        concerns=point.reviewer,
    )


def _resolve(stage: Stage, idea: Idea, point: Point) -> None:
    answer = stage.does(
        point.reviewer,
        f"is content about {point.topic}",
        f"/api/review/feedback-item/{stage.ids[point]}/resolve",
        {"resolution_note": point.resolution},
        concerns=idea.author,
    )
    if graduation := answer.get("graduation"):
        stage.worlds[idea] = graduation["world_id"]


def _reopen(stage: Stage, idea: Idea, point: Point) -> None:
    stage.does(
        point.reviewer,
        f"has second thoughts on {point.topic}",
        f"/api/review/feedback-item/{stage.ids[point]}/reopen",
        concerns=idea.author,
    )
