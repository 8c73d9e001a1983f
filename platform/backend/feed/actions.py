"""The two sources of what dwellers do: spells of activity, and conversations.

An action that answers another belongs to the conversation that began with its root. Everything else
that a dweller does belongs to one of its spells (groups.spells); the actions of a spell that nobody
answered are shown there, in groups without a pause, and those that were answered in the
conversation that they began.

Both are derived as wholes, from any of their actions. Writers of one conversation, or of one
dweller's spells, go one after the other by advisory locks, which end with the transaction. They are
taken conversations first, each kind in ascending order, so that no two transactions wait for each
other. A lock stands for a 1024th of all conversations, or dwellers: locks in one transaction are
bounded, and few writers ever meet by chance.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from db.models import Dweller, DwellerAction, User, World
from feed import groups
from feed.item import FeedItem, Identity
from feed.record import AGENT, DWELLER, WORLD, AnySelect, Reading, among, array, read, record
from feed.source import Batch, Derived, ItemId, Position, Source, position

ACTION_ID = ItemId()
GROUP_ID = ItemId("group-{}-{}", record=1)
THREAD_ID = ItemId("thread-{}")

LAST_MOMENT = datetime.max.replace(tzinfo=UTC)

_Reply = aliased(DwellerAction, name="reply")
_answered = (
    select(_Reply.id)
    .where(_Reply.in_reply_to_action_id == DwellerAction.id)
    .correlate(DwellerAction)
    .exists()
)

QUOTES = {
    World: [Dweller.world_id],
    User: [DwellerAction.actor_id],
    Dweller: [DwellerAction.dweller_id],
}


class Act(NamedTuple):
    """An action with everybody who has a part in it, and whether somebody answered it."""

    action: DwellerAction
    dweller: Dweller | None
    world: World | None
    actor: User | None
    answered: bool = False


_ACTS = (
    select(
        record(
            DwellerAction.id,
            DwellerAction.dweller_id,
            DwellerAction.actor_id,
            DwellerAction.action_type,
            DwellerAction.content,
            DwellerAction.dialogue,
            DwellerAction.stage_direction,
            DwellerAction.target,
            DwellerAction.created_at,
            DwellerAction.in_reply_to_action_id,
        ),
        DWELLER,
        WORLD,
        AGENT,
        _answered,
    )
    .select_from(DwellerAction)
    .outerjoin(Dweller, Dweller.id == DwellerAction.dweller_id)
    .outerjoin(World, World.id == Dweller.world_id)
    .outerjoin(User, User.id == DwellerAction.actor_id)
)


_READING = Reading(_ACTS)


async def _load(db: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Act]:
    rows = await _READING.of(db, DwellerAction.id, ids)
    return {row[0].id: Act._make(row) for row in rows}


def _in_time(act: Act) -> tuple[datetime, UUID]:
    return act.action.created_at, act.action.id


class Key(NamedTuple):
    """Where an action stands among those of its dweller."""

    dweller_id: UUID
    created_at: datetime
    id: UUID


def _spells(keys: Iterable[Key]) -> list[list[Key]]:
    """The spells of any number of dwellers; the first action of each must begin a spell."""
    of_dweller: dict[UUID, list[Key]] = defaultdict(list)
    for key in keys:
        of_dweller[key.dweller_id].append(key)
    return [
        spell
        for own in of_dweller.values()
        for spell in groups.spells(own, lambda key: key.created_at)
    ]


class Spells(Source):
    """Actions that answer nobody, by dweller; their items are single actions and groups."""

    def __init__(self) -> None:
        order = (DwellerAction.dweller_id, DwellerAction.created_at, DwellerAction.id)
        super().__init__(DwellerAction.id, order=order, quotes=QUOTES)

    async def derive(self, db: AsyncSession, ids: Collection[UUID]) -> Derived:
        wanted = set(ids)
        keys = await self._surroundings(db, wanted)
        spells = [spell for spell in _spells(keys) if any(key.id in wanted for key in spell)]
        acts = await _load(db, [key.id for spell in spells for key in spell])
        # An action may be gone by then, with its world.
        left = [[acts[key.id] for key in spell if key.id in acts] for spell in spells]
        items = [item for spell in left for item in self._items(spell)]
        return Derived(items, self._identities(key for spell in spells for key in spell))

    def _items(self, spell: Sequence[Act]) -> Iterable[FeedItem]:
        alone = [act for act in spell if not act.answered]
        for group in groups.by_gap(alone, lambda act: act.action.created_at):
            if len(group) == 1:
                yield self.build["dweller_action"](*group[0])
            else:
                yield self.build["activity_group"](group)

    async def possible(self, db: AsyncSession, ids: Collection[UUID]) -> set[Identity]:
        query = self.records().with_only_columns(*self.order)
        rows = await read(db, query.where(among(DwellerAction.id, list(ids))))
        return self._identities(map(Key._make, rows))

    def _identities(self, keys: Iterable[Key]) -> set[Identity]:
        identities: set[Identity] = set()
        for key in keys:
            own_id = str(key.id)
            identities.add(("dweller_action", ACTION_ID(own_id)))
            identities.add(("activity_group", GROUP_ID(key.dweller_id, own_id)))
        return identities

    def record(self, event_type: str, item_id: str) -> UUID | None:
        spelling = ACTION_ID if event_type == "dweller_action" else GROUP_ID
        return spelling.record(item_id)

    def records(self) -> AnySelect:
        return select(DwellerAction.id).where(DwellerAction.in_reply_to_action_id.is_(None))

    def standing(self) -> AnySelect:
        return _ACTS.where(DwellerAction.in_reply_to_action_id.is_(None))

    async def scan(self, db: AsyncSession, after: Position | None, limit: int) -> Batch:
        """Whole spells only, and none that may still grow unless its dweller has no other action.

        A position is always the end of a spell that something follows, or of a dweller. So what is
        added between two batches, each seen in a snapshot of its own, never tears a spell apart.
        """
        limit = max(limit, 2 * groups.CLOSES_AT)
        rows = await self._keys(db, self.records(), after, limit)
        keys = [Key._make(row) for row in rows]
        if len(keys) < limit:
            return Batch([key.id for key in keys], None)
        *whole, last = _spells(keys)
        end = whole[-1][-1]
        if end.dweller_id != last[0].dweller_id:
            end = end._replace(created_at=LAST_MOMENT)
        return Batch([key.id for spell in whole for key in spell], position(end))

    async def lock(self, db: AsyncSession, ids: Collection[UUID]) -> None:
        await db.execute(_LOCK_SPELLS, {"ids": array(ids)})

    async def lock_free(self, db: AsyncSession, ids: Collection[UUID]) -> list[UUID]:
        return list(await db.scalars(_TRY_SPELLS, {"ids": array(ids)}))

    async def _surroundings(self, db: AsyncSession, ids: Collection[UUID]) -> list[Key]:
        """What the dwellers of these actions did around them: from where spells begin, and on for
        as long as a spell may last.
        """
        limits = {"gap": groups.GAP, "most": groups.CLOSES_AT}
        rows = await read(db, _SURROUNDINGS, {"ids": array(ids), **limits})
        return [Key._make(row) for row in rows]


class Conversations(Source):
    """Conversations, by the action that began them; derived from any action of theirs."""

    def __init__(self) -> None:
        # In order of time, so that what belongs to one conversation is mostly derived together.
        order = (DwellerAction.created_at, DwellerAction.id)
        super().__init__(DwellerAction.id, order=order, quotes=QUOTES)

    async def derive(self, db: AsyncSession, ids: Collection[UUID]) -> Derived:
        members: dict[UUID, list[UUID]] = defaultdict(list)
        totals: dict[UUID, int] = {}
        for root, member, total in await self._members(db, ids):
            members[root].append(member)
            totals[root] = total
        talks = [root for root, total in totals.items() if total > 1]
        acts = await _load(db, [member for root in talks for member in members[root]])
        build = self.build["conversation"]
        items = [
            build(acts[root], replies, totals[root])
            for root in talks
            if root in acts and (replies := self._replies(acts, root, members[root]))
        ]
        return Derived(items, {self._identity(root) for root in totals})

    async def _members(
        self, db: AsyncSession, ids: Collection[UUID]
    ) -> Sequence[tuple[UUID, UUID, int]]:
        """Root and id of all that is shown of these conversations, and how much there is."""
        shown = {"ids": array(ids), "replies": groups.CLOSES_AT - 1}
        return await read(db, _CONVERSATIONS, shown)

    def _replies(self, acts: dict[UUID, Act], root: UUID, members: Iterable[UUID]) -> list[Act]:
        """In order of time, without any that is gone by then, with its world."""
        found = (acts[member] for member in members if member != root and member in acts)
        return sorted(found, key=_in_time)

    async def possible(self, db: AsyncSession, ids: Collection[UUID]) -> set[Identity]:
        found = await read(db, self.records().where(among(DwellerAction.id, list(ids))))
        return {self._identity(root) for (root,) in found}

    async def showing(
        self,
        db: AsyncSession,
        column: InstrumentedAttribute[Any],
        quoted: UUID,
        ids: Collection[UUID],
    ) -> set[UUID]:
        root_of = {member: root for root, member, _ in await self._members(db, ids)}
        found = await super().showing(db, column, quoted, root_of.keys())
        return {root_of[member] for member in found}

    def _identity(self, root: UUID) -> Identity:
        return "conversation", THREAD_ID(root)

    def record(self, event_type: str, item_id: str) -> UUID | None:
        return THREAD_ID.record(item_id)

    def records(self) -> AnySelect:
        """Roots that were answered; an unanswered action is among its dweller's spells."""
        return select(DwellerAction.id).where(
            DwellerAction.in_reply_to_action_id.is_(None), _answered
        )

    def standing(self) -> AnySelect:
        return _ACTS

    async def lock(self, db: AsyncSession, ids: Collection[UUID]) -> None:
        await db.execute(_LOCK_CONVERSATIONS, {"ids": array(ids)})

    async def lock_free(self, db: AsyncSession, ids: Collection[UUID]) -> list[UUID]:
        return list(await db.scalars(_TRY_CONVERSATIONS, {"ids": array(ids)}))


# OFFSET 0 keeps PostgreSQL from merging the queries. It cannot guess how many rows a recursion
# brings: left alone it reads the whole table at every step, for each batch.
_ROOTS = """
    RECURSIVE up AS (
        SELECT id AS origin, id, in_reply_to_action_id AS parent
        FROM platform_dweller_actions WHERE id = ANY(CAST(:ids AS uuid[]))
        UNION
        SELECT up.origin, action.id, action.parent FROM up, LATERAL (
            SELECT id, in_reply_to_action_id AS parent
            FROM platform_dweller_actions WHERE id = up.parent OFFSET 0
        ) AS action
    ),
    root AS (SELECT origin, id FROM up WHERE parent IS NULL)"""

_CONVERSATIONS = text(
    f"""
    WITH {_ROOTS},
    member AS (
        SELECT DISTINCT id AS root, id FROM root
        UNION
        SELECT member.root, reply.id FROM member, LATERAL (
            SELECT id FROM platform_dweller_actions
            WHERE in_reply_to_action_id = member.id OFFSET 0
        ) AS reply
    ),
    ranked AS (
        SELECT member.root, member.id,
            count(*) OVER (PARTITION BY member.root) AS total,
            row_number() OVER (
                PARTITION BY member.root, member.id = member.root
                ORDER BY action.created_at DESC, action.id DESC
            ) AS place
        FROM member, LATERAL (
            SELECT id, created_at FROM platform_dweller_actions WHERE id = member.id OFFSET 0
        ) AS action
    )
    SELECT root, id, total FROM ranked WHERE place <= :replies
    """
)
"""Every conversation that one of `ids` is part of: its root, and its newest replies. An action that
nobody answered is a conversation of one, which has no item.
"""

_SURROUNDINGS = text(
    """
    WITH touched AS (
        SELECT dweller_id, created_at, id FROM platform_dweller_actions
        WHERE id = ANY(CAST(:ids AS uuid[])) AND in_reply_to_action_id IS NULL
    ),
    first AS (
        SELECT DISTINCT ON (dweller_id) dweller_id, created_at, id
        FROM touched ORDER BY dweller_id, created_at, id
    ),
    last AS (
        SELECT DISTINCT ON (dweller_id) dweller_id, created_at, id
        FROM touched ORDER BY dweller_id, created_at DESC, id DESC
    )
    SELECT first.dweller_id, around.created_at, around.id
    FROM first JOIN last ON last.dweller_id = first.dweller_id,
    LATERAL (
        SELECT created_at, id FROM (
            SELECT created_at, id,
                lead(created_at) OVER (ORDER BY created_at DESC, id DESC) AS before
            FROM platform_dweller_actions
            WHERE dweller_id = first.dweller_id AND in_reply_to_action_id IS NULL
              AND (created_at, id) <= (first.created_at, first.id)
        ) AS earlier
        WHERE before IS NULL OR created_at - before > CAST(:gap AS interval)
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS beginning,
    LATERAL (
        (
            SELECT created_at, id FROM platform_dweller_actions
            WHERE dweller_id = first.dweller_id AND in_reply_to_action_id IS NULL
              AND (created_at, id) >= (beginning.created_at, beginning.id)
              AND (created_at, id) <= (last.created_at, last.id)
        )
        UNION ALL
        (
            SELECT created_at, id FROM platform_dweller_actions
            WHERE dweller_id = first.dweller_id AND in_reply_to_action_id IS NULL
              AND (created_at, id) > (last.created_at, last.id)
            ORDER BY created_at, id LIMIT :most
        )
    ) AS around
    ORDER BY dweller_id, created_at, id
    """
)

# The low bits of a uuid are random in every version of it.
_SLOT = "('x' || right({}::text, 4))::bit(16)::int & 1023"

_SLOTS_OF_CONVERSATIONS = f"""
    WITH {_ROOTS},
    slots AS (SELECT origin AS id, {_SLOT.format("id")} AS slot FROM root)"""
_SLOTS_OF_SPELLS = f"""
    WITH slots AS (
        SELECT id, {_SLOT.format("dweller_id")} AS slot FROM platform_dweller_actions
        WHERE id = ANY(CAST(:ids AS uuid[])) AND in_reply_to_action_id IS NULL
    )"""

# OFFSET 0 again: one lock per slot, in their order.
_IN_ORDER = "(SELECT DISTINCT slot FROM slots ORDER BY slot OFFSET 0) AS ordered"


def _lock(slots: str, number: int) -> TextClause:
    return text(f"{slots} SELECT count(pg_advisory_xact_lock({number}, slot)) FROM {_IN_ORDER}")


def _try(slots: str, number: int) -> TextClause:
    return text(
        f"""{slots}, free AS MATERIALIZED (
            SELECT slot FROM {_IN_ORDER} WHERE pg_try_advisory_xact_lock({number}, slot)
        )
        SELECT DISTINCT slots.id FROM slots JOIN free ON free.slot = slots.slot ORDER BY slots.id
        """
    )


_LOCK_CONVERSATIONS = _lock(_SLOTS_OF_CONVERSATIONS, 0x7F0E0001)
_TRY_CONVERSATIONS = _try(_SLOTS_OF_CONVERSATIONS, 0x7F0E0001)
_LOCK_SPELLS = _lock(_SLOTS_OF_SPELLS, 0x7F0E0002)
_TRY_SPELLS = _try(_SLOTS_OF_SPELLS, 0x7F0E0002)
