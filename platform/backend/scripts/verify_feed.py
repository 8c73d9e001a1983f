"""Whether the feed says what the tables say: `script/verify` tells, `script/repair` mends.

feed/verify.py and utils/feed_repair.py do the work. Safe to run beside servers.
"""

import asyncio
import json
import sys
from contextlib import aclosing
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from core.settings import Settings
from db.models import FeedEvent
from db.session import Database
from feed.catalogue import CATALOGUE
from feed.item_type import EventType
from feed.lanes import LANES
from feed.verify import BATCH, DRIFT, Report, check, sources_of
from scripts.bulk import bulk
from scripts.connect import any_database
from scripts.progress import bar
from utils.feed_repair import repair as mend

KINDS = (*DRIFT, "pending", "underivable")

Types = Annotated[
    list[EventType] | None, typer.Option("--type", help="only this type; may be repeated")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
BatchSize = Annotated[int, typer.Option(help="records in one snapshot", min=1, max=5000)]


def verify(types: Types = None, as_json: Json = False, batch: BatchSize = BATCH) -> None:
    """Recomputes every item and compares. Exit status 1 when the feed has drifted."""
    report = _main(types, batch, as_json, repairing=False)
    sys.exit(1 if report.drift else 0)


def repair(types: Types = None, as_json: Json = False, batch: BatchSize = BATCH) -> None:
    """Verifies, and mends exactly what it finds. The table tells what that was."""
    _main(types, batch, as_json, repairing=True)


def _main(types: list[EventType] | None, batch: int, as_json: bool, *, repairing: bool) -> Report:
    with any_database(Settings()) as settings:
        names = [kind.value for kind in types or ()]
        lanes = min(LANES, settings.db_pool_size)
        report = asyncio.run(_run(Database(settings), names, batch, lanes, repairing=repairing))
    if as_json:
        sys.stdout.write(json.dumps(as_data(report), indent=2) + "\n")
    else:
        _show(report, repairing=repairing)
    return report


async def _run(
    database: Database, types: list[str], batch: int, lanes: int, *, repairing: bool
) -> Report:
    report = Report()
    try:
        with bulk(), bar(await _count(database, types)) as progress:
            checks = (
                mend(database, types, batch=batch)
                if repairing
                else check(database, types, batch=batch, lanes=lanes)
            )
            async with aclosing(checks):
                async for checked in checks:
                    label = checked.source.name if checked.source else "rows of the feed"
                    progress.advance(label, checked.seen)
                    report.add(checked)
    finally:
        await database.close()
    return report


async def _count(database: Database, types: list[str]) -> int:
    rows = select(func.count(FeedEvent.id))
    if types:
        rows = rows.where(FeedEvent.event_type.in_(types))
    async with database.session() as db:
        records = [await source.count(db) for source in sources_of(types)]
        return sum(records) + (await db.scalar(rows) or 0)


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON: totals, counts by type, and the first findings one by one."""
    return {
        "items": report.items.total(),
        "drift": report.drift,
        "totals": {kind: report.total(kind) for kind in KINDS},
        "types": {
            name: {"items": report.items[name]} | {kind: report.count(kind, name) for kind in KINDS}
            for name in _types(report)
        },
        "findings": [
            {
                "kind": finding.kind,
                "type": finding.event_type,
                "id": finding.item_id,
                "row_id": str(finding.row_id),
                "keys": list(finding.keys),
            }
            for finding in report.examples
        ],
        "underivable": [fault._asdict() for fault in report.underivable],
    }


def _types(report: Report) -> list[str]:
    """Those of the catalogue, and whatever else the feed holds."""
    found = {name for counts in report.counts.values() for name in counts}
    return [*CATALOGUE, *sorted(found - CATALOGUE.keys())]


def _show(report: Report, *, repairing: bool) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    table = Table("type", "items", *KINDS)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in _types(report):
        counts = [report.count(kind, name) for kind in KINDS]
        if report.items[name] or any(counts):
            table.add_row(name, f"{report.items[name]:,}", *(f"{n:,}" if n else "" for n in counts))
    totals = [report.total(kind) for kind in KINDS]
    table.add_section()
    table.add_row("all", f"{report.items.total():,}", *(f"{count:,}" for count in totals))
    out.print(table)
    for finding in report.examples:
        keys = f": {', '.join(finding.keys)}" if finding.keys else ""
        out.print(
            f"{finding.kind} {finding.event_type} {finding.item_id}{keys}",
            markup=False,
            soft_wrap=True,
        )
    if repairing:
        out.print(f"{report.drift:,} mended")
    else:
        out.print("the feed has drifted" if report.drift else "the feed says what the tables say")
