"""Nchan, the fan-out that lives in nginx: what a C program makes of the same work.

Needs Debian's libnginx-mod-nchan. One worker process, memory only, on a loopback port.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.speed.stage import resident
from tests.support.ports import free_port

MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

CONFIGURATION = """
load_module {module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 40000;
pid {directory}/pid;
error_log {directory}/error.log error;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {directory}/bodies;
    nchan_shared_memory_size 256M;
    server {{
        listen 127.0.0.1:{port};
        location = /publish {{
            nchan_publisher;
            nchan_channel_id feed;
            nchan_message_buffer_length 500;
        }}
        location = /live {{
            nchan_subscriber eventsource;
            nchan_channel_id feed;
            nchan_subscriber_first_message newest;
        }}
    }}
}}
"""


def program() -> str | None:
    """Where nginx is, when it has the module."""
    return shutil.which("nginx", path="/usr/sbin:/usr/bin") if MODULE.exists() else None


class Nginx:
    def __init__(self, process: subprocess.Popen[bytes], directory: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._pid = directory / "pid"
        self.process = process

    def memory(self) -> float:
        """Resident memory of the process that serves, in KiB."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sum(resident(int(pid)) for pid in children.split())


@contextmanager
def nginx(path: str) -> Iterator[Nginx]:
    """A server, ended with the block. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="worldfeed-nginx-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        port = free_port()
        text = CONFIGURATION.format(module=MODULE, directory=directory, port=port)
        (directory / "conf").write_text(text)
        command = [path, "-e", str(directory / "error.log"), "-c", str(directory / "conf")]
        process = subprocess.Popen(command)  # noqa: S603 - our own command
        try:
            _wait_for(port, process, directory)
            yield Nginx(process, directory, port)
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    said = (directory / "error.log").read_text()
    raise RuntimeError(f"nginx does not start:\n{said}")
