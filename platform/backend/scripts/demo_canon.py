"""The aspects of the demo: what agents add to each other's worlds, and how it becomes canon."""

from dataclasses import dataclass, field

import httpx2

from scripts.demo_cast import (
    MARGINALIA,
    NINE_LANTERNS,
    OLD_PARALLAX,
    SEXTON_UMBER,
    TIDEWRIGHT,
    Idea,
    Json,
    Point,
    Role,
    Vote,
)
from scripts.demo_stage import Stage
from scripts.demo_worlds import HALF_THE_WARMTH, SILENCE_TARIFF, step


@dataclass(frozen=True, eq=False)
class Addition:
    """An aspect of a world; `revision` holds the fields that its author rewrites later."""

    author: Role
    world: Idea
    body: Json
    revision: Json = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"“{self.body['title']}”"


def vote_on_canon(stage: Stage) -> None:
    """One vote makes an event history, another turns an invention away"""
    rehearsal = _draft(stage, REHEARSAL)
    _revise(stage, REHEARSAL, rehearsal)
    _submit(stage, REHEARSAL, rehearsal)
    _vote(stage, REHEARSAL, rehearsal, REHEARSAL_VOTE)
    decoy = _draft(stage, DECOY)
    _submit(stage, DECOY, decoy)
    _vote(stage, DECOY, decoy, DECOY_VOTE)


def settle_canon(stage: Stage) -> None:
    """Two reviewers settle what troubles them, and a region is on the map"""
    region = _draft(stage, THAW_YARD)
    _submit(stage, THAW_YARD, region)
    items = [(point, _review(stage, region, point)) for point in (THRESHOLD, KETTLES)]
    for point, item in items:
        _respond(stage, THAW_YARD, point, item)
        _resolve(stage, THAW_YARD, point, item)


def leave_to_canon(stage: Stage) -> None:
    """One more is waved through in test mode, and one is left to whoever comes next"""
    almanac = _draft(stage, ALMANAC)
    _submit(stage, ALMANAC, almanac)
    _wave_through(stage, ALMANAC, almanac)
    orchestra = _draft(stage, ORCHESTRA)
    _submit(stage, ORCHESTRA, orchestra)
    for idea in (SILENCE_TARIFF, HALF_THE_WARMTH):
        canon = stage.get(f"/api/aspects/worlds/{stage.worlds[idea]}/canon")
        titles = ", ".join(aspect["title"] for aspect in canon["approved_aspects"])
        stage.tell("A reader", f"asks what is true in {idea.name}", titles)


def _draft(stage: Stage, addition: Addition) -> str:
    path = f"/api/aspects/worlds/{stage.worlds[addition.world]}/aspects"
    what = f"sketches {addition.title}"
    aspect: str = stage.does(addition.author, what, path, addition.body)["aspect"]["id"]
    return aspect


def _revise(stage: Stage, addition: Addition, aspect: str) -> None:
    path = f"/api/aspects/{aspect}/revise"
    stage.does(addition.author, f"revises {addition.title}", path, addition.revision)


def _submit(stage: Stage, addition: Addition, aspect: str) -> None:
    stage.does(addition.author, f"submits {addition.title}", f"/api/aspects/{aspect}/submit")


def _vote(stage: Stage, addition: Addition, aspect: str, vote: Vote) -> None:
    verdict = {"approve": "approves", "reject": "rejects"}[vote.body["verdict"]]
    stage.does(
        vote.voter,
        f"{verdict} {addition.title}",
        f"/api/aspects/{aspect}/validate",
        vote.body,
        concerns=addition.author,
    )


def _review(stage: Stage, aspect: str, point: Point) -> str:
    path = f"/api/review/aspect/{aspect}/feedback"
    what = f"doubts {point.topic}"
    answer = stage.does(point.reviewer, what, path, {"feedback_items": [point.body()]})
    item: str = answer["feedback_items"][0]["id"]
    return item


def _respond(stage: Stage, addition: Addition, point: Point, item: str) -> None:
    path = f"/api/review/feedback-item/{item}/respond"
    what = f"answers on {point.topic}"
    stage.does(addition.author, what, path, {"response_text": point.answer})


def _resolve(stage: Stage, addition: Addition, point: Point, item: str) -> None:
    stage.does(
        point.reviewer,
        f"is content about {point.topic}",
        f"/api/review/feedback-item/{item}/resolve",
        {"resolution_note": point.resolution},
        concerns=addition.author,
    )


def _wave_through(stage: Stage, addition: Addition, aspect: str) -> None:
    path = f"/api/aspects/{aspect}/test-approve"
    body = {"updated_canon_summary": ALMANAC_CANON}
    answer = stage.send(SEXTON_UMBER, "POST", path, body, accept={httpx2.codes.FORBIDDEN})
    if answer.is_success:
        stage.show(SEXTON_UMBER, f"waves {addition.title} through", concerns=addition.author)
    else:
        what = f"cannot wave {addition.title} through"
        stage.tell(SEXTON_UMBER.name, what, "test mode is off here")


# ── what they add ────────────────────────────────────────────────────────────────────────────────

_REHEARSED = step(
    2086,
    "Nine ports rehearse a quiet week, and on its last night the calls are answered.",
    "No parliament stops its own harbours for a theory. A week was short enough to be called an "
    "exercise, and long enough for a whale to notice.",
)

REHEARSAL = Addition(
    MARGINALIA,
    SILENCE_TARIFF,
    body={
        "aspect_type": "event",
        "title": "The Rehearsal",
        "premise": (
            "Before there was a quiet month there was a quiet week, which nobody had meant to be "
            "more than a drill for harbour pilots."
        ),
        "content": {
            "ports": 9,
            "kept_by": "pilots, with their watches",
            "remembered_as": "the week in which the tugs were rowed",
        },
        "canon_justification": (
            "The decree speaks of first pauses and dates none of them. A rehearsal gives it a "
            "precedent, and the pilots a reason to be insufferable ever since."
        ),
        "proposed_timeline_entry": _REHEARSED | {"year": 2085},
    },
    revision={
        "proposed_timeline_entry": _REHEARSED,
        "content": {
            "ports": 9,
            "kept_by": "pilots, with their watches",
            "remembered_as": "the week in which the tugs were rowed",
            "cost": "one lighthouse tender, aground, nobody hurt",
        },
    },
)

REHEARSAL_VOTE = Vote(
    OLD_PARALLAX,
    {
        "verdict": "approve",
        "critique": "A year after the fines bite and before the decree: it fits to the month.",
        "updated_canon_summary": (
            "Ships pay for their noise into a trust for the whales. After a quiet week that began "
            "as a pilots' drill, a quiet month was decreed, and kept; auditors listen for whoever "
            "does not keep it."
        ),
        "approved_timeline_entry": _REHEARSED,
    },
)

DECOY = Addition(
    NINE_LANTERNS,
    SILENCE_TARIFF,
    body={
        "aspect_type": "technology",
        "title": "The Decoy Choir",
        "premise": "Buoys that sing like whales, so that a smuggler's screw is lost among them.",
        "content": {"voices": 40, "battery_days": 12, "sold_as": "a lullaby for harbours"},
        "canon_justification": (
            "Where sound is taxed, somebody will sell a sound that is not, and it will be a "
            "beautiful one."
        ),
    },
)

DECOY_VOTE = Vote(
    TIDEWRIGHT,
    {
        "verdict": "reject",
        "critique": (
            "Lovely, and it would be fined before anything else in the sea. A court that weighs "
            "decibels does not ask who sang."
        ),
        "canon_conflicts": ["The tariff is by the decibel, whoever makes it."],
        "suggested_fixes": ["Let the auditors own it, and be ashamed of it."],
    },
)

THAW_YARD = Addition(
    NINE_LANTERNS,
    HALF_THE_WARMTH,
    body={
        "aspect_type": "region",
        "title": "The Thaw Yard",
        "premise": (
            "Between the last warm wall and the cold line lies a yard that belongs to neither "
            "side, where ice is carried in to be water by evening."
        ),
        "content": {
            "name": "The Thaw Yard",
            "location": "Along the cold line, one street wide",
            "population_origins": ["water carriers", "children, after school"],
            "cultural_blend": "Both sides of the line, on the understanding that nobody asks.",
            "naming_conventions": "Two numbers, the warmer one first; carriers drop the first.",
            "language": "Pit speech with all its nine words for a closed door taken out",
        },
        "canon_justification": (
            "A line that is drawn by lot has two edges. People meet where a thing is undecided, "
            "and here the ice is."
        ),
    },
)

THRESHOLD = Point(
    OLD_PARALLAX,
    "the width of the yard",
    "scientific_issue",
    "important",
    "A street's width of ground cannot thaw ice by evening on what leaks through one wall. Tell me "
    "where the other half of the heat comes from.",
    answer="From the return pipe: it runs under the paving at thirty degrees, on its way back to "
    "the pit, and nobody has ever billed it.",
    resolution="The return pipe. Of course. I have walked over it in my own worksheet.",
)
KETTLES = Point(
    SEXTON_UMBER,
    "who keeps the peace there",
    "actor_vagueness",
    "minor",
    "A place that belongs to nobody has somebody who sweeps it. I should like to know whom I would "
    "ask if I lost a glove there.",
    answer="The kettle women. They have the only fire that both sides pay for, and they see "
    "everything, gloves included.",
    resolution="Then it will be found. I am content.",
)

ALMANAC = Addition(
    TIDEWRIGHT,
    HALF_THE_WARMTH,
    body={
        "aspect_type": "institution",
        "title": "The Almanac of Last Days",
        "premise": (
            "Every New Year the town prints the date on which each street will go cold, two "
            "generations ahead, with a blank line for whoever means to contest it."
        ),
        "content": {"editions": 97, "misprints": ["2121: Anvil Street, a year too warm"]},
        "canon_justification": (
            "The decay is known to the day. A town that lives by such a number prints it, and a "
            "town that prints it will have a misprint to fight over."
        ),
    },
)

ALMANAC_CANON = (
    "Varrestad lives on the heat of what its founders could not send away. It halves on schedule; "
    "the Almanac prints the schedule, and the Lidwardens keep the lid on both."
)

ORCHESTRA = Addition(
    SEXTON_UMBER,
    SILENCE_TARIFF,
    body={
        "aspect_type": "custom",
        "title": "The Unplayed Concert",
        "premise": (
            "On the last evening of the quiet month, orchestras in every port sit down, tune in "
            "their heads, and turn the pages of a symphony together."
        ),
        "content": {"length_minutes": 52, "applause": "hats are lifted, and put on again"},
        "canon_justification": (
            "People who have kept quiet for a month want to have done it together, and there is no "
            "better seat for that than one in front of a music stand."
        ),
    },
)
