"""PostgreSQL's own load generator: how fast the database is when nothing else is."""

import re
import subprocess
import tempfile
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from db.embedded_binaries import find_binaries


def transactions_per_second(
    url: str, script: str, *, clients: int, seconds: float, prepared: bool = False
) -> float:
    """Runs the script by so many clients for so long."""
    parts = conninfo_to_dict(url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        answer = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [
                Path(find_binaries().directory) / "pgbench",
                *("--no-vacuum", "--client", str(clients), "--jobs", "2"),
                *("--time", str(max(1, round(seconds))), "--file", file.name),
                *("--protocol", "prepared" if prepared else "simple"),
                *("--host", str(parts["host"]), "--port", str(parts["port"])),
                *("--username", str(parts["user"]), str(parts["dbname"])),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"tps = ([0-9.]+)", answer.stdout)
    assert found, answer.stdout
    return float(found[1])
