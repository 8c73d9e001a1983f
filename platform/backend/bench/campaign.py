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


def _show(found: dict[str, Any]) -> None:
    bare = found["copy"]["with_indexes"]
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
