"""Long runs, which CI has no time for: `script/campaign`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer
from rich.console import Console
from rich.table import Table

from bench.live import run as live_campaign
from bench.rebuild import measure

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)


@app.callback()
def campaign() -> None:
    """Each command is one campaign; its result goes to stdout."""


@app.command()
def rebuild(
    items: Annotated[int, typer.Option(min=1000, max=10_000_000)] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, not a table")] = False,
) -> None:
    """Fills and verifies a feed of so many items, beside a bare COPY of its rows."""
    found = measure(items, console.print)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        _show(found)
    sys.exit(1 if found["drift"] else 0)


@app.command()
def live(
    seed: Annotated[int, typer.Option(help="every random choice comes from it")] = 1,
    minutes: Annotated[float, typer.Option(min=0, help="each fault comes once at least")] = 2.0,
    writers: Annotated[int, typer.Option(min=1, max=100)] = 16,
    servers: Annotated[int, typer.Option(min=1, max=8)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, not a table")] = False,
) -> None:
    """Writers, clients and real faults against the live feed; an oracle judges what was told."""
    found = live_campaign.run(live_campaign.long(minutes, writers, servers), seed, console.print)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        _show_live(found)
    sys.exit(0 if found["ok"] else 1)


def _show_live(found: dict[str, Any]) -> None:
    table = Table(f"seed {found['seed']}, {found['seconds']:.0f} s", "")
    for what in ("transactions", "changes", "readers"):
        for name, count in found[what].items():
            table.add_row(f"{what}: {name.replace('_', ' ')}", f"{count:,}")
    for one in found["faults"]:
        table.add_row(one["fault"], one["proof"])
    for text in found["unproven"]:
        table.add_row("NOT PROVEN", text)
    for law, count in found["violations"].items():
        table.add_row(f"VIOLATED: {law}", f"{count:,}")
    Console(highlight=False, width=100).print(table)
    for text in found["details"] + found["logs"]:
        sys.stdout.write(text + "\n")
    sys.stdout.write("ok\n" if found["ok"] else "FAILED\n")


def _show(found: dict[str, Any]) -> None:
    bare = found["copy"]["into_the_feed"]
    table = Table(f"{found['items']:,} items", "items/s", "of COPY", "MiB at 10 %", "MiB at most")
    for name in ("backfill", "verify"):
        one = found[name]
        rate = one["items_per_second"]
        memory = (f"{one['early_mib']:.0f}", f"{one['peak_mib']:.0f}")
        table.add_row(name, f"{rate:,.0f}", f"{rate / bare:.2f}", *memory)
    for name, rate in found["copy"].items():
        table.add_row(f"COPY {name.replace('_', ' ')}", f"{rate:,.0f}", f"{rate / bare:.2f}")
    Console(highlight=False, width=100).print(table)
    sys.stdout.write(f"drift: {found['drift']}\n")


if __name__ == "__main__":
    app()
