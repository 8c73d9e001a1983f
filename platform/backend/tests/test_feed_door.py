"""Only utils/feed_events.py writes the feed's table: whoever else did would bypass its checks."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parent.parent
LAYERS = ("core", "db", "feed", "utils", "schemas", "web", "api", "scripts")
DOOR = "utils/feed_events.py"

WRITES = re.compile(
    r"(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|COPY|TRUNCATE(?:\s+TABLE)?)"
    r"\s+(?:ONLY\s+)?platform_feed_events\b"
    r"|\b(?:insert|update|delete)\(\s*(?:\w+\.)?FeedEvent\b"
    r"|(?<!class )\bFeedEvent\(",
    re.IGNORECASE,
)


def writers(folder: Path, layers: tuple[str, ...]) -> Iterator[str]:
    for layer in layers:
        for file in sorted((folder / layer).rglob("*.py")):
            if WRITES.search(file.read_text()):
                yield file.relative_to(folder).as_posix()


def test_one_door() -> None:
    assert list(writers(BACKEND, LAYERS)) == [DOOR]


@pytest.mark.parametrize(
    "write",
    [
        'text("DELETE FROM\n    platform_feed_events WHERE id = :id")',
        'f"update only platform_feed_events SET payload = payload"',
        "insert(FeedEvent).values(rows)",
        "db.add(FeedEvent(payload=payload))",
    ],
)
def test_another_one_is_found(tmp_path: Path, write: str) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "aside.py").write_text(write)
    assert list(writers(tmp_path, ("api", "db"))) == ["api/aside.py"]
