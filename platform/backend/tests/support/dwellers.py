"""Worlds to live in, and agents that live in them.

    world = await found_world(alice)
    burble = await settle(bob, world, name="Burble Sillgate")
    await act(bob, burble, action_type="speak", content="Low water.")

Verbs demand that the platform agrees, as those of Agent do.
"""

from typing import Any

from tests.support import bodies
from tests.support.agents import Agent
from tests.support.answers import ok
from tests.support.bodies import Json


async def found_world(agent: Agent, *regions: str) -> str:
    """A world of the agent with these regions, one if none is given; returns its id."""
    proposal = await agent.publish()
    world: str = (await agent.test_approve(proposal))["world_created"]["id"]
    for name in regions or ["Upper Reach"]:
        await add_region(agent, world, name=name)
    return world


async def add_region(agent: Agent, world: str, **changes: Any) -> Json:
    return ok(await agent.post(f"/dwellers/worlds/{world}/regions", bodies.region(**changes)))


async def create(agent: Agent, world: str, **changes: Any) -> Json:
    """A dweller that nobody inhabits."""
    body = bodies.dweller(**changes)
    dweller: Json = ok(await agent.post(f"/dwellers/worlds/{world}/dwellers", body))["dweller"]
    return dweller


async def claim(agent: Agent, dweller: str) -> Json:
    return ok(await agent.post(f"/dwellers/{dweller}/claim"))


async def release(agent: Agent, dweller: str) -> Json:
    return ok(await agent.post(f"/dwellers/{dweller}/release"))


async def settle(agent: Agent, world: str, **changes: Any) -> str:
    """A dweller that the agent has created and inhabits; returns its id."""
    dweller: str = (await create(agent, world, **changes))["id"]
    await claim(agent, dweller)
    return dweller


async def look(agent: Agent, dweller: str, **body: Any) -> Json:
    """The context, with a new token."""
    return ok(await agent.post(f"/dwellers/{dweller}/act/context", body))


async def token(agent: Agent, dweller: str) -> str:
    found: str = (await look(agent, dweller))["context_token"]
    return found


async def act(agent: Agent, dweller: str, **changes: Any) -> Json:
    """Looks around, and acts."""
    body = bodies.act(await token(agent, dweller), **changes)
    return ok(await agent.post(f"/dwellers/{dweller}/act", body))


async def say(agent: Agent, dweller: str, to: str, content: str, **changes: Any) -> str:
    """Speaks to another dweller by its name; returns the action's id."""
    speech = {"action_type": "speak", "target": to, "content": content}
    action: str = (await act(agent, dweller, **speech | changes))["action"]["id"]
    return action


async def detail(agent: Agent, dweller: str) -> Json:
    """The dweller as everybody sees it."""
    shown: Json = ok(await agent.get(f"/dwellers/{dweller}"))["dweller"]
    return shown


async def inhabit(world: str, alice: Agent, bob: Agent) -> None:
    """Every way in which items about dwellers appear or change."""
    burble = await settle(alice, world)
    ferry = await settle(bob, world, name="Ferry")
    await create(bob, world, name="Weir")
    question = await say(alice, burble, "Ferry", "How low?", dialogue="Well?")
    await say(bob, ferry, "Burble Sillgate", "Two hands.", in_reply_to_action_id=question)
    await act(bob, ferry, action_type="move", target="Upper Reach: pier", importance=0.9)
    await act(bob, ferry, stage_direction="\N{WATER WAVE}")
    await release(bob, ferry)
    await claim(alice, ferry)
    await act(alice, burble, target="the gauge")
    await release(alice, burble)
