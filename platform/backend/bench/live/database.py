"""A PostgreSQL that may crash and come back at the same address."""

import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from db.embedded import EmbeddedPostgres

OPTIONS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "wal_writer_delay": "10s",  # what is committed asynchronously then is lost in a crash
    "log_min_messages": "fatal",
}


class CrashingPostgres:
    """`url` stays valid over restarts: it leads through a link to the socket of the moment."""

    def __init__(self, directory: Path) -> None:
        directory.chmod(0o755)  # started by root, PostgreSQL runs as somebody else
        self._embedded = EmbeddedPostgres(directory, options=OPTIONS)
        self._link = directory / "socket"
        self.url = ""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._embedded.stop()

    @property
    def pid(self) -> int:
        return self._embedded.pid

    @property
    def socket(self) -> Path:
        """Where it listens, for a proxy."""
        return self._link / ".s.PGSQL.5432"

    def url_of(self, user: str) -> str:
        """The same database for another user."""
        return make_url(self.url).set(username=user).render_as_string(hide_password=False)

    def crash(self) -> None:
        """Ends it without a checkpoint and starts it again: it recovers from its log."""
        os.kill(self.pid, signal.SIGQUIT)
        self._embedded.stop()
        self._start()

    def restart(self) -> None:
        """Shuts it down, which ends all its connections, and starts it again."""
        self._embedded.stop()
        self._start()

    def _start(self) -> None:
        fresh = make_url(self._embedded.start())
        sockets = Path(str(conninfo_to_dict(fresh.render_as_string(hide_password=False))["host"]))
        successor = self._link.with_name("socket.new")
        successor.symlink_to(sockets)
        successor.replace(self._link)
        through = fresh.update_query_dict({"host": str(self._link)})
        self.url = through.render_as_string(hide_password=False)
