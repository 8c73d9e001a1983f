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
