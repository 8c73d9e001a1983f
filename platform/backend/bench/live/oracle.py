"""What must hold of a live feed, from the truth and from what every reader was told."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from bench.live.items import Key
from bench.live.numbering import Numbering
from bench.live.truth import Change, Message, Page, Session, Truth, Wanted

UNNUMBERED = 200
"""How many committed changes may wait for their numbers while a page is read."""

EVENTS = {"new": "item", "patch": "patch", "remove": "remove"}


class Violation(NamedTuple):
    law: str
    detail: str


def check(truth: Truth, sessions: Iterable[Session]) -> list[Violation]:
    """All violations. The truth begins where the numbers do, after 0.

    `sessions` is gone through twice, one at a time: together they may be larger than memory.
    """
    told: dict[int, Key] = {}
    found = [*_sane(truth), *_one_order(sessions, told)]
    numbering = Numbering(truth, told)
    head = len(truth.changes)
    found += [*_all_told(numbering, told, head), *_causality(truth, numbering)]
    found += _real_time(truth, numbering)
    for session in sessions:
        found += [Violation("reader", f"{session.reader}: {text}") for text in session.complaints]
        found += _in_order(session)
        if session.page:
            if truth.may_be_lost(session.page.asked) or truth.may_be_lost(session.page.loaded):
                continue  # it may show what a crash undid
            found += _page(session, session.page, numbering)
        else:
            found += [*_reader(session, numbering, head), *_final_state(session, truth)]
    return found


# ── the log as a whole ───────────────────────────────────────────────────────────────────────────


def _sane(truth: Truth) -> Iterator[Violation]:
    """Whether the truth is one: what was acknowledged is there, what was rolled back is not."""
    there = {change.tx for change in truth.changes}
    for note in truth.transactions:
        if note.outcome == "rollback" and note.tx in there:
            yield Violation("truth", f"{note.tx} was rolled back and is there")
        kept = note.ack is None or note.tx in there or not note.changes
        if not kept and not truth.may_be_lost(note.ack):
            yield Violation("truth", f"{note.tx} was acknowledged and is not there")


def _one_order(sessions: Iterable[Session], told: dict[int, Key]) -> Iterator[Violation]:
    """The same number is the same item for everybody; fills `told` with it."""
    for session in sessions:
        for message in session.messages:
            other = told.setdefault(message.seq, message.key)
            if other != message.key:
                yield Violation("one order", f"{message.seq} is {other}, and {message.key}")


def _all_told(numbering: Numbering, told: dict[int, Key], head: int) -> Iterator[Violation]:
    """As many messages of each item as changes, and every number up to their sum."""
    for key in numbering.changes.keys() | numbering.seqs.keys():
        changes, messages = len(numbering.changes[key]), len(numbering.seqs[key])
        if messages < changes:
            yield Violation("lost", f"{key}: {changes} changes, {messages} messages")
        if messages > changes:
            yield Violation("doubled", f"{key}: {changes} changes, {messages} messages")
    if told.keys() != set(range(1, head + 1)):
        yield Violation("dense", f"{len(told)} numbers from {min(told, default=0)} for {head}")


def _causality(truth: Truth, numbering: Numbering) -> Iterator[Violation]:
    """What came of something is told after it."""
    number = {change.id: seq for seq, (change, _) in numbering.at.items()}
    for change in truth.changes:
        if change.cause is None or change.id not in number:
            continue
        effect, cause = number[change.id], number.get(change.cause)
        if cause is None or cause > effect:
            yield Violation("causality", f"{effect} is told before its cause, {cause}")


def _real_time(truth: Truth, numbering: Numbering) -> Iterator[Violation]:
    """A transaction that began when another one had been acknowledged is told after it."""
    seqs: dict[str, list[int]] = defaultdict(list)
    for seq, (change, _) in numbering.at.items():
        seqs[change.tx].append(seq)
    notes = [note for note in truth.transactions if note.tx in seqs]
    acked = sorted((note.ack, max(seqs[note.tx]), note.tx) for note in notes if note.ack)
    latest, last, position = 0, "", 0
    for note in sorted(notes, key=lambda note: note.begin):
        while position < len(acked) and acked[position][0] < note.begin:
            if acked[position][1] > latest:
                _, latest, last = acked[position]
            position += 1
        if min(seqs[note.tx]) < latest:
            yield Violation("real time", f"{note.tx} is told before {last}, which had ended")


# ── one reader ───────────────────────────────────────────────────────────────────────────────────


def _in_order(session: Session) -> Iterator[Violation]:
    for before, after in pairwise(session.messages):
        if after.seq <= before.seq:
            yield Violation("doubled", f"{session.reader}: {after.seq} after {before.seq}")


def _reader(session: Session, numbering: Numbering, head: int) -> Iterator[Violation]:
    """It was told what it wanted, all of it, nothing else, and truly."""
    if session.end != head:
        yield Violation("lost", f"{session.reader} ends at {session.end} of {head}")
    expected = {
        seq: event
        for seq, (change, _) in numbering.at.items()
        if session.start < seq <= session.end and (event := _event(change, session.wanted))
    }
    for seq in sorted(expected.keys() - {message.seq for message in session.messages}):
        yield Violation("lost", f"{session.reader} was not told {seq}")
    for message in session.messages:
        if message.seq in expected:
            yield from _message(session, message, expected[message.seq], numbering)
        elif message.seq in numbering.at:
            yield Violation("filter", f"{session.reader} was told {message.seq}, unwanted")


def _event(change: Change, wanted: Wanted) -> str | None:
    """As what a reader must be told of a change; None: not at all."""
    if wanted.wants(change.key.kind, change.links):
        return EVENTS[change.op]
    if change.former and wanted.wants(change.key.kind, change.former):
        return "remove"
    return None


def _message(
    session: Session, message: Message, event: str, numbering: Numbering
) -> Iterator[Violation]:
    change, index = numbering.at[message.seq]
    where = f"{session.reader}: {message.seq}"
    if message.key != change.key:
        return  # said already: not one order
    removed = message.event == "remove" and numbering.removed_after(message.key, index)
    if message.event != event and not removed:
        yield Violation("kind", f"{where} is {message.event}, not {event}")
    if message.imported != change.imported:
        yield Violation("import", f"{where} says {message.imported}, not {change.imported}")
    if message.tag is not None:
        shown = numbering.made.get(message.tag)
        if shown is None or shown[0] != message.key:
            yield Violation("phantom", f"{where} shows {message.tag}, which is not there")
        elif shown[1] < index:
            yield Violation("stale", f"{where} shows {message.tag}, older than {change.tag}")


def _final_state(session: Session, truth: Truth) -> Iterator[Violation]:
    """Who puts every message in its place holds what the table holds."""
    holds = {message.key: message.tag for message in session.messages}
    for key, tag in holds.items():
        has = truth.table.get(key)
        if tag != has and (session.plain or tag):
            yield Violation("state", f"{session.reader} holds {tag} of {key}, not {has}")
    if session.plain and session.start == 0 and truth.table.keys() - holds.keys():
        yield Violation("state", f"{session.reader} never heard of some items")


# ── load, then subscribe ─────────────────────────────────────────────────────────────────────────


def _page(session: Session, page: Page, numbering: Numbering) -> Iterator[Violation]:
    """Each change is on the page or in the stream: never on both, never on none."""
    on_page = dict(numbering.made[tag] for tag in page.tags if tag in numbering.made)
    if len(on_page) < len(page.tags):
        yield Violation("phantom", f"{session.reader}: a page shows what is not there")
        return
    oldest = _changed(numbering, *numbering.made[page.tags[-1]]) if page.tags else None
    told: dict[Key, list[int]] = defaultdict(list)
    for message in session.messages:
        told[message.key].append(message.seq)
        if message.seq in numbering.at:
            event = EVENTS[numbering.at[message.seq][0].op]
            yield from _message(session, message, event, numbering)
    for key, seqs in numbering.seqs.items():
        until = bisect_right(seqs, session.end)
        streamed = told[key]
        first = bisect_left(seqs, streamed[0]) if streamed else until
        where = f"{session.reader} from {page.live_from}: {key}"
        if streamed != seqs[first:until]:
            yield Violation("page", f"{where}: {streamed}, not {seqs[first:until]}")
        elif key in on_page:
            if streamed and first <= on_page[key]:
                yield Violation("page", f"{where}: {seqs[first]} is on the page already")
            elif first > on_page[key] + 1:
                yield Violation("page", f"{where}: {seqs[first - 1]} is nowhere")
        elif first and not any(
            _off_page(_changed(numbering, key, index), page, oldest)
            for index in _possible(session, page, seqs, first)
        ):
            yield Violation("page", f"{where}: {seqs[first - 1]} is nowhere")


def _possible(session: Session, page: Page, seqs: list[int], first: int) -> range:
    """Which changes of an item may have been the last one that the page saw.

    The one before the first that was streamed; where none was, also one that had no number yet, is
    not told for that reason, and comes after the last message of the session.
    """
    if (first < len(seqs) and seqs[first] <= session.end) or "~" not in page.live_from:
        return range(first - 1, first)
    return range(first - 1, max(first, bisect_right(seqs, session.start + UNNUMBERED)))


def _changed(numbering: Numbering, key: Key, index: int) -> Change | None:
    """A change of an item; None when readers were told of more changes than there are."""
    changes = numbering.changes[key]
    return changes[index] if index < len(changes) else None


def _off_page(before: Change | None, page: Page, oldest: Change | None) -> bool:
    """Whether an item in this state is rightly not on the page: it is gone, or older than it."""
    if before is None or before.created_at is None:
        return True
    if not page.full or oldest is None or oldest.created_at is None:
        return False
    return before.created_at <= oldest.created_at
