"""The generated documents are current, complete, and say what the contract says."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from feed.item_type import CATALOGUE, EventType
from scripts import docs
from scripts.docs_examples import examples
from scripts.docs_origins import origins
from tests.support.contract import check_item
from tests.support.item_shapes import of_contract, of_markdown, of_typescript, sections
from tests.support.typescript import Declarations, parse

PAGE = (docs.ROOT / "docs/feed-events.md").read_text()
TYPES = (docs.ROOT / "platform/backend/web/feed-items.d.ts").read_text()
EXAMPLE = re.compile(r"^```json\n(.+?)^```$", re.M | re.S)


@pytest.mark.parametrize("path", docs.DOCUMENTS)
def test_what_is_committed_is_current(path: str) -> None:
    assert (docs.ROOT / path).read_text() == docs.DOCUMENTS[path](), "run script/docs"


def test_the_script_writes_them(tmp_path: Path) -> None:
    for path in docs.DOCUMENTS:
        (tmp_path / path).parent.mkdir(parents=True)
    docs.write(tmp_path)
    written = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*") if file.is_file()}
    assert written == docs.DOCUMENTS.keys()


# ── docs/feed-events.md ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("event_type", EventType)
def test_the_page_tells_what_every_type_holds(event_type: EventType) -> None:
    meaning = " ".join(CATALOGUE[event_type].doc.split())
    assert " ".join(sections(PAGE)[event_type].split()).startswith(meaning)
    assert of_markdown(PAGE, event_type) == of_contract(event_type)


def test_the_page_shows_an_item_from_every_source() -> None:
    shown: Counter[str] = Counter()
    for name, section in sections(PAGE).items():
        for example in EXAMPLE.findall(section):
            item = json.loads(example)
            assert item["type"] == name
            check_item(item)
            shown[name] += 1
    assert shown == {name: len(entry.sources) for name, entry in CATALOGUE.items()}


def test_the_page_tells_what_moves_up() -> None:
    assert {example.entry.name for example in examples() if origins(example).moves_up} == {
        EventType.PROPOSAL_REVISED,
        EventType.STORY_REVISED,
        EventType.ACTIVITY_GROUP,
        EventType.CONVERSATION,
        EventType.FEEDBACK_RESOLVED,
    }


# ── web/feed-items.d.ts ──────────────────────────────────────────────────────────────────────────


def interface_of(event_type: str, declarations: Declarations) -> str:
    """The one member of the union with this `type`."""
    [found] = [
        name
        for name in declarations.aliases["FeedItem"]
        if declarations.interfaces[name]["type"].type == [f'"{event_type}"']
    ]
    return found


@pytest.mark.parametrize("event_type", EventType)
def test_typescript_says_what_the_contract_says(event_type: EventType) -> None:
    declarations = parse(TYPES)
    interface = interface_of(event_type, declarations)
    assert of_typescript(declarations, interface) == of_contract(event_type)


def test_the_union_has_every_type() -> None:
    assert len(parse(TYPES).aliases["FeedItem"]) == len(EventType)


# ── the checks themselves ────────────────────────────────────────────────────────────────────────

TYPE_FAULTS = {
    "another kind": ("year_setting: number;", "year_setting: string;"),
    "never null": ("portrait_url: string | null;", "portrait_url: string;"),
    "always there": ("timeline_entry?:", "timeline_entry:"),
    "maybe absent": ("\n  username:", "\n  username?:"),
    "a key too many": ("\n  username:", "\n  avatar: string;\n  username:"),
    "a key missing": ("  recommends_acclaim: boolean;\n", ""),
    "a literal missing": (' | "rejected"', ""),
    "another literal": ('"dweller_proposal"', '"dweller"'),
    "no list": ("ThreadAction[]", "ThreadAction"),
    "another base": ("ThreadAction extends GroupedAction", "ThreadAction"),
    "another shape": ("world: WorldRef", "world: WorldCard"),
    "another type": ('type: "conversation"', 'type: "talk"'),
    "not in the union": ("\n  | WorldCreated", ""),
}


@pytest.mark.parametrize("fault", TYPE_FAULTS)
def test_a_fault_in_typescript_is_found(fault: str) -> None:
    right, wrong = TYPE_FAULTS[fault]
    assert right in TYPES
    declarations = parse(TYPES.replace(right, wrong))
    with pytest.raises((AssertionError, ValueError)):
        for event_type in EventType:
            interface = interface_of(event_type, declarations)
            assert of_typescript(declarations, interface) == of_contract(event_type)


PAGE_FAULTS = {
    "another kind": ("`world.year_setting` | integer", "`world.year_setting` | string"),
    "never null": ("[AgentRef](#agentref) or null", "[AgentRef](#agentref)"),
    "always there": ("may be absent", ""),
    "a key missing": ("| `recommends_acclaim` | boolean | |\n", ""),
    "a literal missing": (' or `"rejected"`', ""),
    "another shape": ("[WorldRef](#worldref)", "[DwellerRef](#dwellerref)"),
}


@pytest.mark.parametrize("fault", PAGE_FAULTS)
def test_a_fault_on_the_page_is_found(fault: str) -> None:
    right, wrong = PAGE_FAULTS[fault]
    assert right in PAGE
    page = PAGE.replace(right, wrong)
    with pytest.raises(AssertionError):
        for event_type in EventType:
            assert of_markdown(page, event_type) == of_contract(event_type)


@pytest.mark.parametrize(
    "broken", ["{", "type: string", "export interface A {", "export type A = #;"]
)
def test_what_is_no_typescript_is_refused(broken: str) -> None:
    with pytest.raises(SyntaxError):
        parse(broken)
