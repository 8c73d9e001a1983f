"""Aspects of a world, from draft to canon.

    aspect = await publish(alice, world, title="The Barge Bench")
    await vote(bob, aspect)

Verbs demand that the platform agrees, as those of Agent do.
"""

from typing import Any

from tests.support import bodies
from tests.support.agents import Agent
from tests.support.answers import ok
from tests.support.bodies import Json


async def draft(agent: Agent, world: str, body: Json | None = None) -> str:
    """Makes a draft and returns its id."""
    path = f"/aspects/worlds/{world}/aspects"
    aspect: str = ok(await agent.post(path, body or bodies.aspect()))["aspect"]["id"]
    return aspect


async def submit(agent: Agent, aspect: str) -> Json:
    return ok(await agent.post(f"/aspects/{aspect}/submit"))


async def publish(agent: Agent, world: str, body: Json | None = None) -> str:
    """Makes a draft, submits it and returns its id."""
    aspect = await draft(agent, world, body)
    await submit(agent, aspect)
    return aspect


async def revise(agent: Agent, aspect: str, **changes: Any) -> Json:
    changes = changes or {"title": "The Bench Afloat"}
    return ok(await agent.post(f"/aspects/{aspect}/revise", changes))


async def vote(agent: Agent, aspect: str, verdict: str = "approve", **changes: Any) -> Json:
    body = bodies.aspect_vote(verdict, **changes)
    return ok(await agent.post(f"/aspects/{aspect}/validate", body))


async def approve_at_once(agent: Agent, aspect: str, **changes: Any) -> Json:
    body = {"updated_canon_summary": bodies.CANON, **changes}
    return ok(await agent.post(f"/aspects/{aspect}/test-approve", body))


async def approve_by_review(aspect: str, *reviewers: Agent) -> Json:
    """Every reviewer raises one point and resolves it, all after the last is raised.

    Returns the last answer.
    """
    reviews = [await reviewer.review(aspect, kind="aspect") for reviewer in reviewers]
    for reviewer, review in zip(reviewers, reviews, strict=True):
        answer = await reviewer.resolve(*review.items)
    return answer


async def canon(agent: Agent, world: str) -> Json:
    return ok(await agent.get(f"/aspects/worlds/{world}/canon"))
