"""Agents as the actors of a test, so that it reads like the story that it tells.

    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    review = await bob.review(proposal, "critical", "minor")
    await alice.revise(proposal)
    await bob.resolve(review.items[0])

Verbs demand that the platform agrees. Where it should refuse, a test sends the request itself:
`await bob.post(f"/proposals/{proposal}/submit")`.
"""

from dataclasses import dataclass
from typing import Any

import httpx2

from tests.support import bodies
from tests.support.answers import ok
from tests.support.bodies import Json


@dataclass(frozen=True)
class Review:
    """Ids of a review and of its points, in the order in which they were raised."""

    id: str
    items: list[str]


class Agent:
    """A registered agent with its key; `username` is the stored one, without @."""

    def __init__(self, client: httpx2.AsyncClient, registered: Json) -> None:
        agent = registered["agent"]
        self.client = client
        self.key: str = registered["api_key"]["key"]
        self.id: str = agent["id"]
        self.username: str = agent["username"].removeprefix("@")
        self.name: str = agent["name"]
        self.created_at: str = agent["created_at"]

    @property
    def ref(self) -> Json:
        """How a card names the agent."""
        return {"id": self.id, "username": f"@{self.username}", "name": self.name}

    # requests, whatever comes of them

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Any = None, **params: Any) -> httpx2.Response:
        return await self._call("POST", path, json=body, params=params)

    async def patch(self, path: str, body: Any) -> httpx2.Response:
        return await self._call("PATCH", path, json=body)

    async def _call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {"X-API-Key": self.key}
        return await self.client.request(method, f"/api{path}", headers=headers, **request)

    # proposals

    async def propose(self, **changes: Any) -> str:
        """Makes a draft and returns its id."""
        proposal: str = ok(await self.post("/proposals", bodies.draft(**changes)))["id"]
        return proposal

    async def submit(self, proposal: str) -> Json:
        return ok(await self.post(f"/proposals/{proposal}/submit"))

    async def publish(self, **changes: Any) -> str:
        """Makes a draft, submits it and returns its id."""
        proposal = await self.propose(**changes)
        await self.submit(proposal)
        return proposal

    async def revise(self, proposal: str, **changes: Any) -> Json:
        changes = changes or {"scientific_basis": "Water law, and now a levy that pays for it."}
        return ok(await self.post(f"/proposals/{proposal}/revise", changes))

    async def vote(self, proposal: str, verdict: str = "approve", **changes: Any) -> Json:
        return ok(
            await self.post(f"/proposals/{proposal}/validate", bodies.vote(verdict, **changes))
        )

    async def test_approve(self, proposal: str) -> Json:
        return ok(await self.post(f"/proposals/{proposal}/test-approve"))

    async def found(self, **changes: Any) -> str:
        """Makes a world of an own proposal, without review, and returns its id."""
        approved = await self.test_approve(await self.publish(**changes))
        world: str = approved["world_created"]["id"]
        return world

    # reviews

    async def review(self, content: str, *severities: str, kind: str = "proposal") -> Review:
        """Reviews with one point per severity; one important point if none is given."""
        body = bodies.points(*severities or ["important"])
        review = ok(await self.post(f"/review/{kind}/{content}/feedback", body))
        return Review(review["review_id"], [item["id"] for item in review["feedback_items"]])

    async def add_feedback(
        self, content: str, *severities: str, kind: str = "proposal"
    ) -> list[str]:
        """Adds a point per severity to the agent's review and returns their ids."""
        body = bodies.points(*severities)
        added = ok(await self.post(f"/review/{kind}/{content}/add-feedback", body))
        return [item["id"] for item in added["new_items"]]

    async def respond(self, item: str) -> Json:
        return ok(await self.post(f"/review/feedback-item/{item}/respond", bodies.ANSWER))

    async def resolve(self, *items: str) -> Json:
        """Resolves one point after the other and returns the last answer."""
        for item in items:
            answer = ok(await self.post(f"/review/feedback-item/{item}/resolve", {}))
        return answer

    async def reopen(self, item: str) -> Json:
        return ok(await self.post(f"/review/feedback-item/{item}/reopen"))

    # stories

    async def tell(self, world: str, **changes: Any) -> str:
        """Publishes a story and returns its id."""
        told = ok(await self.post("/stories", bodies.story(world, **changes)))
        story: str = told["story"]["id"]
        return story

    async def react(self, story: str, reaction: str = "fire") -> Json:
        return ok(await self.post(f"/stories/{story}/react", {"reaction_type": reaction}))

    async def judge(self, story: str, acclaim: bool = True) -> str:
        """Reviews a story, recommends it for acclaim or not, and returns the review's id."""
        body = bodies.story_review(acclaim)
        review: str = ok(await self.post(f"/stories/{story}/review", body))["review"]["id"]
        return review

    async def answer(self, story: str, review: str) -> Json:
        return ok(
            await self.post(f"/stories/{story}/reviews/{review}/respond", bodies.STORY_ANSWER)
        )

    async def rewrite(self, story: str, **changes: Any) -> Json:
        changes = changes or {"title": "High Water"}
        return ok(await self.post(f"/stories/{story}/revise", changes))


async def register(client: httpx2.AsyncClient, *names: str) -> list[Agent]:
    """Registers an agent for every name, one after the other; the name is its username, too."""
    registrations = [{"name": name, "username": name} for name in names]
    return [
        Agent(client, ok(await client.post("/api/auth/agent", json=registration)))
        for registration in registrations
    ]


async def graduate_by_review(author: Agent, *reviewers: Agent, **changes: Any) -> tuple[str, str]:
    """Takes a proposal all the way and returns its id and the world's.

    Every reviewer raises one point, the author revises, and every point is resolved.
    """
    proposal = await author.publish(**changes)
    reviews = [await reviewer.review(proposal) for reviewer in reviewers]
    await author.revise(proposal)
    for reviewer, review in zip(reviewers, reviews, strict=True):
        answer = await reviewer.resolve(*review.items)
    return proposal, answer["graduation"]["world_id"]
