"""A PostgreSQL of our own for a bare machine: started by this server, and gone with it.

    DATA_DIR/postgres        the data, mode 0700
    DATA_DIR/postgres.log    what PostgreSQL says
    DATA_DIR/postgres.lock   locked by the server that owns the data, and holds its pid

- One server per DATA_DIR: the lock is an flock, which the kernel releases however we die.
- Reachable only through a socket in a private folder, so it needs no password.
- Stopping and dying are one path: the watchdog of db/embedded_process.py.
- Lock and watchdog outlive us in a child that is forked without exec. Do not fork after start.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

import psycopg

from core.errors import NoDatabase
from db.embedded_binaries import Binaries, find_binaries
from db.embedded_lock import is_taken, retire_predecessor, take_lock
from db.embedded_process import Account, choose_account

DATABASE = "platform"
PORT = 5432  # names the socket, and keeps a PGPORT of the environment out
SOCKET_PREFIX = "worldfeed-pg-"
SOCKET_PATH_LIMIT = 103  # bytes: macOS; Linux has 107
LOG_LIMIT = 8 * 2**20  # bytes
READY_SECONDS = 300  # crash recovery takes what it takes
POLL_SECONDS = 0.02

OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # failed statements are the application's to log: keeps this short
}

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A PostgreSQL server below `data_dir`. `options` are more settings for `postgres -c`."""

    def __init__(self, data_dir: Path, *, options: Mapping[str, str] | None = None) -> None:
        self._dir = data_dir.resolve()
        self._data = self._dir / "postgres"
        self._log = self._dir / "postgres.log"
        self._log_start = 0
        self._options = OPTIONS | dict(options or {})
        self._lock: int | None = None
        self._sockets: Path | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server and answer with the libpq URL of its database `platform`.

        Blocks: a fraction of a second, about a second the first time, longer after a crash.
        Raises DatabaseInUse when another server owns the data, NoDatabase when it cannot run.
        """
        binaries = find_binaries()
        self._dir.mkdir(parents=True, exist_ok=True)
        self._lock = take_lock(self._dir)
        try:
            self._launch(binaries)
            self._create_database()
        except BaseException:
            self.stop()
            raise
        logger.info("PostgreSQL %s of %s serves %s", binaries.major, binaries.directory, self._dir)
        return self._url(DATABASE)

    def stop(self) -> None:
        """Disconnect everybody, shut down and wait for it. Does nothing when not started."""
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait()
            self._watchdog = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)  # already gone after a full start
            self._sockets = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the postmaster, while it runs."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def _launch(self, binaries: Binaries) -> None:
        retire_predecessor(self._data, SOCKET_PREFIX)
        with self._open_log() as log:
            account = self._prepare_data(binaries, log)
            self._sockets = _make_socket_dir()
            account.own(self._sockets)
            command = [binaries.postgres, "-D", str(self._data)]
            settings = {"unix_socket_directories": str(self._sockets)} | self._options
            command += [word for k, v in settings.items() for word in ("-c", f"{k}={v}")]
            self._watchdog = account.guard(command, self._sockets, log)

    def _open_log(self) -> IO[bytes]:
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(file).st_size > LOG_LIMIT:
            os.ftruncate(file, 0)
        self._log_start = os.fstat(file).st_size
        return open(file, "ab")  # noqa: PTH123 - pathlib cannot open a descriptor

    def _prepare_data(self, binaries: Binaries, log: IO[bytes]) -> Account:
        """Make the data folder, unless there is one, and hand it to whom PostgreSQL runs as."""
        version = self._data / "PG_VERSION"
        if not version.exists():
            self._initdb(binaries, log)
        major = version.read_text().strip()
        if major != str(binaries.major):
            raise NoDatabase(
                f"{self._data} was made by PostgreSQL {major}, but {binaries.directory} holds "
                f"PostgreSQL {binaries.major}. Upgrade the data, or choose another DATA_DIR."
            )
        found = self._data.stat()
        account = choose_account((found.st_uid, found.st_gid))
        account.own(self._data)
        return account

    def _initdb(self, binaries: Binaries, log: IO[bytes]) -> None:
        """Into a folder beside the final one, then renamed: half a database never counts."""
        for leftover in self._dir.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # A fresh name each time: an initdb whose server was killed may still write to the old one.
        new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._dir))
        account = choose_account(None)
        account.own(new)
        # No sync: what a power cut in the first half minute could break holds nothing yet.
        command = [binaries.initdb, "-D", str(new), "--no-sync", "--username=postgres"]
        command += ["--auth=trust", "--encoding=UTF8", *_locale(binaries.major)]
        if account.run(command, log) != 0:
            raise NoDatabase(f"initdb could not make {self._data}:\n{self._log_tail()}")
        new.rename(self._data)

    def _create_database(self) -> None:
        with self._connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self) -> psycopg.Connection:
        """The first connection, as soon as the server accepts one."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return psycopg.connect(self._url("postgres"), autocommit=True)
            except psycopg.OperationalError as error:
                self._check_alive()
                if time.monotonic() > deadline:
                    raise NoDatabase(f"No answer after {READY_SECONDS} s: {error}") from error
            time.sleep(POLL_SECONDS)

    def _check_alive(self) -> None:
        if self._watchdog is not None and self._watchdog.poll() is not None:
            raise NoDatabase(f"PostgreSQL does not start in {self._data}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        text = self._log.read_bytes()[self._log_start :].decode(errors="replace")
        return "\n".join(text.splitlines()[-15:])

    def _url(self, database: str) -> str:
        return _socket_url(self._sockets, database)


def running_url(data_dir: Path) -> str | None:
    """The URL of the embedded database of a server that is running; None when none is.

    From PostgreSQL's own pid file, whose fifth line is the folder of its socket.
    """
    if not is_taken(data_dir.resolve()):
        return None
    try:
        lines = (data_dir.resolve() / "postgres" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:  # it is just starting, or stopping
        return None
    return _socket_url(lines[4], DATABASE) if len(lines) > 4 else None


def _socket_url(sockets: object, database: str) -> str:
    host = quote(str(sockets), safe="")
    return f"postgresql://postgres@/{database}?host={host}&port={PORT}"


def _make_socket_dir() -> Path:
    path = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX))
    if len(os.fsencode(path / f".s.PGSQL.{PORT}.lock")) > SOCKET_PATH_LIMIT:
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir="/tmp"))
    return path


def _locale(major: int) -> list[str]:
    """Order by code point, with the letters of all of Unicode, the same on every machine."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
