"""The state machines of the platform, as plain as they can be told: no HTTP, no tables.

Every act of `Model` returns the status that the platform must answer and, with 200, changes the
model as the platform must change. `items` says what the feed must hold then. New records get their
ids from the platform's answer, so that acts which create something take a function that adds it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["proposal", "aspect", "story"]
Key = tuple[str, str]
Facts = dict[str, Any]

MAX_ACTIVE = 3
MAX_INHABITED = 5
REVIEWERS_NEEDED = RECOMMENDATIONS_NEEDED = VOTES_NEEDED = 2


@dataclass(eq=False)
class Point:
    """A point of a critical review: open → addressed → resolved → open."""

    id: str
    review: "Review"
    raised: int
    status: str = "open"
    resolved: int = 0


@dataclass(eq=False)
class Review:
    id: str
    reviewer: int
    content: "Content"
    points: list[Point] = field(default_factory=list)

    @property
    def resolved(self) -> list[Point]:
        """In the order of their resolution."""
        settled = [point for point in self.points if point.status == "resolved"]
        return sorted(settled, key=lambda point: point.resolved)


@dataclass(eq=False)
class Vote:
    id: str
    verdict: str
    cast: int


@dataclass(eq=False)
class Judgement:
    """A review of a story."""

    id: str
    acclaim: bool
    answered: bool = False


@dataclass(eq=False)
class World:
    id: str
    creator: int
    graduated: "Content"
    dwellers: int = 0
    followers: set[int] = field(default_factory=set)


@dataclass(eq=False)
class Content:
    """A proposal, an aspect or a story. `revised` is the time of the last revision, 0 for never."""

    kind: Kind
    id: str
    author: int
    status: str
    revisions: int = 0
    revised: int = 0
    reviews: dict[int, Review] = field(default_factory=dict)
    votes: dict[int, Vote] = field(default_factory=dict)
    judgements: dict[int, Judgement] = field(default_factory=dict)
    reactions: dict[int, str] = field(default_factory=dict)
    comments: int = 0

    @property
    def under_review(self) -> bool:
        return self.kind == "story" or self.status == "validating"

    @property
    def gated(self) -> bool:
        """Somebody asked to strengthen it, and the author has not revised since."""
        asked = [vote.cast for vote in self.votes.values() if vote.verdict == "strengthen"]
        return bool(asked) and self.revised < max(asked)

    @property
    def settled(self) -> bool:
        points = [point for review in self.reviews.values() for point in review.points]
        enough = len(self.reviews) >= REVIEWERS_NEEDED
        return enough and all(point.status == "resolved" for point in points)

    def count(self, verdict: str) -> int:
        return sum(vote.verdict == verdict for vote in self.votes.values())


@dataclass(eq=False)
class Dweller:
    """`actions` are what it did, oldest first."""

    id: str
    world: World
    inhabitant: int | None = None
    actions: list[str] = field(default_factory=list)


class Model:
    """Agents are numbers; `now` counts writes."""

    def __init__(self) -> None:
        self.now = 0
        self.contents: list[Content] = []
        self.worlds: list[World] = []
        self.dwellers: list[Dweller] = []

    # proposals and aspects

    def propose(self, agent: int) -> int:
        mine = [c for c in self.contents if c.kind == "proposal" and c.author == agent]
        active = [proposal for proposal in mine if proposal.status in ("draft", "validating")]
        return 429 if len(active) >= MAX_ACTIVE else 200

    def submit(self, agent: int, content: Content) -> int:
        if agent != content.author:
            return 403
        if content.status != "draft":
            return 400
        content.status = "validating"
        return 200

    def revise(self, agent: int, content: Content) -> int:
        if agent != content.author:
            return 403
        if content.status in ("approved", "rejected"):
            return 400
        self._revised(content)
        return 200

    def vote(self, agent: int, content: Content) -> int:
        if agent == content.author or content.status != "validating" or agent in content.votes:
            return 400
        return 200

    def voted(self, agent: int, content: Content, vote_id: str, verdict: str) -> None:
        """Aspects take one vote to be decided, proposals two; a rejection keeps one away."""
        needed = VOTES_NEEDED if content.kind == "proposal" else 1
        content.votes[agent] = Vote(vote_id, verdict, self.now)
        if content.count("reject") >= needed:
            content.status = "rejected"
        if content.count("approve") < needed or content.gated:
            return
        if content.kind == "aspect" and verdict == "approve":
            content.status = "approved"
        if content.kind == "proposal" and not content.count("reject"):
            content.status = "approved"

    def test_approve(self, agent: int, content: Content) -> int:
        if content.status != "validating" or (content.kind == "aspect" and agent in content.votes):
            return 400
        return 200

    # critical reviews

    def review(self, agent: int, content: Content) -> int:
        if agent == content.author:
            return 403
        return 400 if not content.under_review or agent in content.reviews else 200

    def add_feedback(self, agent: int, content: Content) -> int:
        if agent not in content.reviews:
            return 404
        return 200 if content.under_review else 400

    def raised(self, agent: int, content: Content, review: str, points: Iterable[str]) -> None:
        found = content.reviews.setdefault(agent, Review(review, agent, content))
        found.points += [Point(point, found, self.now) for point in points]

    def respond(self, agent: int, point: Point) -> int:
        if agent != point.review.content.author:
            return 403
        if point.status == "resolved":
            return 400
        point.status = "addressed"
        return 200

    def resolve(self, agent: int, point: Point) -> int:
        content = point.review.content
        if agent != point.review.reviewer:
            return 403
        unchanged = content.kind != "aspect" and content.revised < point.raised
        if point.status == "resolved" or unchanged:
            return 400
        point.status, point.resolved = "resolved", self.now
        if content.status == "validating" and content.settled:
            content.status = "approved"
        return 200

    def reopen(self, agent: int, point: Point) -> int:
        if agent != point.review.reviewer:
            return 403
        if point.status != "resolved":
            return 400
        point.status = "open"
        return 200

    # dwellers

    def claim(self, agent: int, dweller: Dweller) -> int:
        inhabited = sum(other.inhabitant == agent for other in self.dwellers)
        if dweller.inhabitant is not None or inhabited >= MAX_INHABITED:
            return 400
        dweller.inhabitant = agent
        return 200

    def release(self, agent: int, dweller: Dweller) -> int:
        if dweller.inhabitant != agent:
            return 403
        dweller.inhabitant = None
        return 200

    def act(self, agent: int, dweller: Dweller) -> int:
        return 200 if dweller.inhabitant == agent else 403

    # stories

    def judge(self, agent: int, story: Content) -> int:
        if agent == story.author:
            return 403
        return 409 if agent in story.judgements else 200

    def answer(self, agent: int, story: Content, judgement: Judgement) -> int:
        if agent != story.author:
            return 403
        if judgement.answered:
            return 409
        judgement.answered = True
        self._acclaim(story)
        return 200

    def rewrite(self, agent: int, story: Content, *, real: bool) -> int:
        """A revision with the values that the story has already is none."""
        if agent != story.author:
            return 403
        if real:
            self._revised(story)
            self._acclaim(story)
        return 200

    def react(self, agent: int, story: Content, reaction: str) -> int:
        if story.reactions.get(agent) == reaction:
            del story.reactions[agent]
        else:
            story.reactions[agent] = reaction
        return 200

    def _revised(self, content: Content) -> None:
        content.revisions += 1
        content.revised = self.now

    def _acclaim(self, story: Content) -> None:
        judgements = story.judgements.values()
        recommended = sum(judgement.acclaim for judgement in judgements)
        answered = all(judgement.answered for judgement in judgements)
        if recommended >= RECOMMENDATIONS_NEEDED and answered and story.revisions:
            story.status = "acclaimed"

    # the feed

    def items(self) -> dict[Key, Facts]:
        """Type and id of every item, with what of it moves."""
        items: dict[Key, Facts] = {}
        for content in self.contents:
            items |= _OF_KIND[content.kind](content) | _of_reviews(content)
        for world in self.worlds:
            items |= _of_world(world)
        for dweller in self.dwellers:
            items |= _of_dweller(dweller)
        return items


def _of_proposal(proposal: Content) -> dict[Key, Facts]:
    items: dict[Key, Facts] = {
        ("proposal_validated", vote.id): {"validation": {"verdict": vote.verdict}}
        for vote in proposal.votes.values()
    }
    if proposal.status != "draft":
        card = {"status": proposal.status, "validation_count": len(proposal.votes)}
        items["proposal_submitted", proposal.id] = {"proposal": card}
    return items | _of_revisions(proposal)


def _of_aspect(aspect: Content) -> dict[Key, Facts]:
    items = _of_revisions(aspect)
    kinds = {"validating": "aspect_proposed", "approved": "aspect_approved"}
    if kind := kinds.get(aspect.status):
        items[kind, aspect.id] = {"aspect": {"status": aspect.status}}
    return items


def _of_revisions(content: Content) -> dict[Key, Facts]:
    item_id = f"{content.kind}-revised-{content.id}"
    facts = {"content_type": content.kind, "revision_count": content.revisions}
    return {("proposal_revised", item_id): facts} if content.revisions else {}


def _of_story(story: Content) -> dict[Key, Facts]:
    card = {"reaction_count": len(story.reactions), "comment_count": story.comments}
    items: dict[Key, Facts] = {("story_created", story.id): {"story": card}}
    if story.revisions:
        revised = {"revision_count": story.revisions, "status": story.status}
        items["story_revised", f"{story.id}-revision"] = {"story": revised}
    for judgement in story.judgements.values():
        items["story_reviewed", judgement.id] = {"recommends_acclaim": judgement.acclaim}
    return items


_OF_KIND = {"proposal": _of_proposal, "aspect": _of_aspect, "story": _of_story}


def _of_reviews(content: Content) -> dict[Key, Facts]:
    """Points that were resolved within the run belong to one group, named after the first."""
    items: dict[Key, Facts] = {}
    for review in content.reviews.values():
        items["review_submitted", review.id] = {"feedback_count": len(review.points)}
        if resolved := review.resolved:
            items["feedback_resolved", f"feedback-resolved-{review.id}-{resolved[0].id}"] = {
                "items_resolved": len(resolved),
                "items_remaining": len(review.points) - len(resolved),
            }
    return items


def _of_world(world: World) -> dict[Key, Facts]:
    card = {"dweller_count": world.dwellers, "follower_count": len(world.followers)}
    reviews = world.graduated.reviews.values()
    graduation = {
        "reviewer_count": len(reviews),
        "feedback_items_resolved": sum(len(review.resolved) for review in reviews),
    }
    return {
        ("world_created", world.id): {"world": card},
        ("proposal_graduated", f"graduated-{world.id}"): graduation,
    }


def _of_dweller(dweller: Dweller) -> dict[Key, Facts]:
    """What it did within the run is one action, or one group, named after the first."""
    card, named = {"is_available": dweller.inhabitant is None}, {"dweller": {"id": dweller.id}}
    items: dict[Key, Facts] = {("dweller_created", dweller.id): {"dweller": card}}
    match dweller.actions:
        case [only]:
            items["dweller_action", only] = named
        case [first, *_] as all_of_them:
            actions = {
                "action_count": len(all_of_them),
                "actions": [{"id": action} for action in all_of_them],
            }
            items["activity_group", f"group-{dweller.id}-{first}"] = named | actions
    return items
