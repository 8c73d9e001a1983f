"""PgBouncer in transaction mode: what stands between the platform and many hosted databases.

In this mode two statements of one client may run on two server connections. Whatever lives in a
server connection (prepared statements, SET, LISTEN, session locks) breaks, and tests show it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests.support.ports import free_port
from tests.support.postgres import by_way_of

NOBODY = 65534
START_SECONDS = 10

# auth_type "any" lets every client in, as the user that the server's line names.
# default_pool_size is smaller than the platform's pools: its clients have to share.
# No further allowances: a hosted pooler refuses unknown startup parameters, too.
CONFIGURATION = """\
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
"""


def find_pgbouncer() -> str | None:
    """The program's path. Debian installs it where only root's PATH looks."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def pgbouncer(program: str, server_url: str) -> Iterator[str]:
    """Runs PgBouncer in front of `server_url` (TCP) and yields the URL that leads through it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as directory:
        log = Path(directory) / "log"
        process = _start(program, Path(directory), _configuration(server_url, port), log)
        try:
            _wait_until_listening(process, port, log)
            yield by_way_of(server_url, port)
        finally:
            process.kill()
            process.wait()


def _configuration(server_url: str, port: int) -> str:
    wanted = ("host", "port", "user", "password")
    server = conninfo_to_dict(server_url)
    return CONFIGURATION.format(
        server=" ".join(f"{key}={server[key]}" for key in wanted if key in server), port=port
    )


def _start(program: str, directory: Path, configuration: str, log: Path) -> subprocess.Popen[bytes]:
    directory.chmod(0o755)  # for the user below
    file = directory / "pgbouncer.ini"
    file.write_text(configuration)
    # PgBouncer refuses to run as root.
    user = NOBODY if os.geteuid() == 0 else None
    with log.open("wb") as output:
        return subprocess.Popen(
            [program, str(file)],
            stdout=output,
            stderr=output,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pgbouncer does not listen:\n{log.read_text()}") from None
            time.sleep(0.01)
