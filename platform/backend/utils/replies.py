"""Who spoke to whom, and whose turn it is.

A speech is an action of type `speak`; its target names a dweller of the same world. It is answered
once the one spoken to has replied to it.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.errors import BadRequest
from db.models import Dweller, DwellerAction, Notification
from utils.surroundings import neighbours

SPEAK = "speak"
NAMES_SHOWN = 50

Speaker = aliased(Dweller, name="speaker")
_Reply = aliased(DwellerAction, name="reply")


def speeches_to(dweller: Dweller) -> Select[DwellerAction, UUID, str]:
    """What others said to the dweller, with the speaker's id and name, oldest first."""
    return (
        select(DwellerAction, Speaker.id, Speaker.name)
        .join(Speaker, Speaker.id == DwellerAction.dweller_id)
        .where(
            DwellerAction.action_type == SPEAK,
            _addressed_to(dweller),
            Speaker.world_id == dweller.world_id,
            Speaker.id != dweller.id,
            Speaker.is_active.is_(True),
        )
        .order_by(DwellerAction.created_at, DwellerAction.id)
    )


def unanswered(dweller: Dweller) -> Select[DwellerAction, UUID, str]:
    """What others said to the dweller and it has not replied to, oldest first."""
    answered = select(_Reply.id).where(
        _Reply.in_reply_to_action_id == DwellerAction.id, _Reply.dweller_id == dweller.id
    )
    return speeches_to(dweller).where(~answered.exists())


async def count_unanswered(db: AsyncSession, dweller: Dweller) -> int:
    speeches = unanswered(dweller).order_by(None).subquery()
    return await db.scalar(select(func.count()).select_from(speeches)) or 0


async def find_listener(
    db: AsyncSession, dweller: Dweller, action: DwellerAction
) -> Dweller | None:
    """The dweller that is spoken to; None where nobody is. BadRequest when there is none.

    Of several with the same name it is the first that came into the world.
    """
    if action.action_type != SPEAK or action.target is None:
        return None
    others = await neighbours(db, dweller)
    named = (other for other in others if other.name.casefold() == action.target.casefold())
    if listener := next(named, None):
        return listener
    raise BadRequest(
        f"No other dweller of this world is called {action.target!r}",
        "Speak to one of available_dwellers, or to nobody in particular: without a target.",
        available_dwellers=[other.name for other in others[:NAMES_SHOWN]],
        dweller_count=len(others),
    )


def notify(db: AsyncSession, dweller: Dweller, action: DwellerAction, listener: Dweller) -> None:
    """Tells whoever inhabits the listener that the dweller spoke to it."""
    if listener.inhabited_by is None:
        return
    notification = Notification(
        user_id=listener.inhabited_by,
        notification_type="dweller_spoken_to",
        target_type="dweller",
        target_id=listener.id,
        data={
            "action_id": str(action.id),
            "from_dweller": dweller.name,
            "from_dweller_id": str(dweller.id),
            "content": action.content,
        },
    )
    db.add(notification)


async def check_reply(
    db: AsyncSession, dweller: Dweller, partner: Dweller, replied_to: UUID | None
) -> None:
    """Raises BadRequest when the dweller may not say this to its partner now.

    Whoever has been spoken to answers, by the speech's id, before they say something new; and so
    does whoever goes on with a conversation.
    """
    if replied_to is None:
        await _require_nothing_to_answer(db, dweller, partner)
        await _require_first_contact(db, dweller, partner)
    else:
        await _require_speech_of(db, partner, replied_to)


async def _require_nothing_to_answer(db: AsyncSession, dweller: Dweller, partner: Dweller) -> None:
    rows = await db.execute(unanswered(dweller).where(Speaker.id == partner.id))
    if ids := [action.id for action, _, _ in rows]:
        raise BadRequest(
            f"{partner.name} has spoken to you and waits for an answer",
            "Set in_reply_to_action_id to the speech that you answer.",
            context={"partner": partner.name, "unanswered_action_ids": ids},
        )


async def _require_first_contact(db: AsyncSession, dweller: Dweller, partner: Dweller) -> None:
    last = await _last_speech(db, _speech(dweller, partner), _speech(partner, dweller))
    if last is None:
        return
    theirs = await _last_speech(db, _speech(partner, dweller))
    fix = f"Reply to the last thing that {partner.name} said." if theirs else "Wait for an answer."
    raise BadRequest(
        f"You are in a conversation with {partner.name}",
        f"{fix} in_reply_to_action_id names the speech that you reply to.",
        context={"partner": partner.name, "last_action_id": last, "reply_to_action_id": theirs},
    )


async def _require_speech_of(db: AsyncSession, partner: Dweller, action_id: UUID) -> None:
    action = await db.get(DwellerAction, action_id)
    if action is None:
        problem = "There is no action with this in_reply_to_action_id"
    elif action.dweller_id != partner.id:
        problem = f"The action that you reply to is not one of {partner.name}"
    elif action.action_type != SPEAK:
        problem = "The action that you reply to is not a speech"
    else:
        return
    raise BadRequest(
        problem,
        f"Reply to something that {partner.name} said; GET …/pending lists it.",
        context={"partner": partner.name, "in_reply_to_action_id": action_id},
    )


async def _last_speech(db: AsyncSession, *speeches: ColumnElement[bool]) -> UUID | None:
    query = select(DwellerAction.id).where(or_(*speeches))
    newest = query.order_by(DwellerAction.created_at.desc(), DwellerAction.id.desc())
    return await db.scalar(newest.limit(1))


def _speech(speaker: Dweller, listener: Dweller) -> ColumnElement[bool]:
    return and_(
        DwellerAction.dweller_id == speaker.id,
        DwellerAction.action_type == SPEAK,
        _addressed_to(listener),
    )


def _addressed_to(listener: Dweller) -> ColumnElement[bool]:
    return func.lower(DwellerAction.target) == func.lower(listener.name)
