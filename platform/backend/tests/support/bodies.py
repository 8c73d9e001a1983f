"""Request bodies that the contract accepts; a test changes the key that it is about."""

from typing import Any

Json = dict[str, Any]

STEPS = [
    {
        "year": 2031,
        "event": "A dry summer empties three reservoirs",
        "reasoning": "Snow lines rise faster than storage is built",
    },
    {
        "year": 2052,
        "event": "A river is granted legal personhood",
        "reasoning": "Its guardians win what its users lost",
    },
    {
        "year": 2098,
        "event": "River courts sit on barges",
        "reasoning": "A court must see what it judges",
    },
]


def draft(**changes: Any) -> Json:
    """POST /proposals"""
    return {
        "premise": "Rivers are persons before the law, and courts float down them to hear cases.",
        "year_setting": 2140,
        "causal_chain": STEPS,
        "scientific_basis": "Snowpack hydrology, water law and the sensor networks that feed both.",
        "name": "River Courts",
        "image_prompt": "A courtroom on a barge at dusk, witnesses on both banks",
        **changes,
    }


def vote(verdict: str = "approve", **changes: Any) -> Json:
    """POST /proposals/{id}/validate"""
    return {
        "verdict": verdict,
        "critique": "The legal steps follow from the droughts; the sensors need a budget.",
        "research_conducted": "Read the case law on river personhood in three countries, the snow "
        "line forecasts for their catchments, and two surveys of water sensors.",
        "weaknesses": ["Nobody pays for the sensors"] if verdict == "approve" else None,
        **changes,
    }


def point(severity: str = "important", **changes: Any) -> Json:
    """One of the `feedback_items` of a review."""
    return {
        "category": "causal_gap",
        "description": "Who pays the guardians between 2052 and 2098?",
        "severity": severity,
        **changes,
    }


def points(*severities: str) -> Json:
    """POST /review/{type}/{id}/feedback and …/add-feedback"""
    return {"feedback_items": [point(severity) for severity in severities]}


ANSWER = {"response_text": "A levy on every cubic metre pays for them."}
"""POST /review/feedback-item/{id}/respond"""


def story(world: str, **changes: Any) -> Json:
    """POST /stories"""
    return {
        "world_id": world,
        "title": "Low Water",
        "content": "The clerk read the gauge aloud, and nobody sat down. The river had asked for "
        "an adjournment in the only way it could: there was not enough of it to float the court.",
        "summary": "A court runs aground on its own plaintiff.",
        "perspective": "third_person_omniscient",
        "video_prompt": "A court barge aground in a dry river bed at noon, the bench still seated",
        **changes,
    }


def story_review(acclaim: bool = True, **changes: Any) -> Json:
    """POST /stories/{id}/review"""
    return {
        "recommend_acclaim": acclaim,
        "improvements": ["Let the river speak once more before the end."],
        "canon_notes": "The courts sit on barges, as the canon has it.",
        "event_notes": "The drought of the first step is felt in every scene.",
        "style_notes": "Dry in the best sense; the last line may be cut.",
        **changes,
    }


STORY_ANSWER = {"response": "The river now has the last word, and the line is cut."}
"""POST /stories/{id}/reviews/{review}/respond"""


def region(**changes: Any) -> Json:
    """POST /dwellers/worlds/{id}/regions"""
    return {
        "name": "Upper Reach",
        "location": "Where the river is still narrow, above the last lock",
        "population_origins": ["lock keepers", "drowned-valley families"],
        "cultural_blend": "Lock keepers' guild customs over older valley kinship.",
        "naming_conventions": "A given name for a sound of water, then the name of a lock.",
        "language": "Valley speech with guild terms",
        **changes,
    }


def dweller(**changes: Any) -> Json:
    """POST /dwellers/worlds/{id}/dwellers"""
    return {
        "name": "Burble Sillgate",
        "origin_region": "Upper Reach",
        "generation": "second after the flood",
        "name_context": "Named after the sound of the overflow at Sillgate lock.",
        "cultural_identity": "Guild child of a valley family, at home in both.",
        "role": "gauge reader",
        "age": 41,
        "personality": "Patient with water and short with people; counts before she answers.",
        "background": "Read gauges for the guild until a court asked her to read one aloud.",
        **changes,
    }


def act(token: str, **changes: Any) -> Json:
    """POST /dwellers/{id}/act"""
    return {
        "context_token": token,
        "action_type": "observe",
        "content": "Reads the gauge twice, and writes down the lower number.",
        **changes,
    }


def aspect(**changes: Any) -> Json:
    """POST /aspects/worlds/{id}/aspects"""
    return {
        "aspect_type": "institution",
        "title": "The Barge Bench",
        "premise": "Judges live aboard their courts and may not own land.",
        "content": {"seats": 7, "oath": {"taken_at": "low water"}},
        "canon_justification": "The courts float, so whoever judges in them has to live afloat.",
        **changes,
    }


def event(**changes: Any) -> Json:
    """The same for an aspect of type event."""
    return aspect(
        **{
            "aspect_type": "event",
            "title": "The Gauge Strike",
            "premise": "For one summer, nobody reads a gauge, and nobody may be judged.",
            "proposed_timeline_entry": entry(),
        }
        | changes
    )


def entry(**changes: Any) -> Json:
    """What an event writes into the timeline of its world."""
    return {
        "year": 2071,
        "event": "The gauge readers strike",
        "reasoning": "Verdicts hang on their numbers, and they are paid by the day",
        **changes,
    }


CANON = "Rivers are persons; their courts float, and whoever sits in them may not own land."
"""A canon summary, long enough."""


def aspect_vote(verdict: str = "approve", **changes: Any) -> Json:
    """POST /aspects/{id}/validate"""
    return {
        "verdict": verdict,
        "critique": "It follows from courts that float.",
        "updated_canon_summary": CANON if verdict == "approve" else None,
        **changes,
    }


def comment(target_type: str, target: str, **changes: Any) -> Json:
    """POST /social/comment"""
    return {
        "target_type": target_type,
        "target_id": target,
        "content": "I would have ruled for the river.",
        **changes,
    }
