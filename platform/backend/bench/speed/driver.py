"""The select of a page through the driver alone, in a bare loop: the limit of any server on it.

    python -m bench.speed.driver <<< '{"url": …, "paths": […], "seconds": 2.0}'

The connection is as the platform's pages have theirs (db/session.py), on the same event loop; the
rows arrive, and that is all.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import urlsplit

import psycopg
import uvloop

from api import fast_lane
from bench.speed.client import Load, measured
from db.session import RawJson
from feed.page import Selection


def selection(path: str) -> Selection:
    """What a path asks for."""
    found = fast_lane.selection(urlsplit(path).query.encode())
    assert found, f"{path} would not take the fast lane"
    return found


def loop(url: str, paths: Sequence[str], *, seconds: float, warm_seconds: float = 0.3) -> Load:
    """Runs the selects of these paths, round and round, for so long."""
    wanted = {"url": url, "paths": list(paths), "seconds": seconds, "warm_seconds": warm_seconds}
    return measured("bench.speed.driver", wanted)


async def _main(url: str, paths: list[str], seconds: float, warm_seconds: float) -> None:
    statements = [selection(path).statement() for path in paths]
    times: list[list[int]] = [[] for _ in paths]
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None)
    async with connection:
        connection.adapters.register_loader("jsonb", RawJson)
        begin = time.perf_counter() + warm_seconds
        end, number = begin + seconds, 0
        while (asked := time.perf_counter()) < end:
            cursor = await connection.execute(*statements[number])
            await cursor.fetchall()
            if asked >= begin:
                times[number].append(round((time.perf_counter() - asked) * 1e6))
            number = (number + 1) % len(paths)
    found = Load(times, {"200": sum(map(len, times))}, seconds)
    sys.stdout.write(json.dumps(asdict(found)))


if __name__ == "__main__":
    uvloop.run(_main(**json.load(sys.stdin)))
