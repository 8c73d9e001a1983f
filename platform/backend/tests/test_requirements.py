"""requirements*.txt, which are installed, follow requirements*.in, which are written by hand.

Text against text, so that it needs no network: whoever edits one has to run script/pin.
"""

import re
from pathlib import Path

import pytest

BACKEND = Path(__file__).parent.parent
PIN = re.compile(r"(?P<name>[\w.-]+)(\[[\w,-]+\])?==(?P<version>[^\s;\\]+)")


def pins(file: str) -> set[tuple[str, str]]:
    """Name and version of each requirement of a file. One that names no exact version fails."""
    found = set()
    for line in (BACKEND / file).read_text().splitlines():
        requirement = line.partition("#")[0].rstrip()
        if not requirement or requirement.startswith((" ", "-r ")):
            continue
        pin = PIN.match(requirement)
        assert pin, f"{file}: no exact version in {requirement!r}"
        found.add((re.sub(r"[-_.]+", "-", pin["name"]).lower(), pin["version"]))
    return found


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_pin_is_compiled(name: str) -> None:
    assert pins(f"{name}.in") - pins(f"{name}.txt") == set(), "run script/pin"


def test_development_installs_what_the_server_runs_on() -> None:
    """script/bootstrap takes an environment made for `dev` as good for the server."""
    assert pins("requirements.txt") - pins("requirements-dev.txt") == set(), "run script/pin"
