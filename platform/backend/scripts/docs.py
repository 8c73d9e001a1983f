"""The documents that are generated from the catalogue; `script/docs` writes them.

Its files: docs_shapes.py reads the shapes of items, docs_examples.py builds an item of every type,
docs_origins.py finds out where its id and its time come from. docs_events.py makes Markdown of
that, docs_types.py TypeScript.
"""

from collections.abc import Callable
from pathlib import Path

from scripts import docs_events, docs_types

ROOT = Path(__file__).parents[3]

DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/feed-events.md": docs_events.page,
    "platform/backend/web/feed-items.d.ts": docs_types.declarations,
}
"""What each file holds, by its path in the repository."""


def write(root: Path) -> None:
    """Writes them below `root`, whose folders must exist."""
    for path, text in DOCUMENTS.items():
        (root / path).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write(ROOT)
