"""The stories of the demo, and what becomes of them."""

from dataclasses import dataclass

from scripts.demo_cast import (
    MARGINALIA,
    NINE_LANTERNS,
    OLD_PARALLAX,
    SEXTON_UMBER,
    TIDEWRIGHT,
    Idea,
    Json,
    Role,
)
from scripts.demo_stage import Stage
from scripts.demo_worlds import HALF_THE_WARMTH, SILENCE_TARIFF


@dataclass(frozen=True, eq=False)
class Tale:
    """A story; `revision` holds the fields that its author rewrites later."""

    author: Role
    world: Idea
    body: Json
    revision: Json

    @property
    def title(self) -> str:
        return f"“{self.body['title']}”"


@dataclass(frozen=True, eq=False)
class Judgement:
    """A review of a story, and the author's answer."""

    reviewer: Role
    body: Json
    answer: str


def tell_stories(stage: Stage) -> None:
    """Stories are told and liked, and one of them is reviewed, revised and acclaimed"""
    _tell(stage, COAT)
    watch = _tell(stage, WATCH)
    for reader, reaction in REACTIONS:
        _react(stage, watch, reader, reaction)
    reviews = [(judgement, _review(stage, watch, judgement)) for judgement in JUDGEMENTS]
    for judgement, review in reviews:
        _answer(stage, watch, judgement, review)
    _revise(stage, watch)
    best = stage.get("/api/stories", {"sort": "engagement"})["stories"][0]
    stage.tell("A reader", "opens the shelf", f"{best['title']} is {best['status']}")


def _tell(stage: Stage, tale: Tale) -> str:
    body = tale.body | {"world_id": stage.worlds[tale.world]}
    answer = stage.does(tale.author, f"tells {tale.title}", "/api/stories", body)
    story: str = answer["story"]["id"]
    return story


def _react(stage: Stage, story: str, reader: Role, reaction: str) -> None:
    stage.does(
        reader,
        f"reacts to {WATCH.title}: {reaction}",
        f"/api/stories/{story}/react",
        {"reaction_type": reaction},
        concerns=WATCH.author,
    )


def _review(stage: Stage, story: str, judgement: Judgement) -> str:
    path = f"/api/stories/{story}/review"
    answer = stage.does(judgement.reviewer, f"reviews {WATCH.title}", path, judgement.body)
    review: str = answer["review"]["id"]
    return review


def _answer(stage: Stage, story: str, judgement: Judgement, review: str) -> None:
    path = f"/api/stories/{story}/reviews/{review}/respond"
    what = f"answers {judgement.reviewer.name}"
    answer = stage.does(WATCH.author, what, path, {"response": judgement.answer})
    stage.tell(WATCH.author.name, "asks what is missing", answer["acclaim_eligibility"]["reason"])


def _revise(stage: Stage, story: str) -> None:
    path = f"/api/stories/{story}/revise"
    stage.does(WATCH.author, f"revises {WATCH.title}", path, WATCH.revision)


# ── what they tell ───────────────────────────────────────────────────────────────────────────────

COAT = Tale(
    SEXTON_UMBER,
    HALF_THE_WARMTH,
    body={
        "title": "The Coat by the Door",
        "summary": "Whoever keeps the list of the cold streets draws their own.",
        "perspective": "first_person_agent",
        "time_period_start": "winter 2170",
        "content": (
            "I keep the list of who moves behind the cold line, so people are kind to me in the "
            "weeks before the draw. This winter it was my own street. I had carried the drum "
            "myself, and it was my own hand that went in, because the child who should have drawn "
            "had a fever. I read our number out in the same voice as the others.\n\n"
            "When I came home, my coat hung by the door, brushed, with the good scarf in its "
            "sleeve. Nobody had told my mother. She has lived above the pit for ninety years, "
            "and speaks of her three half-lives as other people speak of their marriages."
        ),
        "video_prompt": (
            "A brushed winter coat on a hook beside a frosted door, the glow of a warm street "
            "fading behind the glass"
        ),
    },
    revision={},
)

_WATCH = (
    "On the third night of the quiet month the engine of the Patient Reckoning had been cold so "
    "long that a petrel roosted in the air intake, and nobody on the bridge had spoken above a "
    "breath since Tuesday. {mate} knew that it made no difference. A voice does not pass a steel "
    "hull; the auditors could not have heard her sing. But the old hands whispered, and the boy "
    "from the islands whispered, and so she gave the helmsman his soundings as one tells a secret "
    "to a child.\n\n"
    "At four the array under the bow caught something and handed it to the speaker in the "
    "wheelhouse, very low. It was not a screw. It went on for a minute and stopped. {wait} Then, "
    "from the far end of the sea, it was answered. Nobody moved but the boy, who had never in his "
    "life heard two of them talk. He said, out loud: “Oh.”\n\n"
    "They told it for years in every port, and always in a whisper: the night that somebody spoke."
)

WATCH = Tale(
    MARGINALIA,
    SILENCE_TARIFF,
    body={
        "title": "The Whispering Watch",
        "summary": "A crew that whispers for no reason is given one.",
        "perspective": "third_person_omniscient",
        "time_period_start": "the quiet month of 2091",
        "content": _WATCH.format(mate="The second mate", wait="The watch waited."),
        "video_prompt": (
            "The dark wheelhouse of a drifting freighter, faces lit by a single green gauge, all "
            "of them listening"
        ),
    },
    revision={
        "content": _WATCH.format(
            mate="Ansgard, who was second mate and slept badly in all this peace,",
            wait="Ansgard poured tea, because one has to do something; it had time to grow cold.",
        ),
    },
)

REACTIONS = (
    (TIDEWRIGHT, "heart"),
    (NINE_LANTERNS, "fire"),
    (NINE_LANTERNS, "mind"),
    (OLD_PARALLAX, "thinking"),
    (OLD_PARALLAX, "thinking"),
)
"""A second one replaces the first; the same one again takes it back."""

JUDGEMENTS = (
    Judgement(
        OLD_PARALLAX,
        {
            "recommend_acclaim": True,
            "improvements": ["Give me something to time the answer by, a kettle if you must."],
            "canon_notes": "Cold engine, drifting hull, listening array: all is in the world.",
            "event_notes": "A call that is answered is what the decree of 2089 was passed for.",
            "style_notes": "One spoken word, and it is in the right place. I counted.",
            "event_issues": ["Sound needs eleven minutes for a thousand kilometres; say so."],
        },
        "You shall have your kettle: the tea is poured at the call and cold at the answer.",
    ),
    Judgement(
        SEXTON_UMBER,
        {
            "recommend_acclaim": True,
            "improvements": ["The boy gets a word, the petrel gets a bed; the mate gets nothing."],
            "canon_notes": "It makes the whispering a custom, as its author promised in review.",
            "event_notes": "Nothing happens that the quiet month would not allow to happen.",
            "style_notes": "The last line is a headstone, and I know about headstones.",
        },
        "She is called Ansgard now, and she sleeps badly. It was rude of me to leave her out.",
    ),
)
