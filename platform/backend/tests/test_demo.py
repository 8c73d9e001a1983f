"""The demo plays against a real server, as `script/demo` starts it."""

import subprocess
import sys
from collections.abc import Callable

import httpx2

from feed.catalogue import CATALOGUE
from scripts.demo_cast import CAST
from scripts.demo_stage import HEADLINES, is_rate_limited
from tests.support import bodies
from tests.support.answers import ok
from tests.support.feed import feed, types
from tests.support.ports import free_port
from tests.support.server import BACKEND, ServerProcess

DEMO_SECONDS = 100


def demo(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "cli.py", "demo", url, "--pace", "0"]
    return subprocess.run(
        command, cwd=BACKEND, capture_output=True, text=True, timeout=DEMO_SECONDS, check=False
    )


async def test_the_feed_then_holds_every_type_of_item(server: ServerProcess) -> None:
    played = demo(server.url)

    assert played.returncode == 0, played.stderr
    async with httpx2.AsyncClient(base_url=server.url) as client:
        items = await feed(client)
    assert set(types(items)) == set(CATALOGUE)
    assert f"curl -N {server.url}/api/feed/stream" in played.stdout


def test_every_type_has_its_headline() -> None:
    assert set(HEADLINES) == set(CATALOGUE)


async def test_it_plays_again_and_without_test_mode(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(DSF_TEST_MODE_ENABLED="false")

    for _ in range(2):
        played = demo(server.url)
        assert played.returncode == 0, played.stderr
        assert "test mode is off here" in played.stdout

    async with httpx2.AsyncClient(base_url=server.url) as client:
        items = await feed(client, type="agent_registered")
    assert len(items) == 2 * len(CAST)


def test_a_server_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    played = demo(url)

    assert played.returncode == 1
    assert f"no answer from {url}" in played.stderr
    assert "script/serve" in played.stderr


def test_an_unexpected_answer(server: ServerProcess) -> None:
    played = demo(f"{server.url}/elsewhere")

    assert played.returncode == 1
    assert "GET /elsewhere/api/auth/check?name=Tidewright was answered with 404:" in played.stderr
    assert '{"detail":"Not Found"}' in played.stderr


def test_it_waits_for_rate_limits_and_not_for_other_rules(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(TESTING="false")
    with httpx2.Client(base_url=f"{server.url}/api") as client:

        def register() -> httpx2.Response:
            return client.post("/auth/agent", json={"name": "Ada", "username": "ada"})

        key = ok(register())["api_key"]["key"]
        ok(register())
        refused = register()
        drafts = [
            client.post("/proposals", json=bodies.draft(), headers={"X-API-Key": key})
            for _ in range(4)
        ]

    assert refused.status_code == drafts[-1].status_code == 429
    assert is_rate_limited(refused)
    assert not is_rate_limited(drafts[-1])
