"""Who owns the embedded database: one server at a time, however the one before it ended."""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

from core.errors import DatabaseInUse

TAKEOVER_SECONDS = 18.0  # the watchdog of a killed server needs up to 15
GLANCE_SECONDS = 0.2  # `is_taken` of another process holds the lock for a moment
POLL_SECONDS = 0.02
NEVER_A_PID = 2**22 + 1  # above the highest pid that Linux and macOS give out


def take_lock(directory: Path) -> int:
    """Lock the folder for this process; the open file, which holds the lock until it is closed.

    Raises DatabaseInUse, which names the holder, when another server has it.
    """
    file = os.open(directory / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + GLANCE_SECONDS
    while not _locked(file, fcntl.LOCK_EX):
        if time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            continue
        holder = os.pread(file, 32, 0).decode() or "unknown"
        os.close(file)
        raise DatabaseInUse(
            f"{directory} belongs to another running server (pid {holder}). "
            "Stop that one, or choose another DATA_DIR."
        )
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
    return file


def is_taken(directory: Path) -> bool:
    """Whether a running server holds the lock of the folder."""
    try:
        file = os.open(directory / "postgres.lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _locked(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def retire_predecessor(data: Path, socket_prefix: str) -> None:
    """Wait for the PostgreSQL of a server that was killed, and disarm a pid file left behind.

    To be called with the lock held: whatever still runs here has no server any more. Raises
    DatabaseInUse when it does not go away, as one that somebody started by hand.
    """
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while (left := _read(pid_file)) and _is_postgres(left[0], data):
        if time.monotonic() > deadline:
            raise DatabaseInUse(f"{data} is in use by PostgreSQL itself (pid {left[0]}).")
        if socket_prefix.encode() in left[1]:  # one of ours: stop it, its watchdog may be gone too
            with contextlib.suppress(ProcessLookupError):
                os.kill(left[0], signal.SIGINT)
        time.sleep(POLL_SECONDS)
    if left:
        # Not removed: PostgreSQL finds its shared memory there, and so notices processes of a
        # crashed server that still use the data. Only the pid must not stop it: somebody else
        # may have got that number by now.
        pid_file.write_bytes(b"%d\n%b" % (NEVER_A_PID, left[1]))
    else:
        pid_file.unlink(missing_ok=True)  # empty: cut short by a crash of the machine


def _read(pid_file: Path) -> tuple[int, bytes] | None:
    """The pid on the first line, and the other lines."""
    try:
        first, _, rest = pid_file.read_bytes().partition(b"\n")
        return int(first), rest
    except (FileNotFoundError, ValueError):
        return None


def _is_postgres(pid: int, data: Path) -> bool:
    """Whether the process is the postmaster of these data, and not a stranger with its number."""
    return f"/postgres -D {data} " in _command(pid) + " "


def _command(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    if Path("/proc/self/cmdline").exists():  # Linux, also where ps is not installed
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    listing = ["ps", "-ww", "-p", str(pid), "-o", "command="]
    return subprocess.run(  # noqa: S603 - our own command
        listing, capture_output=True, text=True, check=False
    ).stdout.strip()
