"""How fast the platform is, beside its limits: `script/bench`."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer
from rich.console import Console

from bench.reading import chart, show
from bench.reading.effort import LARGE, NORMAL, QUICK
from bench.reading.figures import Finding
from bench.reading.run import run
from bench.speed import fanout, latency, storm, writers

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)
ROOT = Path(__file__).parents[3]


@app.callback(invoke_without_command=True)
def measure(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="10 k items only")] = False,
    large: Annotated[bool, typer.Option("--large", help="10 M items, too")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for samples and picture")] = None,
) -> None:
    """Without a command: the table of docs/performance.md, at 10 k, 100 k and 1 M items.

    The exit status is 1 when a figure is not what it must be. Each command is one measurement by
    itself; its figures go to stdout as JSON.
    """
    if context.invoked_subcommand:
        return
    folder = out or ROOT / "data" / "bench" / time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    folder.mkdir(parents=True, exist_ok=True)
    findings: list[Finding] = []
    try:
        for one in run(QUICK if quick else LARGE if large else NORMAL, console.print):
            findings.append(one)
            value = show.number(one.value, one.goal)
            console.print(f"  {one.goal.figure}: {value} ({one.about})", soft_wrap=True)
    finally:  # an hour of measuring is not lost for a row that fails
        _keep(findings, folder)
    sys.exit(any(one.verdict == "MISSED" for one in findings))


def _keep(findings: list[Finding], folder: Path) -> None:
    (folder / "figures.json").write_text(json.dumps(show.as_json(findings)))
    (folder / "figures.svg").write_text(chart.svg(findings))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(show.table(findings))
    console.print(f"samples and picture: {folder}", soft_wrap=True)


@app.command("live-writers")
def live_writers(
    pairs: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """What the live feed costs 64 writers."""
    _tell({of: writers.measure(of, pairs, seconds, console.print) for of in writers.WRITERS_OF})


@app.command("live-latency")
def live_latency(
    rate: Annotated[int, typer.Option(min=1)] = 1000,
    seconds: Annotated[float, typer.Option(min=1)] = 20,
) -> None:
    """How long a commit takes to a client."""
    _tell(latency.measure(rate, seconds, console.print))


@app.command("live-fanout")
def live_fanout(
    clients: Annotated[int, typer.Option(min=100, max=15_000)] = 5000,
    changes: Annotated[int, typer.Option(min=1)] = 200,
) -> None:
    """How fast one process tells many clients."""
    _tell(fanout.measure(clients, changes, console.print))


@app.command("live-storm")
def live_storm(clients: Annotated[int, typer.Option(min=10, max=15_000)] = 5000) -> None:
    """What it costs when all clients come back at once."""
    _tell(storm.measure(clients, console.print))


def _tell(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    app()
