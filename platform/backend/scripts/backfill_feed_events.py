"""Fills the feed from the tables: `script/backfill`, `python -m scripts.backfill_feed_events`, or
this file by its path. utils/feed_backfill.py does the work and says what it promises.
"""

import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

# Started by path, from any folder: the packages beside this folder must be found.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer
from rich.table import Table

from core.settings import Settings
from db.session import Database
from feed.item_type import EventType
from feed.lanes import LANES
from feed.row import Underivable
from scripts.bulk import bulk
from scripts.connect import any_database, console
from scripts.progress import bar
from utils.feed_backfill import BATCH, Backfill, count_records, fill

SHOWN = 20


def backfill(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count what is missing")] = False,
    since: Annotated[
        datetime | None, typer.Option(help="only items that are not older; UTC")
    ] = None,
    type: Annotated[
        list[EventType] | None, typer.Option(help="only items of this type; may be repeated")
    ] = None,
    batch: Annotated[int, typer.Option(help="records in one transaction", min=1, max=5000)] = BATCH,
) -> None:
    """Brings what the tables hold into the feed. Safe to run beside servers, and again."""
    with any_database(Settings()) as settings:
        asyncio.run(_run(settings, [kind.value for kind in type or ()], since, batch, dry_run))


async def _run(
    settings: Settings, types: list[str], since: datetime | None, batch: int, dry_run: bool
) -> None:
    since = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
    database = Database(settings)
    lanes = min(LANES, settings.db_pool_size)
    work = Backfill(database, types, since, batch, dry_run, lanes)
    derived: Counter[str] = Counter()
    added, faults = 0, Counter[str]()
    examples: list[Underivable] = []
    try:
        with bulk(), bar(await count_records(work)) as progress:
            async with aclosing(fill(work)) as filling:
                async for filled in filling:
                    progress.advance(filled.source.name, filled.seen)
                    derived += filled.derived
                    added += filled.added
                    faults.update(fault.event_type for fault in filled.underivable)
                    examples += filled.underivable[: SHOWN - len(examples)]
    finally:
        await database.close()
    _report(derived, added, dry_run)
    _name_underivable(faults, examples)


def _report(derived: Counter[str], added: int, dry_run: bool) -> None:
    table = Table("type", "items")
    table.columns[1].justify = "right"
    for kind, count in sorted(derived.items()):
        table.add_row(kind, f"{count:,}")
    console.print(table)
    verb = "would be added" if dry_run else "added"
    console.print(f"{added:,} {verb}, {derived.total() - added:,} were there already.")


def _name_underivable(faults: Counter[str], examples: list[Underivable]) -> None:
    if not faults:
        return
    console.print(f"{faults.total():,} records have no item, because it would break the contract:")
    for fault in examples:
        console.print(f"  {fault.event_type} {fault.item_id}: {fault.reason}", markup=False)
    if faults.total() > len(examples):
        console.print(f"  and {faults.total() - len(examples):,} more")


if __name__ == "__main__":
    typer.run(backfill)
