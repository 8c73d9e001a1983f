"""Random agents at random endpoints, against a reference model of the state machines.

After every write the status is the one that the model foretells, and the feed holds exactly the
items that it foretells: nothing more, nothing less, nothing out of date. Before a run ends, every
record is read once more and is in the model's state.

The seed is part of the test's name, so that every report shows it; WALK_SEED=… plays another run.
"""

import os
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.support import bodies
from tests.support.bodies import Json
from tests.support.contract import check_feed
from tests.support.model import Content, Dweller, Judgement, Key, Model, Point, World
from tests.support.server import ServerProcess

SEED = int(os.environ.get("WALK_SEED", "3"))
RUNS, STEPS = 30, 30

AGENTS = 4
PAGE = 50

# Agents sit around a table: 0 is whoever may do it, or who owns it, the others follow.
MOSTLY_OWN = st.sampled_from([0, 0, 0, 1])
MOSTLY_OTHERS = st.sampled_from([1, 2, 3, 1, 2, 3, 0])
ANYBODY = st.integers(0, AGENTS - 1)

SEVERITIES = st.lists(st.sampled_from(["critical", "important", "minor"]), min_size=1, max_size=2)
VERDICTS = st.sampled_from(["approve", "approve", "reject", "strengthen"])


class Platform(RuleBasedStateMachine):
    """Acts of agents; each is one write, but for those that lead somewhere: they are several."""

    proposals, aspects, stories = Bundle("proposals"), Bundle("aspects"), Bundle("stories")
    worlds, dwellers = Bundle("worlds"), Bundle("dwellers")
    points, judgements = Bundle("points"), Bundle("judgements")
    contents = st.one_of(proposals, aspects, stories)

    def __init__(self, client: httpx2.Client) -> None:
        super().__init__()
        self.client = client
        self.model = Model()
        self.keys: list[str] = []
        self.agents: list[str] = []
        self.world = self.begin()

    # the platform

    def send(self, agent: int, path: str, body: Any, expected: int) -> Json:
        """A write, and what the model says about its status."""
        headers = {"X-API-Key": self.keys[agent]}
        response = self.client.post(path, json=body, headers=headers)
        shown = f"POST {path} → {response.status_code}: {response.text}"
        assert response.status_code == expected, f"{shown}, the model says {expected}"
        answer: Json = response.json()
        return answer

    def get(self, path: str) -> Json:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        return answer

    def done(self) -> None:
        """A write is over: the feed holds what the model says."""
        self.model.now += 1
        found = {(item["type"], item["id"]): item for item in self.feed()}
        expected = self.model.items() | {("agent_registered", agent): {} for agent in self.agents}
        assert found.keys() == expected.keys(), _difference(found.keys(), expected.keys())
        for key, facts in expected.items():
            assert _holds(found[key], facts), f"{found[key]}, the model says {facts}"

    def feed(self) -> Iterator[Json]:
        """The items of this run, newest first: the oldest is about its first agent."""
        query: Json = {"limit": PAGE}
        while True:
            page = self.client.get("/feed", params=query).json()
            for item in page["items"]:
                yield item
                if item["id"] == self.agents[0]:
                    return
            query["cursor"] = page["next_cursor"]

    # agents, proposals and worlds

    def begin(self) -> World:
        """Everybody is there, and a world to begin with."""
        for number in range(AGENTS):
            registration = {"name": f"Agent {number}", "username": f"agent-{number}"}
            answer = self.client.post("/auth/agent", json=registration).json()
            self.keys.append(answer["api_key"]["key"])
            self.agents.append(answer["agent"]["id"])
        proposal = self.draft(0)
        self.submitted(0, proposal)
        world = self.approved_at_once(0, proposal)
        assert isinstance(world, World)
        return world

    # One of each from the start, so that every rule has something to work on.

    @initialize(target=worlds)
    def a_world(self) -> World:
        return self.world

    @initialize(target=proposals)
    def a_proposal(self) -> Content:
        proposal = self.draft(1)
        self.submitted(1, proposal)
        return proposal

    @initialize(target=aspects)
    def an_aspect(self) -> Content:
        return self.draft_aspect(self.world, 2, True)  # type: ignore[return-value]  # hypothesis types what a rule returns as a bundle

    @initialize(target=dwellers)
    def a_dweller(self) -> Dweller:
        return self.settle_dweller(self.world, 3)  # type: ignore[return-value]  # hypothesis types what a rule returns as a bundle

    @initialize(target=stories)
    def a_story(self) -> Content:
        return self.tell(self.world, 0)  # type: ignore[return-value]  # hypothesis types what a rule returns as a bundle

    @initialize(target=points)
    def a_point(self) -> Point:
        proposal = self.draft(3)
        self.submitted(3, proposal)
        return self.reviewed(2, proposal, "critical")[0]

    @initialize(target=judgements)
    def a_judgement(self) -> tuple[Content, Judgement]:
        judged = self.judge(self.tell(self.world, 2), 1, True)
        assert isinstance(judged, tuple)
        return judged

    def draft(self, agent: int) -> Content:
        answer = self.send(agent, "/proposals", bodies.draft(), 200)
        proposal = Content("proposal", answer["id"], agent, "draft")
        self.model.contents.append(proposal)
        self.done()
        return proposal

    def submitted(self, agent: int, content: Content) -> None:
        expected = self.model.submit(agent, content)
        self.send(agent, f"/{content.kind}s/{content.id}/submit", None, expected)
        self.done()

    @rule(target=proposals, agent=ANYBODY, publish=st.sampled_from([True, True, False]))
    def propose(self, agent: int, publish: bool) -> "Content | MultipleResults[Content]":
        if (expected := self.model.propose(agent)) != 200:
            self.send(agent, "/proposals", bodies.draft(), expected)
            self.done()
            return multiple()
        proposal = self.draft(agent)
        if publish:
            self.submitted(agent, proposal)
        return proposal

    @rule(content=st.one_of(proposals, aspects), by=MOSTLY_OWN)
    def submit(self, content: Content, by: int) -> None:
        self.submitted(_seat(content.author + by), content)

    @rule(content=st.one_of(proposals, aspects), by=MOSTLY_OWN)
    def revise(self, content: Content, by: int) -> None:
        self.revised(_seat(content.author + by), content)

    def revised(self, agent: int, content: Content) -> None:
        expected = self.model.revise(agent, content)
        premise = f"Told anew, for the {content.revisions + 1}th time, with better reasons."
        self.send(agent, f"/{content.kind}s/{content.id}/revise", {"premise": premise}, expected)
        self.done()

    @rule(target=worlds, content=st.one_of(proposals, aspects), by=MOSTLY_OTHERS, verdict=VERDICTS)
    def vote(self, content: Content, by: int, verdict: str) -> "World | MultipleResults[World]":
        agent = _seat(content.author + by)
        of_kind = bodies.vote if content.kind == "proposal" else bodies.aspect_vote
        expected = self.model.vote(agent, content)
        path = f"/{content.kind}s/{content.id}/validate"
        answer = self.send(agent, path, of_kind(verdict), expected)
        if expected == 200:
            self.model.voted(agent, content, answer["validation"]["id"], verdict)
        return self.graduated(content, answer.get("world_created"))

    @rule(target=worlds, content=st.one_of(proposals, aspects), by=ANYBODY)
    def test_approve(self, content: Content, by: int) -> "World | MultipleResults[World]":
        return self.approved_at_once(by, content)

    def approved_at_once(self, agent: int, content: Content) -> "World | MultipleResults[World]":
        """A proposal is approved by decree, an aspect by a vote that anybody may cast."""
        expected = self.model.test_approve(agent, content)
        body = {"updated_canon_summary": bodies.CANON}
        path = f"/{content.kind}s/{content.id}/test-approve"
        answer = self.send(agent, path, body, expected)
        if expected == 200 and content.kind == "aspect":
            self.model.voted(agent, content, "", "approve")
        elif expected == 200:
            content.status = "approved"
        return self.graduated(content, answer.get("world_created"))

    def graduated(self, content: Content, made: Json | None) -> "World | MultipleResults[World]":
        """The write is over; an approved proposal became a world, and nothing else did."""
        known = any(world.graduated is content for world in self.model.worlds)
        new = content.kind == "proposal" and content.status == "approved" and not known
        assert bool(made) == new
        if not made:
            self.done()
            return multiple()
        world = World(made["id"], content.author, content)
        self.model.worlds.append(world)
        self.done()
        path = f"/dwellers/worlds/{world.id}/regions"
        self.send(content.author, path, bodies.region(), 200)
        self.done()
        return world

    # aspects

    @rule(target=aspects, world=worlds, agent=ANYBODY, publish=st.sampled_from([True, True, False]))
    def draft_aspect(self, world: World, agent: int, publish: bool) -> Content:
        answer = self.send(agent, f"/aspects/worlds/{world.id}/aspects", bodies.aspect(), 200)
        aspect = Content("aspect", answer["aspect"]["id"], agent, "draft")
        self.model.contents.append(aspect)
        self.done()
        if publish:
            self.submitted(agent, aspect)
        return aspect

    # critical reviews

    @rule(target=points, content=contents, by=MOSTLY_OTHERS, severities=SEVERITIES)
    def review(self, content: Content, by: int, severities: list[str]) -> "MultipleResults[Point]":
        return multiple(*self.reviewed(_seat(content.author + by), content, *severities))

    def reviewed(self, agent: int, content: Content, *severities: str) -> list[Point]:
        expected = self.model.review(agent, content)
        path = f"/review/{content.kind}/{content.id}/feedback"
        answer = self.send(agent, path, bodies.points(*severities), expected)
        return self.raised(agent, content, answer, answer.get("feedback_items", []))

    @rule(target=points, content=contents, by=MOSTLY_OTHERS, severities=SEVERITIES)
    def add_feedback(
        self, content: Content, by: int, severities: list[str]
    ) -> "MultipleResults[Point]":
        agent = _seat(content.author + by)
        expected = self.model.add_feedback(agent, content)
        path = f"/review/{content.kind}/{content.id}/add-feedback"
        answer = self.send(agent, path, bodies.points(*severities), expected)
        return multiple(*self.raised(agent, content, answer, answer.get("new_items", [])))

    def raised(self, agent: int, content: Content, answer: Json, items: list[Json]) -> list[Point]:
        new = [item["id"] for item in items]
        if new:
            self.model.raised(agent, content, answer["review_id"], new)
        self.done()
        return content.reviews[agent].points[-len(new) :] if new else []

    @rule(point=points, by=MOSTLY_OWN)
    def respond(self, point: Point, by: int) -> None:
        agent = _seat(point.review.content.author + by)
        expected = self.model.respond(agent, point)
        self.send(agent, f"/review/feedback-item/{point.id}/respond", bodies.ANSWER, expected)
        self.done()

    @rule(target=worlds, point=points, by=MOSTLY_OWN)
    def resolve(self, point: Point, by: int) -> "World | MultipleResults[World]":
        return self.resolved(_seat(point.review.reviewer + by), point)

    def resolved(self, agent: int, point: Point) -> "World | MultipleResults[World]":
        content, before = point.review.content, point.review.content.status
        expected = self.model.resolve(agent, point)
        answer = self.send(agent, f"/review/feedback-item/{point.id}/resolve", {}, expected)
        graduation = answer.get("graduation")
        assert bool(graduation) == (content.status != before)
        made = {"id": graduation["world_id"]} if graduation and content.kind == "proposal" else None
        return self.graduated(content, made)

    @rule(point=points, by=MOSTLY_OWN)
    def reopen(self, point: Point, by: int) -> None:
        agent = _seat(point.review.reviewer + by)
        expected = self.model.reopen(agent, point)
        self.send(agent, f"/review/feedback-item/{point.id}/reopen", None, expected)
        self.done()

    @rule(target=worlds, content=st.one_of(proposals, aspects))
    def settle(self, content: Content) -> "MultipleResults[World]":
        """What it takes to graduate by review, from wherever the content is."""
        if not content.under_review:
            return multiple()
        for by in (1, 2):
            agent = _seat(content.author + by)
            if agent not in content.reviews:
                self.reviewed(agent, content, "important")
        self.revised(content.author, content)
        for review in list(content.reviews.values()):
            for point in review.points:
                if point.status != "resolved":
                    self.resolved(review.reviewer, point)
        return multiple(*(w for w in self.model.worlds if w.graduated is content))

    # dwellers

    @rule(target=dwellers, world=worlds, agent=ANYBODY)
    def settle_dweller(self, world: World, agent: int) -> Dweller:
        path = f"/dwellers/worlds/{world.id}/dwellers"
        answer = self.send(agent, path, bodies.dweller(), 200)
        dweller = Dweller(answer["dweller"]["id"], world)
        self.model.dwellers.append(dweller)
        world.dwellers += 1
        self.done()
        return dweller

    @rule(dweller=dwellers, agent=ANYBODY)
    def claim(self, dweller: Dweller, agent: int) -> None:
        self.claimed(agent, dweller)

    def claimed(self, agent: int, dweller: Dweller) -> None:
        expected = self.model.claim(agent, dweller)
        self.send(agent, f"/dwellers/{dweller.id}/claim", None, expected)
        self.done()

    @rule(world=worlds, agent=ANYBODY)
    def crowd(self, world: World, agent: int) -> None:
        """Claims whoever is free: a sixth dweller at the latest is one too many."""
        while len(self.model.dwellers) < 6:
            self.settle_dweller(world, agent)
        for dweller in self.model.dwellers:
            if dweller.inhabitant is None:
                self.claimed(agent, dweller)

    @rule(dweller=dwellers, by=MOSTLY_OWN)
    def release(self, dweller: Dweller, by: int) -> None:
        agent = _seat((dweller.inhabitant or 0) + by)
        expected = self.model.release(agent, dweller)
        self.send(agent, f"/dwellers/{dweller.id}/release", None, expected)
        self.done()

    @rule(dweller=dwellers, by=MOSTLY_OWN)
    def act(self, dweller: Dweller, by: int) -> None:
        agent = _seat((dweller.inhabitant or 0) + by)
        expected = self.model.act(agent, dweller)
        context = self.send(agent, f"/dwellers/{dweller.id}/act/context", {}, expected)
        token = context.get("context_token", dweller.id)
        answer = self.send(agent, f"/dwellers/{dweller.id}/act", bodies.act(token), expected)
        if expected == 200:
            dweller.actions.append(answer["action"]["id"])
        self.done()

    @rule(dweller=dwellers, agent=ANYBODY, times=st.integers(1, 4))
    def live(self, dweller: Dweller, agent: int, times: int) -> None:
        """Acts by whoever inhabits it; claims it first if nobody does."""
        if dweller.inhabitant is None:
            self.claimed(agent, dweller)
        for _ in range(times):
            self.act(dweller, 0)

    # stories

    @rule(target=stories, world=worlds, agent=ANYBODY)
    def tell(self, world: World, agent: int) -> Content:
        answer = self.send(agent, "/stories", bodies.story(world.id), 200)
        story = Content("story", answer["story"]["id"], agent, "published")
        self.model.contents.append(story)
        self.done()
        return story

    @rule(
        target=judgements, story=stories, by=MOSTLY_OTHERS, acclaim=st.sampled_from([True, False])
    )
    def judge(
        self, story: Content, by: int, acclaim: bool
    ) -> "tuple[Content, Judgement] | MultipleResults[Any]":
        agent = _seat(story.author + by)
        expected = self.model.judge(agent, story)
        path, body = f"/stories/{story.id}/review", bodies.story_review(acclaim)
        answer = self.send(agent, path, body, expected)
        if expected == 200:
            story.judgements[agent] = Judgement(answer["review"]["id"], acclaim)
        self.done()
        return (story, story.judgements[agent]) if expected == 200 else multiple()

    @rule(judgement=judgements, by=MOSTLY_OWN)
    def answer(self, judgement: tuple[Content, Judgement], by: int) -> None:
        story, judged = judgement
        agent = _seat(story.author + by)
        expected = self.model.answer(agent, story, judged)
        path = f"/stories/{story.id}/reviews/{judged.id}/respond"
        answer = self.send(agent, path, bodies.STORY_ANSWER, expected)
        if expected == 200:
            assert answer["story_stats"]["status"] == story.status
        self.done()

    @rule(story=stories, by=MOSTLY_OWN, real=st.sampled_from([True, True, False]))
    def rewrite(self, story: Content, by: int, real: bool) -> None:
        title = f"Low Water {story.revisions + real}" if real or story.revisions else "Low Water"
        agent = _seat(story.author + by)
        expected = self.model.rewrite(agent, story, real=real)
        self.send(agent, f"/stories/{story.id}/revise", {"title": title}, expected)
        self.done()

    @rule(story=stories)
    def earn_acclaim(self, story: Content) -> None:
        """What it takes to be acclaimed, as far as reviewers still can."""
        for by in (1, 2, 3):
            if _seat(story.author + by) not in story.judgements:
                self.judge(story, by, True)
        self.rewrite(story, 0, True)
        for judged in story.judgements.values():
            if not judged.answered:
                self.answer((story, judged), 0)

    # what moves counts

    @rule(story=stories, agent=ANYBODY, reaction=st.sampled_from(["fire", "mind"]))
    def react(self, story: Content, agent: int, reaction: str) -> None:
        expected = self.model.react(agent, story, reaction)
        self.send(agent, f"/stories/{story.id}/react", {"reaction_type": reaction}, expected)
        self.done()

    @rule(story=stories, agent=ANYBODY)
    def comment(self, story: Content, agent: int) -> None:
        self.send(agent, "/social/comment", bodies.comment("story", story.id), 200)
        story.comments += 1
        self.done()

    @rule(world=worlds, agent=ANYBODY, verb=st.sampled_from(["follow", "unfollow"]))
    def follow(self, world: World, agent: int, verb: str) -> None:
        self.send(agent, f"/social/{verb}", {"target_type": "world", "target_id": world.id}, 200)
        (world.followers.add if verb == "follow" else world.followers.discard)(agent)
        self.done()

    # the end

    def teardown(self) -> None:
        """What the feed does not show is in the model's state as well; items keep the contract."""
        check_feed(list(self.feed()))
        for content in self.model.contents:
            plural = "stories" if content.kind == "story" else f"{content.kind}s"
            record = self.get(f"/{plural}/{content.id}")[content.kind]
            assert record["status"] == content.status
            self.check_points(content)
        for dweller in self.model.dwellers:
            record = self.get(f"/dwellers/{dweller.id}")["dweller"]
            agent = dweller.inhabitant
            assert record["inhabited_by"] == (None if agent is None else self.agents[agent])

    def check_points(self, content: Content) -> None:
        reviews = self.get(f"/review/{content.kind}/{content.id}/feedback")["reviews"]
        found = {
            item["id"]: item["status"] for review in reviews for item in review["feedback_items"]
        }
        expected = {
            point.id: point.status for review in content.reviews.values() for point in review.points
        }
        assert found == expected


@pytest.mark.timeout(400)  # some hundred writes, each of which reads the whole feed
@pytest.mark.parametrize("walk_seed", [SEED])
def test_random_agents_never_leave_the_model(server: ServerProcess, walk_seed: int) -> None:
    steps = 0

    class Counted(Platform):
        def check_invariants(self, *args: Any, **kwargs: Any) -> None:
            nonlocal steps
            steps += 1
            super().check_invariants(*args, **kwargs)

    with httpx2.Client(base_url=f"{server.url}/api", timeout=30) as client:

        @seed(walk_seed)
        def play() -> Platform:
            return Counted(client)

        run_state_machine_as_test(
            play,  # type: ignore[arg-type]  # any factory will do, the annotation says less
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=STEPS,
                database=None,
                deadline=None,
                # Without shrinking: it would play hundreds of runs more.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
    assert steps >= 300
    assert "Traceback" not in server.stderr


def _seat(number: int) -> int:
    return number % AGENTS


def _holds(said: Any, fact: Any) -> bool:
    """Whether an item, or a part of it, says all that the facts say."""
    match fact:
        case dict():
            return all(_holds(said[name], inner) for name, inner in fact.items())
        case list():
            return len(said) == len(fact) and all(map(_holds, said, fact))
        case _:
            return bool(said == fact)


def _difference(found: Any, expected: Any) -> dict[str, set[Key]]:
    return {"not expected": found - expected, "missing": expected - found}
