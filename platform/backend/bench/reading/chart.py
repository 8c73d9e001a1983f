"""Findings as a picture: how far each is from what it must be, on a logarithmic scale.

Every row is turned so that left is better and the line in the middle is the limit; the tick is the
aim, the bar the spread over repetitions, the dot the median.
"""

from collections.abc import Sequence
from html import escape
from math import log2

from bench.reading.figures import Finding
from bench.reading.show import limit, number

ROW, TOP, TEXT, WIDTH, RIGHT = 22, 46, 520, 360, 150
REACH = 3.0
"""Doublings to either side of the limit; what is further away is drawn at the edge."""

COLOURS = {"aim": "#2a7f3f", "must": "#2468a8", "short": "#8a6d00", "MISSED": "#b3261e"}
STYLE = "font: 12px system-ui, sans-serif"


def svg(findings: Sequence[Finding]) -> str:
    height = TOP + ROW * len(findings) + 12
    middle = TEXT + WIDTH / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{TEXT + WIDTH + RIGHT}"'
        f' height="{height}" style="{STYLE}">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        _text(TEXT, 18, "better, 8 times", "#555", "start"),
        _text(middle, 18, "the limit", "#555", "middle"),
        _text(TEXT + WIDTH, 18, "worse, 8 times", "#555", "end"),
        f'<line x1="{middle}" x2="{middle}" y1="26" y2="{height - 8}" stroke="#999"/>',
    ]
    for place, one in enumerate(findings):
        lines += _row(one, TOP + ROW * place)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _row(one: Finding, y: float) -> list[str]:
    colour = COLOURS[one.verdict]
    low, high = sorted(_x(one, value) for value in (min(one.values), max(one.values)))
    aim = _x(one, one.goal.aim)
    name = f"{one.goal.figure} ({one.where})"
    said = f"{number(one.value, one.goal)}, must {limit(one.goal, one.goal.must)}"
    return [
        _text(TEXT - 12, y + 4, name, "#222", "end"),
        f'<line x1="{aim:.1f}" x2="{aim:.1f}" y1="{y - 7}" y2="{y + 7}" stroke="#bbb"/>',
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{colour}"'
        ' stroke-width="3" stroke-opacity="0.4"/>',
        f'<circle cx="{_x(one, one.value):.1f}" cy="{y}" r="4.5" fill="{colour}"/>',
        _text(TEXT + WIDTH + 12, y + 4, said, colour, "start"),
    ]


def _x(one: Finding, value: float) -> float:
    """Counts may be nought, which no logarithm has: a thousandth is as good."""
    value, must = max(value, 0.001), max(one.goal.must, 0.001)
    doublings = log2(must / value) if one.goal.at_least else log2(value / must)
    return TEXT + WIDTH / 2 * (1 + max(-REACH, min(REACH, doublings)) / REACH)


def _text(x: float, y: float, text: str, colour: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
