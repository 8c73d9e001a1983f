"""Single actions, groups of them and conversations, as they grow, split and part."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import DwellerAction
from db.session import Database
from feed.groups import CLOSES_AT, GAP, spells
from tests.support import bodies
from tests.support.agents import Agent, register
from tests.support.answers import moment, ok
from tests.support.contract import Item
from tests.support.dwellers import act, found_world, settle, token
from tests.support.feed import feed, of_type, the_only
from tests.support.truth import is_true

Client = httpx2.AsyncClient

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACTIONS = ("dweller_action", "activity_group", "conversation")


def at(*minutes: float) -> list[datetime]:
    return [NOON + minute * MINUTE for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "sizes"),
    [
        ([], []),
        ([0], [1]),
        ([0, 30], [2]),
        ([0, 30.0001], [1, 1]),
        ([0, 25, 50], [3]),
        ([0, 25, 56, 57], [2, 2]),
        (list(range(50)), [50]),
        (list(range(101)), [50, 50, 1]),
        ([*range(60), *range(100, 160)], [50, 10, 50, 10]),
    ],
)
def test_spells(minutes: list[float], sizes: list[int]) -> None:
    found = spells(at(*minutes), lambda time: time)
    assert [len(spell) for spell in found] == sizes
    assert [time for spell in found for time in spell] == at(*minutes)


@pytest.fixture
async def alice(client: Client) -> Agent:
    return (await register(client, "Alice"))[0]


@pytest.fixture
async def bob(client: Client, alice: Agent) -> Agent:
    return (await register(client, "Bob"))[0]


@pytest.fixture
async def world(alice: Agent) -> str:
    return await found_world(alice)


@pytest.fixture
async def burble(alice: Agent, world: str) -> str:
    return await settle(alice, world)


@pytest.fixture
async def ferry(bob: Agent, world: str) -> str:
    return await settle(bob, world, name="Ferry")


async def past(db: AsyncSession, dweller: str, actor: Agent, *minutes: float) -> list[str]:
    """Actions that the feed knows nothing of, so many minutes ago; returns their ids."""
    now = datetime.now(UTC)
    acts = [
        DwellerAction(
            dweller_id=UUID(dweller),
            actor_id=UUID(actor.id),
            action_type="observe",
            content=f"{minute} minutes ago.",
            created_at=now - minute * MINUTE,
        )
        for minute in minutes
    ]
    db.add_all(acts)
    await db.commit()
    return [str(action.id) for action in acts]


async def do(agent: Agent, dweller: str, **changes: Any) -> str:
    action: str = (await act(agent, dweller, **changes))["action"]["id"]
    return action


async def shown(client: Client) -> list[tuple[str, list[str]]]:
    """What the feed shows of actions, newest first: type, and ids of the actions."""
    items = of_type(await feed(client), *ACTIONS)
    return [(item["type"], members(item)) for item in items]


def members(item: Item) -> list[str]:
    return [one["id"] for one in item["actions"]] if "actions" in item else [item["id"]]


async def test_the_second_action_makes_a_group(client: Client, alice: Agent, burble: str) -> None:
    first = await do(alice, burble)
    single = the_only(await feed(client), "dweller_action")
    assert single["id"] == first
    second = await do(alice, burble, stage_direction="rising")
    items = await feed(client)
    assert not of_type(items, "dweller_action")
    group = the_only(items, "activity_group")
    assert group["id"] == f"group-{burble}-{first}"
    assert members(group) == [first, second]
    assert group["action_count"] == 2
    assert group["created_at"] == single["created_at"] == group["actions"][0]["created_at"]
    assert group["updated_at"] == group["actions"][1]["created_at"]
    assert group["actions"][0] == {
        "id": first,
        "created_at": single["created_at"],
        **single["action"],
    }
    assert {key: group[key] for key in ("dweller", "world", "agent")} == {
        key: single[key] for key in ("dweller", "world", "agent")
    }


@pytest.mark.parametrize(("minutes", "joins"), [(29.9, True), (30.1, False)])
async def test_half_an_hour(
    client: Client, db: AsyncSession, alice: Agent, burble: str, minutes: float, joins: bool
) -> None:
    [old] = await past(db, burble, alice, minutes)
    new = await do(alice, burble)
    expected = [("activity_group", [old, new])] if joins else [("dweller_action", [new])]
    assert await shown(client) == expected


async def test_a_group_takes_fifty(
    client: Client, db: AsyncSession, app: Any, alice: Agent, burble: str
) -> None:
    await past(db, burble, alice, *range(CLOSES_AT, 1, -1))
    fiftieth = await do(alice, burble)
    [(_, full)] = await shown(client)
    assert len(full) == CLOSES_AT
    assert full[-1] == fiftieth
    next_one = await do(alice, burble)
    assert await shown(client) == [("dweller_action", [next_one]), ("activity_group", full)]
    last = await do(alice, burble)
    assert await shown(client) == [("activity_group", [next_one, last]), ("activity_group", full)]
    await is_true(app.state.database)


async def test_an_answer_takes_its_root_out_of_the_group(
    client: Client, alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    first, root, last = [await do(alice, burble) for _ in range(3)]
    answer = await do(bob, ferry, in_reply_to_action_id=root)
    assert await shown(client) == [
        ("conversation", [root, answer]),
        ("activity_group", [first, last]),
    ]
    await do(bob, ferry, in_reply_to_action_id=first)
    assert ("dweller_action", [last]) in await shown(client)
    await do(bob, ferry, in_reply_to_action_id=last)
    assert {kind for kind, _ in await shown(client)} == {"conversation"}


async def test_a_group_parts_where_its_middle_was_answered(
    client: Client, db: AsyncSession, app: Any, alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    """Two neighbours that are left are 40 minutes apart."""
    one, two, three = await past(db, burble, alice, 59, 39, 19)
    now = await do(alice, burble)
    assert await shown(client) == [("activity_group", [one, two, three, now])]
    await do(bob, ferry, in_reply_to_action_id=two)
    assert (await shown(client))[1:] == [
        ("activity_group", [three, now]),
        ("dweller_action", [one]),
    ]
    await is_true(app.state.database)


async def test_a_conversation(
    client: Client, alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    root = await do(alice, burble, action_type="speak", dialogue="How low?")
    before = the_only(await feed(client), "dweller_action")
    answer = await do(bob, ferry, in_reply_to_action_id=root)
    thanks = await do(alice, burble, in_reply_to_action_id=answer)
    aside = await do(bob, ferry, in_reply_to_action_id=root)
    item = the_only(await feed(client), "conversation")
    assert item["id"] == f"thread-{root}"
    assert members(item) == [root, answer, thanks, aside]
    assert [one["in_reply_to"] for one in item["actions"]] == [None, root, answer, root]
    assert item["action_count"] == 4
    assert item["created_at"] == before["created_at"]
    assert item["updated_at"] == item["actions"][-1]["created_at"]
    assert item["world"] == before["world"]
    assert [one["agent"] for one in item["actions"]] == [alice.ref, bob.ref, alice.ref, bob.ref]
    first = item["actions"][0]
    assert first == {
        "id": root,
        "created_at": before["created_at"],
        **before["action"],
        "dweller": before["dweller"],
        "agent": before["agent"],
        "in_reply_to": None,
    }
    assert not of_type(await feed(client), "dweller_action", "activity_group")


async def test_a_long_conversation_shows_its_root_and_its_newest_answers(
    client: Client, db: AsyncSession, alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    root = await do(alice, burble)
    old = await past(db, ferry, bob, *[minute / 1000 for minute in range(60, 0, -1)])
    await db.execute(
        update(DwellerAction)
        .where(DwellerAction.id.in_(map(UUID, old)))
        .values(in_reply_to_action_id=UUID(root))
    )
    await db.commit()
    last = await do(bob, ferry, in_reply_to_action_id=root)
    item = the_only(await feed(client), "conversation")
    assert item["action_count"] == 62
    assert members(item) == [root, *old[-(CLOSES_AT - 2) :], last]


async def test_a_picture_reaches_groups_and_conversations(
    client: Client, alice: Agent, bob: Agent, burble: str, ferry: str
) -> None:
    root = await do(alice, burble)
    await do(bob, ferry, in_reply_to_action_id=root)
    await do(alice, burble)
    await do(alice, burble)
    url = "https://pictures.example/burble.png"
    ok(await alice.patch(f"/media/dweller/{burble}", {"portrait_url": url}))
    items = await feed(client)
    assert the_only(items, "activity_group")["dweller"]["portrait_url"] == url
    asked, answered = the_only(items, "conversation")["actions"]
    assert asked["dweller"]["portrait_url"] == url
    assert answered["dweller"]["portrait_url"] is None


async def test_what_a_dweller_does_is_never_dated_before_what_it_did(
    client: Client, db: AsyncSession, alice: Agent, burble: str
) -> None:
    """The clock of another server may go ahead."""
    [ahead] = await past(db, burble, alice, -5)
    await db.execute(update(DwellerAction).values(importance=0.5))
    first = await act(alice, burble)
    second = await act(alice, burble)
    assert moment(first["action"]["created_at"]) < moment(second["action"]["created_at"])
    assert ahead not in (first["action"]["id"], second["action"]["id"])


# ── at the same time ─────────────────────────────────────────────────────────────────────────────


async def test_parallel_actions_of_one_dweller_are_one_group(
    client: Client, app: Any, alice: Agent, burble: str
) -> None:
    known = await token(alice, burble)
    requests = [
        alice.post(f"/dwellers/{burble}/act", bodies.act(known, content=f"Act {number}."))
        for number in range(10)
    ]
    acted = {ok(answer)["action"]["id"] for answer in await asyncio.gather(*requests)}
    [(kind, ids)] = await shown(client)
    assert (kind, set(ids), len(ids)) == ("activity_group", acted, 10)
    await is_true(app.state.database)


async def test_parallel_answers_are_one_conversation(
    client: Client, app: Any, alice: Agent, world: str, burble: str
) -> None:
    """While its root's dweller goes on acting, and everybody answers everybody."""
    crowd = await register(client, *(f"Guest {number}" for number in range(6)))
    guests = [await settle(guest, world, name=f"Guest{n}") for n, guest in enumerate(crowd)]
    root = await do(alice, burble)
    tokens = [await token(guest, dweller) for guest, dweller in zip(crowd, guests, strict=True)]
    answers = [
        guest.post(f"/dwellers/{dweller}/act", bodies.act(known, in_reply_to_action_id=root))
        for guest, dweller, known in zip(crowd, guests, tokens, strict=True)
        for _ in range(2)
    ]
    mine = await token(alice, burble)
    own = [alice.post(f"/dwellers/{burble}/act", bodies.act(mine)) for _ in range(4)]
    for answer in await asyncio.gather(*answers, *own):
        ok(answer)
    found = dict(await shown(client))
    assert len(found["conversation"]) == 13
    assert found["conversation"][0] == root
    assert len(found["activity_group"]) == 4
    database: Database = app.state.database
    await is_true(database)


async def test_everybody_answers_everybody_at_once(
    client: Client, app: Any, alice: Agent, world: str
) -> None:
    """Each takes its root out of a group that another is adding to: nobody waits in a circle."""
    crowd = await register(client, *(f"Guest {number}" for number in range(5)))
    guests = [await settle(guest, world, name=f"Guest{n}") for n, guest in enumerate(crowd)]
    tokens = [await token(guest, dweller) for guest, dweller in zip(crowd, guests, strict=True)]
    for _ in range(3):
        roots = [await do(guest, dweller) for guest, dweller in zip(crowd, guests, strict=True)]
        tokens = [await token(guest, own) for guest, own in zip(crowd, guests, strict=True)]
        requests = [
            crowd[one].post(
                f"/dwellers/{guests[one]}/act",
                bodies.act(tokens[one], in_reply_to_action_id=roots[other]),
            )
            for one in range(5)
            for other in range(5)
            if one != other
        ]
        for answer in await asyncio.gather(*requests):
            ok(answer)
        await is_true(app.state.database)


def test_gap_is_half_an_hour() -> None:
    assert timedelta(minutes=30) == GAP
