"""docs/http-api.md: its examples are run as they stand, and do what the page says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.machine import missing
from tests.support.server import BACKEND, ServerProcess, StartServer

PAGE = BACKEND.parents[1] / "docs" / "http-api.md"
ADDRESS = "http://127.0.0.1:8000"
END = "--- end of an example ---"
SECONDS = 60

# An example, and the block right below it: what it prints.
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n(?:\n```(json|text)\n(.*?)^```\n)?", re.M | re.S)


class Example(NamedTuple):
    commands: str
    kind: str
    """`json` or `text`; empty when the page does not show what it prints."""
    answer: str


def examples(page: str) -> list[Example]:
    found = [Example(*match) for match in EXAMPLE.findall(page)]
    assert page.count("```sh") == len(found)
    assert page.count("```json") + page.count("```text") == sum(bool(one.kind) for one in found)
    return found


def run(page: str, url: str, directory: Path) -> None:
    """Runs the examples of a page in one shell. Fails as soon as one does, or prints anything else
    than the page shows.
    """
    if not shutil.which("curl"):
        missing("curl is not installed (apt-get install curl)")
    told = examples(page)
    script = "".join(f"{one.commands}echo '{END}'\n" for one in told)
    done = subprocess.run(
        ["sh", "-eu"],
        input=script.replace(ADDRESS, url),
        cwd=directory,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    *printed, rest = done.stdout.split(f"{END}\n")
    assert done.returncode == 0, f"{told[len(printed)].commands}\nfails\n{rest}{done.stderr}"
    assert done.stderr == ""
    for example, output in zip(told, printed, strict=True):
        check(example, output)


def check(example: Example, output: str) -> None:
    shown = f"{example.commands}\nprints\n{output}"
    if example.kind == "text":
        pattern = ".*".join(map(re.escape, example.answer.split("…")))
        assert re.fullmatch(pattern, output, re.S), shown
    elif example.kind == "json":
        answers, told = documents(output), documents(example.answer)
        assert len(answers) == len(told), shown
        assert all(map(agrees, told, answers)), shown
    else:
        refusals = [one for one in documents(output) if {"detail", "error"} & set(one)]
        assert not refusals, shown


def documents(text: str) -> list[Any]:
    """The JSON objects in a text, whatever stands around them."""
    found, decoder = [], json.JSONDecoder()
    while (start := text.find("{")) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            found.append(value)
        except ValueError:
            end = start + 1
        text = text[end:]
    return found


def agrees(told: Any, answer: Any) -> bool:
    """Whether an answer is what the page tells: keys may be left out, `…` stands for anything."""
    match told:
        case dict():
            return isinstance(answer, dict) and all(
                key in answer and agrees(value, answer[key]) for key, value in told.items()
            )
        case list():
            return (
                isinstance(answer, list)
                and len(answer) == len(told)
                and all(map(agrees, told, answer))
            )
        case str() if isinstance(answer, str):
            pattern = ".+".join(map(re.escape, told.split("…")))
            return re.fullmatch(pattern, answer, re.S) is not None
        case _:
            return bool(told == answer) and type(told) is type(answer)


def test_the_examples_work(start_server: StartServer, tmp_path: Path) -> None:
    """With all that a server refuses by default, but for the limits by address: as script/serve."""
    server = start_server(DSF_TEST_MODE_ENABLED="false", DEDUP_WINDOW_OVERRIDE_SECONDS="")
    run(PAGE.read_text(), server.url, tmp_path)


FEED = f"```sh\ncurl -sS {ADDRESS}/api/feed\n```\n"
FAULTS = {
    "a command fails": "```sh\nfalse\n```\n",
    "a variable is not set": '```sh\necho "$nobody"\n```\n',
    "a refusal": f"```sh\ncurl -sS {ADDRESS}/api/worlds/x\n```\n",
    "a refusal among others": f"```sh\necho '{{}}'; curl -sS {ADDRESS}/api/no; echo '{{}}'\n```\n",
    "another answer": f'{FEED}\n```json\n{{"items": [1]}}\n```\n',
    "a key missing": f'{FEED}\n```json\n{{"page": "…"}}\n```\n',
    "more answers": "```sh\necho '{} {}'\n```\n\n```json\n{}\n```\n",
    "another text": "```sh\necho left\n```\n\n```text\nright\n```\n",
    "a message on stderr": "```sh\necho oops >&2\n```\n",
    "an answer without an example": '```json\n{"items": []}\n```\n',
}


def test_a_fault_is_found(server: ServerProcess, tmp_path: Path) -> None:
    run(FEED, server.url, tmp_path)
    for fault, page in FAULTS.items():
        with pytest.raises(AssertionError):
            run(page, server.url, tmp_path)
            pytest.fail(f"not found: {fault}")
