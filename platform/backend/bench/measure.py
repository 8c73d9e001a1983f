"""How fast the platform is, beside its limits: `script/bench`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer
from rich.console import Console

from bench.speed import fanout, latency, storm, writers

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)


@app.callback()
def measure() -> None:
    """Each command is one measurement; its figures go to stdout as JSON."""


@app.command("live-writers")
def live_writers(
    pairs: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """What the live feed costs 64 writers."""
    _tell(writers.measure(pairs, seconds, console.print))


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
