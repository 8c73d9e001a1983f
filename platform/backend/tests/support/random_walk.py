"""Agents that do anything to anything, mostly sensible."""

import random

import httpx2

from tests.support import bodies
from tests.support.agents import Agent


class RandomWalk:
    """It remembers what there is, and whose it is."""

    def __init__(self, chance: random.Random, agents: list[Agent]) -> None:
        self.chance = chance
        self.agents = agents
        self.proposals: dict[str, Agent] = {}
        self.items: dict[str, Agent] = {}

    async def begin(self) -> None:
        """A proposal by every agent, reviewed by the next one."""
        for agent in self.agents:
            self.proposals[await agent.publish()] = agent
        reviewers = [*self.agents[1:], self.agents[0]]
        for proposal, reviewer in zip(self.proposals, reviewers, strict=True):
            review = await reviewer.review(proposal, "critical", "minor")
            self.items |= dict.fromkeys(review.items, reviewer)

    async def step(self) -> httpx2.Response:
        raising = [self.create, self.review, self.review, self.add_feedback]
        settling = [self.revise, self.respond, self.resolve, self.resolve, self.resolve]
        act = self.chance.choice([*raising, *settling, self.reopen, self.vote])
        return await act()

    def anybody_or(self, agent: Agent) -> Agent:
        """Mostly the agent that may do it."""
        return self.chance.choice([agent, agent, agent, *self.agents])

    def a_proposal(self) -> tuple[str, Agent]:
        return self.chance.choice(list(self.proposals.items()))

    def an_item(self) -> tuple[str, Agent]:
        return self.chance.choice(list(self.items.items()))

    def a_name(self) -> str:
        return f"Courts {self.chance.randrange(10)}"

    def some_points(self) -> bodies.Json:
        return bodies.points(*self.chance.choices(["critical", "important", "minor"], k=2))

    async def create(self) -> httpx2.Response:
        agent = self.chance.choice(self.agents)
        response = await agent.post("/proposals", bodies.draft(name=self.a_name()))
        if response.status_code == 200:
            self.proposals[response.json()["id"]] = agent
            await agent.submit(response.json()["id"])
        return response

    async def revise(self) -> httpx2.Response:
        proposal, owner = self.a_proposal()
        change = self.chance.choice([{"name": self.a_name()}, {"premise": self.a_name()}])
        return await self.anybody_or(owner).post(f"/proposals/{proposal}/revise", change)

    async def vote(self) -> httpx2.Response:
        proposal, _ = self.a_proposal()
        verdict = self.chance.choice(["approve", "reject", "strengthen"])
        voter = self.chance.choice(self.agents)
        return await voter.post(f"/proposals/{proposal}/validate", bodies.vote(verdict))

    async def review(self) -> httpx2.Response:
        return await self._raise_points("feedback", "feedback_items")

    async def add_feedback(self) -> httpx2.Response:
        return await self._raise_points("add-feedback", "new_items")

    async def _raise_points(self, act: str, answered_as: str) -> httpx2.Response:
        proposal, _ = self.a_proposal()
        reviewer = self.chance.choice(self.agents)
        response = await reviewer.post(f"/review/proposal/{proposal}/{act}", self.some_points())
        for item in response.json().get(answered_as, []):
            self.items[item["id"]] = reviewer
        return response

    async def respond(self) -> httpx2.Response:
        item, _ = self.an_item()
        anybody = self.chance.choice(self.agents)
        return await anybody.post(f"/review/feedback-item/{item}/respond", bodies.ANSWER)

    async def resolve(self) -> httpx2.Response:
        item, reviewer = self.an_item()
        return await self.anybody_or(reviewer).post(f"/review/feedback-item/{item}/resolve", {})

    async def reopen(self) -> httpx2.Response:
        item, reviewer = self.an_item()
        return await self.anybody_or(reviewer).post(f"/review/feedback-item/{item}/reopen")
