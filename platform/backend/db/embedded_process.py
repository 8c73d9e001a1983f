"""How the embedded PostgreSQL runs: under an account that it accepts, and never without us."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

NOBODY = 65534
"""An id that /etc/passwd knows nearly everywhere; initdb refuses to run under an unknown one."""

# The watchdog is the parent of postgres, and its stdin is a pipe whose other end only we hold:
# the kernel closes that end however we die, so end of file means "stop". Chosen over
# PR_SET_PDEATHSIG, which is Linux only, fires when the *thread* that started the child ends, and
# leaves no time to shut down cleanly.
#  - The pipe is close-on-exec, so no other program that we start can keep it open.
#  - Background jobs of sh begin with INT and QUIT ignored, until postgres installs its handlers:
#    hence INT (fast shutdown) is repeated. QUIT follows (immediate shutdown), then KILL.
#  - It ignores TERM, which service managers send to every process of a service at once.
WATCHDOG = """
sockets=$1; shift
trap '' HUP INT TERM
exec 3<&0
"$@" </dev/null 3<&- &
postgres=$!
{
    while read -r _; do :; done
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -INT $postgres; sleep 1; done
    kill -QUIT $postgres; sleep 5
    kill -KILL $postgres
} <&3 >/dev/null 2>&1 &
killer=$!
wait $postgres
status=$?
kill -KILL $killer
rm -rf -- "$sockets"
exit $status
"""


@dataclass(frozen=True)
class Account:
    """As whom PostgreSQL runs: `prefix` goes before its command, or we switch to `user`."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def own(self, root: Path) -> None:
        """Hand `root` and everything below it to the account, if it is another one than ours."""
        if self.user is None or self.group is None or root.stat().st_uid == self.user:
            return
        for path in (*root.rglob("*"), root):  # root last: its owner tells whether we finished
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def run(self, command: Sequence[str], output: IO[bytes]) -> int:
        """Run `command` to its end; its exit status."""
        return subprocess.run(  # noqa: S603 - our own command
            [*self.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(),
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            check=False,
        ).returncode

    def guard(
        self, command: Sequence[str], sockets: Path, output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start `command` under a watchdog, which is returned and exits when the command has.

        Closing its stdin, or our death, stops the command and removes `sockets`.
        """
        return subprocess.Popen(  # noqa: S603 - our own command
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(sockets), *self.prefix, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(),
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            start_new_session=True,  # Ctrl-C is for us alone: we still need the database then
        )


def choose_account(owner: tuple[int, int] | None) -> Account:
    """The account for data of `owner` (user and group id; None: not made yet).

    PostgreSQL refuses to run as root. Behind a user namespace it sees itself as somebody else,
    while its files still belong to root; where namespaces are refused it must run as `NOBODY`.
    """
    if os.geteuid() != 0:
        return Account()
    if owner is not None and owner[0] != 0:
        return Account(user=owner[0], group=owner[1])
    namespace = _user_namespace()
    return Account(prefix=namespace) if namespace else Account(user=NOBODY, group=NOBODY)


def _user_namespace() -> tuple[str, ...]:
    program = shutil.which("unshare") if sys.platform == "linux" else None
    if program is None:
        return ()
    prefix = (program, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    probe = subprocess.run(  # noqa: S603 - our own command
        [*prefix, "/bin/sh", "-c", ":"], capture_output=True, check=False
    )
    return prefix if probe.returncode == 0 else ()


def _environment() -> dict[str, str]:
    """Ours, without what would change PostgreSQL's defaults or the language of its messages."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}
