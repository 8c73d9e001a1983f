"""Findings as a table and as JSON."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from bench.reading.figures import Finding, Goal

COLOURS = {"aim": "green", "must": "cyan", "short": "yellow", "MISSED": "bold red"}


def table(findings: Sequence[Finding]) -> Table:
    shown = Table("figure", "against", "where", "ratio", "spread", "must", "aim", "", "plainly")
    for one in findings:
        verdict = one.verdict
        shown.add_row(
            one.goal.figure,
            one.goal.against,
            one.where,
            number(one.value, one.goal),
            spread(one),
            limit(one.goal, one.goal.must),
            limit(one.goal, one.goal.aim),
            f"[{COLOURS[verdict]}]{verdict}[/]",
            one.about,
        )
    return shown


def number(value: float, goal: Goal) -> str:
    return f"{value:,.{_digits(value, goal)}f}"


def spread(finding: Finding) -> str:
    if len(finding.values) == 1:
        return "once"
    low, high = min(finding.values), max(finding.values)
    digits = _digits(high, finding.goal)
    return f"{low:,.{digits}f} to {high:,.{digits}f}"


def _digits(value: float, goal: Goal) -> int:
    return 0 if goal.counted or value >= 100 else 2


def limit(goal: Goal, value: float) -> str:
    return f"{'≥' if goal.at_least else '≤'} {value:g}"


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything that was measured, and on what."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "findings": [
            asdict(one) | {"value": one.value, "verdict": one.verdict} for one in findings
        ],
    }
