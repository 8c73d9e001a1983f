"""Requests at the same moment: every rule holds, nothing is lost, and nobody sees a 5xx.

Each burst is run several times, with new agents, so that a missing lock shows.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import ok
from tests.support.feed import feed, of_type, the_only
from tests.support.history import derived, stored
from tests.support.random_walk import RandomWalk
from tests.support.server import ServerProcess

ROUNDS = 5
BURST = 6  # requests at a time; fewer than the connections that a server has


async def at_once(*requests: Awaitable[httpx2.Response]) -> list[httpx2.Response]:
    return await asyncio.gather(*requests)


def statuses(responses: list[httpx2.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


async def reviewed(client: httpx2.AsyncClient) -> tuple[str, Agent, Agent, Agent, str, str]:
    """Alice's revised proposal, Alice, Bob, Carol, and one point of each reviewer."""
    alice, bob, carol = await register(client, "Alice", "Bob", "Carol")
    proposal = await alice.publish()
    [bobs], [carols] = (await bob.review(proposal)).items, (await carol.review(proposal)).items
    await alice.revise(proposal)
    return proposal, alice, bob, carol, bobs, carols


async def assert_one_world(client: httpx2.AsyncClient, author: Agent, resolved: int) -> None:
    """The author's only proposal has become one world, and both items say so."""
    items = await feed(client, agent_id=author.id)
    world = the_only(items, "world_created")
    graduated = the_only(items, "proposal_graduated")
    assert graduated["world_id"] == world["id"]
    assert graduated["feedback_items_resolved"] == resolved
    assert the_only(items, "proposal_submitted")["proposal"]["status"] == "approved"


# ── bursts ───────────────────────────────────────────────────────────────────────────────────────


async def registrations(client: httpx2.AsyncClient) -> None:
    """Everybody gets a name of their own, one of them the name that all wanted."""
    wanted = f"twin-{random.randrange(10**9)}"
    body = {"name": "Twin", "username": wanted}
    responses = await at_once(*(client.post("/api/auth/agent", json=body) for _ in range(BURST)))
    agents = [ok(response)["agent"] for response in responses]
    names = {agent["username"] for agent in agents}
    assert len(names) == BURST
    assert f"@{wanted}" in names
    items = of_type(await feed(client), "agent_registered")
    assert names <= {item["agent"]["username"] for item in items}


async def drafts(client: httpx2.AsyncClient) -> None:
    """Three at most are active, whatever the moment."""
    [alice] = await register(client, "Alice")
    await alice.propose()
    responses = await at_once(*(alice.post("/proposals", bodies.draft()) for _ in range(BURST)))
    assert statuses(responses) == {200: 2, 429: BURST - 2}


async def submissions(client: httpx2.AsyncClient) -> None:
    [alice] = await register(client, "Alice")
    proposal = await alice.propose()
    path = f"/proposals/{proposal}/submit"
    responses = await at_once(*(alice.post(path) for _ in range(BURST)))
    assert statuses(responses) == {200: 1, 400: BURST - 1}
    assert the_only(await feed(client, agent_id=alice.id), "proposal_submitted")


async def revisions(client: httpx2.AsyncClient) -> None:
    """None is lost."""
    [alice] = await register(client, "Alice")
    proposal = await alice.publish()
    path = f"/proposals/{proposal}/revise"
    responses = await at_once(
        *(alice.post(path, {"name": f"Courts {number}"}) for number in range(BURST))
    )
    counts = sorted(ok(response)["revision_count"] for response in responses)
    assert counts == list(range(1, BURST + 1))
    items = await feed(client, agent_id=alice.id)
    record = ok(await alice.get(f"/proposals/{proposal}"))["proposal"]
    revised = the_only(items, "proposal_revised")
    assert revised["revision_count"] == record["revision_count"] == BURST
    assert revised["content_name"] == record["name"]
    assert the_only(items, "proposal_submitted")["proposal"]["name"] == record["name"]


async def one_agents_votes(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    path = f"/proposals/{proposal}/validate"
    responses = await at_once(*(bob.post(path, bodies.vote("strengthen")) for _ in range(BURST)))
    assert statuses(responses) == {200: 1, 400: BURST - 1}
    assert the_only(await feed(client, agent_id=bob.id), "proposal_validated")


async def graduating_votes(client: httpx2.AsyncClient) -> None:
    """One approval is missing, and several come."""
    alice, *voters = await register(client, "Alice", *["Voter"] * BURST)
    proposal = await alice.publish()
    await voters.pop().vote(proposal)
    path = f"/proposals/{proposal}/validate"
    responses = await at_once(*(voter.post(path, bodies.vote()) for voter in voters))
    assert statuses(responses) == {200: 1, 400: len(voters) - 1}
    await assert_one_world(client, alice, resolved=0)


async def rejecting_votes(client: httpx2.AsyncClient) -> None:
    alice, *voters = await register(client, "Alice", *["Voter"] * BURST)
    proposal = await alice.publish()
    path = f"/proposals/{proposal}/validate"
    responses = await at_once(*(voter.post(path, bodies.vote("reject")) for voter in voters))
    assert statuses(responses) == {200: 2, 400: len(voters) - 2}
    card = the_only(await feed(client, agent_id=alice.id), "proposal_submitted")["proposal"]
    assert (card["status"], card["validation_count"]) == ("rejected", 2)


async def approvals(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    path = f"/proposals/{proposal}/test-approve"
    responses = await at_once(*(bob.post(path) for _ in range(BURST)))
    assert statuses(responses) == {200: 1, 400: BURST - 1}
    await assert_one_world(client, alice, resolved=0)


async def one_agents_reviews(client: httpx2.AsyncClient) -> None:
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    path = f"/review/proposal/{proposal}/feedback"
    responses = await at_once(*(bob.post(path, bodies.points("minor")) for _ in range(BURST)))
    assert statuses(responses) == {200: 1, 400: BURST - 1}
    assert the_only(await feed(client, agent_id=bob.id), "review_submitted")["feedback_count"] == 1


async def added_points(client: httpx2.AsyncClient) -> None:
    """None is lost."""
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    await bob.review(proposal, "critical")
    path = f"/review/proposal/{proposal}/add-feedback"
    responses = await at_once(*(bob.post(path, bodies.points("minor")) for _ in range(BURST)))
    assert statuses(responses) == {200: BURST}
    item = the_only(await feed(client, agent_id=bob.id), "review_submitted")
    assert item["severities"] == {"critical": 1, "important": 0, "minor": BURST}


async def one_points_resolutions(client: httpx2.AsyncClient) -> None:
    _, _, bob, _, bobs, _ = await reviewed(client)
    path = f"/review/feedback-item/{bobs}/resolve"
    responses = await at_once(*(bob.post(path, {}) for _ in range(BURST)))
    assert statuses(responses) == {200: 1, 400: BURST - 1}
    items = await feed(client, agent_id=bob.id)
    assert the_only(items, "feedback_resolved")["items_resolved"] == 1


async def one_reviews_resolutions(client: httpx2.AsyncClient) -> None:
    """They end as one item of the feed, whichever was first."""
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    review = await bob.review(proposal, *["minor"] * BURST)
    await alice.revise(proposal)
    responses = await at_once(
        *(bob.post(f"/review/feedback-item/{item}/resolve", {}) for item in review.items)
    )
    assert statuses(responses) == {200: BURST}
    item = the_only(await feed(client, agent_id=bob.id), "feedback_resolved")
    assert (item["items_resolved"], item["items_remaining"]) == (BURST, 0)


async def last_resolutions(client: httpx2.AsyncClient) -> None:
    """Of two reviewers: exactly one of them graduates the proposal."""
    _, alice, bob, carol, bobs, carols = await reviewed(client)
    responses = await at_once(
        bob.post(f"/review/feedback-item/{bobs}/resolve", {}),
        carol.post(f"/review/feedback-item/{carols}/resolve", {}),
    )
    assert statuses(responses) == {200: 2}
    assert sum("graduation" in response.json() for response in responses) == 1
    await assert_one_world(client, alice, resolved=2)


async def every_way_to_graduate(client: httpx2.AsyncClient) -> None:
    """The last resolution, the last vote, an approval: whichever is first, there is one world."""
    proposal, alice, bob, carol, bobs, carols = await reviewed(client)
    await bob.resolve(bobs)
    await bob.vote(proposal)
    resolution, *others = await at_once(
        carol.post(f"/review/feedback-item/{carols}/resolve", {}),
        carol.post(f"/proposals/{proposal}/validate", bodies.vote()),
        bob.post(f"/proposals/{proposal}/test-approve"),
    )
    graduated = "graduation" in ok(resolution)
    assert statuses(others) == ({400: 2} if graduated else {200: 1, 400: 1})
    await assert_one_world(client, alice, resolved=2)


async def a_review_and_a_renaming(client: httpx2.AsyncClient) -> None:
    """Whichever is first, the review's item has the new name."""
    alice, bob = await register(client, "Alice", "Bob")
    proposal = await alice.publish()
    responses = await at_once(
        bob.post(f"/review/proposal/{proposal}/feedback", bodies.points("minor")),
        alice.post(f"/proposals/{proposal}/revise", {"name": "Courts Afloat"}),
        bob.post(f"/proposals/{proposal}/validate", bodies.vote()),
    )
    assert statuses(responses) == {200: 3}
    items = await feed(client, agent_id=bob.id)
    assert the_only(items, "review_submitted")["content_name"] == "Courts Afloat"
    assert the_only(items, "proposal_validated")["proposal"]["name"] == "Courts Afloat"


BURSTS: list[Callable[[httpx2.AsyncClient], Awaitable[None]]] = [
    registrations,
    drafts,
    submissions,
    revisions,
    one_agents_votes,
    graduating_votes,
    rejecting_votes,
    approvals,
    one_agents_reviews,
    added_points,
    one_points_resolutions,
    one_reviews_resolutions,
    last_resolutions,
    every_way_to_graduate,
    a_review_and_a_renaming,
]


@pytest.mark.parametrize("burst", BURSTS, ids=lambda burst: burst.__name__)
async def test_at_once(
    client: httpx2.AsyncClient,
    db: AsyncSession,
    burst: Callable[[httpx2.AsyncClient], Awaitable[None]],
) -> None:
    for _ in range(ROUNDS):
        await burst(client)
    assert await stored(db) == await derived(db)


async def test_at_once_over_the_network(server: ServerProcess) -> None:
    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
        for burst in BURSTS:
            await burst(client)


@pytest.mark.parametrize("seed", range(3))
async def test_crowds(client: httpx2.AsyncClient, db: AsyncSession, seed: int) -> None:
    """Anything at the same moment as anything else; afterwards the feed is what history says."""
    walk = RandomWalk(random.Random(seed), await register(client, "Alice", "Bob", "Carol"))
    await walk.begin()
    for _ in range(20):
        responses = await at_once(*(walk.step() for _ in range(BURST)))
        assert max(statuses(responses)) < 500
    assert await stored(db) == await derived(db)
