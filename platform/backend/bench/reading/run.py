"""All measurements, one after the other, on a PostgreSQL of their own."""

from collections.abc import Iterator

from bench.reading import (
    items,
    rows_cold,
    rows_crowd,
    rows_history,
    rows_live,
    rows_network,
    rows_pages,
    rows_writes,
)
from bench.reading.effort import Effort, Say
from bench.reading.figures import Finding
from bench.speed import stage


def run(effort: Effort, say: Say) -> Iterator[Finding]:
    """Yields each finding when it is there."""
    with stage.database() as empty:
        urls = {}
        for size in effort.sizes:
            say(f"a feed of {size:,} items")
            urls[size] = stage.another(empty, f"items_{size}")
            items.fill(urls[size], size, say)
        history = stage.another(empty, "history")
        for size, url in urls.items():
            say(f"{size:,} items")
            yield from rows_pages.of_size(url, size, effort, say)
        yield from rows_pages.large(urls, effort, say)
        # What does not depend on the size, at a middle one.
        size = effort.sizes[len(effort.sizes) // 2 if len(effort.sizes) > 1 else 0]
        url = urls[size]
        yield from rows_network.of_pages(url, size, effort, say)
        yield from rows_cold.first_pages(url, size, effort, say)
        yield from rows_crowd.of_readers(url, size, effort, say)
        yield from rows_writes.of_items(stage.another(empty, "writes"), effort, say)
        yield from rows_history.beside_assembly(history, effort, say)
    yield from rows_history.rebuilding(effort, say)
    yield from rows_live.of_fanout(say)
