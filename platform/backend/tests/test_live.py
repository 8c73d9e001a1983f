"""The live feed, on a real server and port: docs/live-feed.md, promise by promise."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from feed.changes import CHANNEL
from feed.listener import COMPANY_SECONDS, ECHO_SECONDS
from feed.position import Position
from tests.support.live import (
    Connection,
    Stream,
    add,
    by_hand,
    changes,
    drop,
    health,
    live_from,
    stream,
    touch,
    until,
)
from tests.support.postgres import by_way_of
from tests.support.server import BACKEND, ServerProcess, StartServer
from tests.support.tcp_proxy import TcpProxy

WORLD, OTHER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
SMALL_RING = {"LIVE_RING_BYTES": "2000"}
BIG = {"text": "x" * 20_000}


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with by_hand(database_url) as connection:
        yield connection


def stamped(db: Connection) -> bool:
    """Whether all that is committed has a number."""
    return not db.execute("SELECT FROM platform_feed_changes WHERE seq IS NULL").fetchall()


def at_position(server: ServerProcess, seq: int) -> str:
    """The id of that number, once the server has it."""
    until(lambda: health(server.url)["head"] >= seq)
    return f"{health(server.url)['epoch']}.{seq}"


# ── what arrives ─────────────────────────────────────────────────────────────────────────────────


def test_every_kind_of_change_arrives_in_order(server: ServerProcess, db: Connection) -> None:
    with stream(server.url) as live:
        told = []
        add(db, "a", "b", created_at="2026-01-01")
        told += live.take(2)  # each before the next, which it would be told with
        touch(db, "a", text="Grüße\u2028 🪐")
        told += live.take(1)
        db.execute("UPDATE platform_feed_events SET created_at = '2026-01-02'")
        told += live.take(2)
        drop(db, "a")
        told += live.take(1)
        assert [one.kind for one in told[:3]] == [("item", "a"), ("item", "b"), ("patch", "a")]
        assert {one.kind for one in told[3:5]} == {("item", "a"), ("item", "b")}  # one statement
        assert told[5].kind == ("remove", "a")
        assert [one.seq for one in told] == list(range(1, 7))
        assert told[-1].data == {"type": "agent_registered", "id": "a", "prev": told[-2].id}

        page = httpx2.get(f"{server.url}/api/feed").json()["items"]
        assert [one.data["item"] for one in told if one.item == "b"][-1] == page[0]
        touch(db, "b", text="Grüße\u2028 🪐")
        assert live.next().data["item"]["text"] == "Grüße\u2028 🪐"


def test_what_is_gone_before_it_is_told_is_removed_at_every_turn(
    server: ServerProcess, db: Connection
) -> None:
    with stream(server.url) as live:
        with db.transaction():
            add(db, "a", "b")
            touch(db, "a", text="new")
            drop(db, "a")
        told = [one.kind for one in live.take(4)]
    assert told == [("remove", "a"), ("item", "b"), ("remove", "a"), ("remove", "a")]


def test_what_agents_do_arrives_at_once(server: ServerProcess) -> None:
    """The bell: long before the next look that nobody rang for."""
    with stream(server.url) as live:
        waits = []
        for number in range(9):
            name = f"agent{number}"
            began = time.monotonic()
            answer = httpx2.post(
                f"{server.url}/api/auth/agent", json={"name": name, "username": name}
            )
            told = live.next()
            waits.append(time.monotonic() - began)
            assert told.kind == ("item", answer.json()["agent"]["id"])
        assert sorted(waits)[4] < 0.2


def test_what_is_rolled_back_never_arrives(
    server: ServerProcess, db: Connection, database_url: str
) -> None:
    with stream(server.url) as live, psycopg.connect(database_url) as other:
        add(other, "late")
        add(db, "early")
        assert live.next().kind == ("item", "early")
        other.commit()
        assert live.next().kind == ("item", "late")
        add(other, "never")
        other.rollback()
        add(db, "after")
        assert live.next().kind == ("item", "after")
        assert live.last
        assert live.last.endswith(".3")


def test_imports_are_no_news(server: ServerProcess, db: Connection, database_url: str) -> None:
    agent = {"name": "Ada", "username": "ada"}
    ada = httpx2.post(f"{server.url}/api/auth/agent", json=agent).json()["agent"]["id"]
    with stream(server.url, after=live_from(server.url)) as live:
        drop(db, ada)
        assert "import" not in live.next().data
        for command in "backfill", "repair":
            touch(db, ada, agent="damaged")
            subprocess.run(
                [sys.executable, "cli.py", command],
                cwd=BACKEND,
                env=os.environ | {"DATABASE_URL": database_url},
                check=True,
                capture_output=True,
            )
        filled, damaged, mended = live.take(3)
    assert filled.kind == ("item", ada)
    assert damaged.kind == mended.kind == ("patch", ada)
    assert [one.data.get("import") for one in (filled, damaged, mended)] == [True, None, True]


# ── filters ──────────────────────────────────────────────────────────────────────────────────────


def test_a_filter_leaves_no_doubt(server: ServerProcess, db: Connection) -> None:
    """`take` checks that each message names the one before it."""
    with (
        stream(server.url, world_id=WORLD) as world,
        stream(server.url, type=["world_created", "story_created"]) as types,
        stream(server.url, type="world_created", world_id=OTHER) as both,
    ):
        add(db, "a", "b", world_id=WORLD)
        add(db, "c", event_type="world_created", world_id=OTHER)
        add(db, "d", event_type="story_created", world_id=WORLD)
        drop(db, "b")
        assert [one.item for one in world.take(4)] == ["a", "b", "d", "b"]
        assert [one.item for one in types.take(2)] == ["c", "d"]
        assert both.next().item == "c"


def test_what_leaves_the_filter_is_removed_from_it(server: ServerProcess, db: Connection) -> None:
    add(db, "a", world_id=WORLD)
    until(lambda: stamped(db))
    with stream(server.url, world_id=WORLD) as here, stream(server.url, world_id=OTHER) as there:
        db.execute("UPDATE platform_feed_events SET world_id = %s", (OTHER,))
        assert here.next().kind == ("remove", "a")
        assert there.next().kind == ("patch", "a")


def test_silence_shows_life_and_moves_the_position(server: ServerProcess, db: Connection) -> None:
    """Under a filter, a browser's Last-Event-ID follows although no message does."""
    with stream(server.url) as everything, stream(server.url, world_id=WORLD) as world:
        add(db, "a", world_id=OTHER)
        last = everything.next()
        began = time.monotonic()
        told = world.block()
        assert (told.event, told.id) == (None, last.id)
        assert everything.block()[:3] == (None, None, None)
        assert time.monotonic() - began < 15
        add(db, "b", world_id=WORLD)
        assert world.next().seq == 2, "and prev is still the id of the last message"


# ── going on ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("environment", [{}, SMALL_RING], ids=["from memory", "from the log"])
def test_a_client_goes_on_where_it_was(
    start_server: StartServer, db: Connection, environment: dict[str, str]
) -> None:
    server = start_server(**environment)
    names = [f"item {number}" for number in range(60)]
    add(db, *names[:40], payload={"text": "x" * 100})
    last = at_position(server, 40)
    epoch = last.split(".", 1)[0]
    for seq in 0, 1, 17, 39, 40:
        with stream(server.url, after=f"{epoch}.{seq}") as live:
            assert live.hello.id == f"{epoch}.{seq}"
            assert [one.item for one in live.take(40 - seq)] == names[seq:40]
    with stream(server.url, last=f"{epoch}.30", after=f"{epoch}.3") as live:
        assert live.next().seq == 31, "the header is newer"
        add(db, *names[40:])
        assert [one.item for one in live.take(29)] == names[31:]
    with stream(server.url, after=f"{epoch}.5", type="world_created") as live:
        add(db, "world", event_type="world_created")
        assert live.next().item == "world"


def test_a_page_and_its_stream_show_everything_once(
    start_server: StartServer, db: Connection, database_url: str
) -> None:
    """Also what the page saw before it was numbered, and what was in flight when it was read."""
    reader = start_server(LIVE="false")  # nobody numbers anything
    with psycopg.connect(database_url) as flying:
        add(flying, "in flight")
        add(db, "on the page")
        page = httpx2.get(f"{reader.url}/api/feed").json()
        assert [item["id"] for item in page["items"]] == ["on the page"]
        assert Position.parse(page["live_from"]).snapshot
        flying.commit()
    add(db, "later")
    sse = httpx2.get(f"{reader.url}/api/feed/stream").text
    assert '"live_from": "' in sse

    # The number 0 of the history that its first server begins: databases of tests are copies.
    db.execute("SELECT stamped FROM platform_feed_stamp(0)")
    old = Position.parse(page["live_from"])
    epoch = db.execute("SELECT epoch FROM platform_feed_log").fetchall()[0][0]
    after = str(Position(epoch, old.seq, old.snapshot))
    server = start_server()
    with stream(server.url, after=after) as live:
        assert [one.item for one in live.take(2)] == ["in flight", "later"]
        touch(db, "on the page", text="new")
        assert live.next().kind == ("patch", "on the page")
    answer = changes(server.url, after=after)
    assert [one["id"].split(".")[1] for one in answer["messages"]] == ["1", "3", "4"]


def test_a_page_is_followed_by_what_comes_after_it(server: ServerProcess, db: Connection) -> None:
    add(db, "a")
    until(lambda: stamped(db))
    after = live_from(server.url)
    assert Position.parse(after).snapshot is None
    add(db, "b", "c")
    with stream(server.url, after=after) as live:
        assert [one.item for one in live.take(2)] == ["b", "c"]


def gone(live: Stream, server: ServerProcess, db: Connection) -> None:
    """The stream says so, and goes on at the end."""
    told = live.next()
    facts = health(server.url)
    assert told.event == "gone"
    assert told.data == {"floor": facts["floor"], "head": facts["head"]}
    assert told.id == f"{facts['epoch']}.{facts['head']}"
    add(db, "after all")
    assert live.next().item == "after all"
    drop(db, "after all")


def test_positions_that_cannot_be_resumed(
    start_server: StartServer, db: Connection, database_url: str
) -> None:
    server = start_server(LIVE_KEEP_CHANGES="5")
    add(db, *"abcdefghij")
    epoch = at_position(server, 10).split(".", 1)[0]
    db.execute("SELECT platform_feed_trim(5, '1 day', 100)")
    until(lambda: health(server.url)["floor"] == 5)
    for after in f"{epoch}.4", f"{epoch}.999", "00000000.7":
        with stream(server.url, after=after) as live:
            gone(live, server, db)
        [message] = changes(server.url, after=after)["messages"]
        assert message["event"] == "gone"
    with stream(server.url, after=f"{epoch}.9") as live:
        assert live.next().seq == 10


def test_a_new_history_reaches_open_streams(server: ServerProcess, db: Connection) -> None:
    with stream(server.url) as live, stream(server.url, world_id=WORLD) as filtered:
        add(db, "a", world_id=WORLD)
        assert [live.next().item, filtered.next().item] == ["a", "a"]
        db.execute("TRUNCATE platform_feed_events")
        for one in live, filtered:
            told = one.next()
            assert told.event == "gone"
            assert told.id
            assert told.id.split(".")[0] != one.hello.data["epoch"]
        add(db, "b", world_id=WORLD)
        assert [live.next().item, filtered.next().item] == ["b", "b"]


def test_a_database_that_went_back_is_noticed(server: ServerProcess, db: Connection) -> None:
    """As a copy of its files would, put in its place while the server slept."""
    with stream(server.url) as live:
        add(db, "a", "b")
        live.take(2)
        db.execute("DELETE FROM platform_feed_changes WHERE seq = 2")
        assert live.next().event == "gone"


def test_a_server_that_slept_too_long_says_so(server: ServerProcess, db: Connection) -> None:
    """What it did not read was forgotten meanwhile; its clients must not miss it in silence."""
    with stream(server.url) as live:
        add(db, "a")
        live.next()
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            add(db, *"bcdefgh")
            number = "SELECT stamped FROM platform_feed_stamp(99)"
            until(lambda: db.execute(number).fetchone() == (7,))
            db.execute("SELECT platform_feed_trim(3, '1 day', 100)")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert live.next().event == "gone"
        add(db, "i")
        assert live.next().item == "i"


@pytest.mark.parametrize("text", ["yesterday", "", "0123abcd.", "0123abcd.1~x"])
def test_what_is_no_position_is_refused(server: ServerProcess, text: str) -> None:
    for path in "live", "changes":
        answer = httpx2.get(f"{server.url}/api/feed/{path}", params={"after": text})
        assert answer.status_code == 422, answer.text
        assert answer.json()["details"][0]["field"] == "query -> after"
        assert answer.json()["details"][0]["your_input"] == text


# ── long polling ─────────────────────────────────────────────────────────────────────────────────


def test_polling_tells_the_same(server: ServerProcess, db: Connection) -> None:
    start = changes(server.url, wait=5)
    assert start["messages"] == []
    with stream(server.url) as live:
        add(db, "a", world_id=WORLD)
        add(db, "b")
        answer: dict[str, Any] = {"cursor": start["cursor"]}
        messages: list[Any] = []
        while len(messages) < 2:
            answer = changes(server.url, after=answer["cursor"], wait=5)
            messages += answer["messages"]
        told = live.take(2)
    assert [(one["event"], one["id"], one["data"]) for one in messages] == [
        (one.event, one.id, one.data) for one in told
    ]
    assert answer["cursor"] == told[-1].id
    [only] = changes(server.url, after=start["cursor"], world_id=WORLD)["messages"]
    assert only["id"] == told[0].id
    none = changes(server.url, after=start["cursor"], world_id=OTHER)
    assert (none["messages"], none["cursor"]) == ([], told[-1].id)


def test_polling_waits_for_a_change_and_no_longer(server: ServerProcess, db: Connection) -> None:
    start = changes(server.url)["cursor"]
    began = time.monotonic()
    assert changes(server.url, after=start, wait=0.5)["messages"] == []
    assert 0.5 <= time.monotonic() - began < 3
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(changes, server.url, after=start, wait=20)
        time.sleep(0.3)
        assert not waiting.done()
        add(db, "a")
        assert len(waiting.result(5)["messages"]) == 1


# ── many clients ─────────────────────────────────────────────────────────────────────────────────


def test_no_client_holds_a_database_connection(server: ServerProcess, db: Connection) -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    before = db.execute(count).fetchall()
    with ExitStack() as open_:
        streams = [open_.enter_context(stream(server.url)) for _ in range(50)]
        assert db.execute(count).fetchall() == before
        assert health(server.url)["clients"] == 50
        add(db, "a")
        assert {live.next().item for live in streams} == {"a"}
    until(lambda: health(server.url)["clients"] == 0)


def figures(server: ServerProcess) -> dict[str, float]:
    text = httpx2.get(f"{server.url}/metrics").text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_storm_of_clients_costs_one_query_a_second(
    start_server: StartServer, db: Connection
) -> None:
    """Each comes back from a position of its own, none of which is in memory."""
    server = start_server(**SMALL_RING)
    add(db, *(f"item {number}" for number in range(300)), payload={"text": "x" * 500})
    epoch = at_position(server, 300).split(".", 1)[0]
    began, before = time.monotonic(), figures(server)["feed_live_log_reads"]
    with ExitStack() as open_:
        streams = [
            open_.enter_context(stream(server.url, after=f"{epoch}.{number}"))
            for number in range(0, 200, 2)
        ]
        for number, live in enumerate(streams):
            assert live.take(300 - 2 * number)[-1].seq == 300
    reads = figures(server)["feed_live_log_reads"] - before
    assert 1 <= reads <= 1 + (time.monotonic() - began)
    assert figures(server)["feed_live_ring_misses"] == 100


def test_requests_that_were_sent_together_leave_nothing_behind(server: ServerProcess) -> None:
    """The server answers them in turn, and the stream never ends: its client does."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port or 80)) as connection:
        connection.sendall(b"GET /api/feed/live HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        until(lambda: health(server.url)["clients"] == 1)
    until(lambda: health(server.url)["clients"] == 0)


def test_who_comes_when_it_cannot_be_served_is_asked_to_come_again(
    server: ServerProcess, db: Connection
) -> None:
    """Browsers never return to a stream that was refused."""
    db.execute("SELECT pg_advisory_lock(2131623939, 1)")  # nobody can say what has been committed
    text = httpx2.get(f"{server.url}/api/feed/live?after=00000000.1", timeout=20).text
    assert text.startswith("retry: ")
    assert "event: bye\n" in text
    answer = httpx2.get(f"{server.url}/api/feed/changes?after=00000000.1", timeout=20)
    assert answer.status_code == 503


class Deaf:
    """A client that asks for the stream and reads nothing until it is told to."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect((parts.hostname, parts.port))
        self.socket.sendall(b"GET /api/feed/live HTTP/1.1\r\nHost: x\r\n\r\n")
        self.start = self.socket.recv(1000)
        assert b" 200 OK" in self.start

    def everything(self) -> str:
        """All that was sent, to the end of the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        data = self.start
        while part := self.socket.recv(65536):
            data += part
        return data.decode()


@pytest.mark.parametrize("program", ["ours", "uvicorn"])
def test_who_does_not_read_is_told_and_delays_nobody(
    request: pytest.FixtureRequest, db: Connection, program: str
) -> None:
    start = request.getfixturevalue("start_server" if program == "ours" else "plain_uvicorn")
    server = start(LIVE_RING_BYTES="100000")
    deaf = Deaf(server.url)
    with stream(server.url) as live:
        until(lambda: health(server.url)["clients"] == 2)
        for number in range(0, 400, 20):
            add(db, *map(str, range(number, number + 20)), payload=BIG)
            live.take(20)
        until(lambda: figures(server)["feed_live_slow_clients"] == 1)
        last = deaf.everything()
    deaf.socket.close()
    assert "event: slow\n" in last
    told, _, end = last.rpartition("event: slow\n")
    cursor = end.split('"cursor":"')[1].split('"')[0]
    ids = [line.strip() for line in told.splitlines() if line.startswith("id: ")]
    assert ids[-1] == f"id: {cursor}"
    seq = int(cursor.split(".")[1])
    assert len(ids) == seq + 1, "everything up to there, and the greeting"
    with stream(server.url, after=cursor) as live:
        assert [one.item for one in live.take(400 - seq)] == [str(n) for n in range(seq, 400)]


class _Uvicorn(ServerProcess):
    """The application under uvicorn's own command line, without anything of server.py's."""

    command = ("-m", "uvicorn", "server:application", "--factory", "--port", "0", "--http", "h11")
    ready = r"running on (http://\S+)"


@pytest.fixture
def plain_uvicorn(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartServer]:
    with ExitStack() as running:

        def start(**variables: str) -> ServerProcess:
            environment = {"DATABASE_URL": database_url, "TESTING": "true"}
            server = _Uvicorn(tmp_path_factory.mktemp("uvicorn"), environment | variables)
            running.callback(server.stop)
            return server

        yield start


# ── the end of a server ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_says_goodbye_and_is_gone(
    start_server: StartServer, db: Connection, workers: str
) -> None:
    """Within two seconds, whoever listens, and whether they read or not."""
    server = start_server(WORKERS=workers)
    with ExitStack() as open_:
        streams = [open_.enter_context(stream(server.url)) for _ in range(20)]
        deaf = [Deaf(server.url) for _ in range(3)]
        for number in range(30):
            add(db, str(number), payload=BIG)
        for live in streams:
            live.take(30)
        began = time.monotonic()
        server.process.terminate()
        ends = [live.rest() for live in streams]
        server.process.wait(10)
        assert time.monotonic() - began < 2
    assert [[one.event for one in end] for end in ends] == [["bye"]] * 20
    byes = [end[0] for end in ends]
    assert all(bye.retry == bye.data["retry"] for bye in byes)
    assert len({bye.retry for bye in byes}) > 10, "they do not all come back at once"
    assert all(500 <= bye.data["retry"] <= 5000 for bye in byes)
    for one in deaf:
        one.socket.close()


def test_streams_go_on_at_another_server(start_server: StartServer, db: Connection) -> None:
    """Numbers are the same everywhere; a client may know more than the server that it comes to."""
    first, second = start_server(), start_server()
    with stream(first.url) as live:
        add(db, "a")
        last = live.next().id
    with stream(second.url, last=last) as live:
        add(db, "b")
        message = live.next()
        assert message.item == "b"
    os.kill(second.process.pid, signal.SIGSTOP)
    with stream(first.url, last=message.id) as live:
        add(db, "c", "d")
        last = live.take(2)[-1].id
    os.kill(second.process.pid, signal.SIGCONT)
    with stream(second.url, last=last) as live:
        add(db, "e")
        assert live.next().item == "e"


# ── hearing of each other ────────────────────────────────────────────────────────────────────────


def hears(server: ServerProcess, seconds: float = 10) -> None:
    until(lambda: health(server.url)["wake_up"] == "listen", seconds)


def arrives(server: ServerProcess, db: Connection, name: str) -> None:
    with stream(server.url) as live:
        add(db, name)
        assert live.next().item == name


def test_a_pooler_swallows_notifications_and_polling_takes_over(
    start_server: StartServer, db: Connection, pgbouncer_url: str, database_url: str
) -> None:
    pooled = start_server(DATABASE_URL=pgbouncer_url, DATABASE_DIRECT_URL=pgbouncer_url)
    direct = start_server(DATABASE_URL=pgbouncer_url, DATABASE_DIRECT_URL=database_url)
    hears(direct)
    time.sleep(3)
    assert health(pooled.url)["wake_up"] == "poll"
    arrives(pooled, db, "a")
    arrives(direct, db, "b")


def test_a_listener_in_a_black_hole_is_noticed(
    start_server: StartServer, db: Connection, database_url: str, proxy: TcpProxy
) -> None:
    server = start_server(DATABASE_DIRECT_URL=by_way_of(database_url, proxy.port))
    hears(server)
    proxy.black_hole = True
    arrives(server, db, "a")
    until(lambda: health(server.url)["wake_up"] == "poll")
    arrives(server, db, "b")
    proxy.black_hole = False
    hears(server, 20)


def test_notifications_wake_the_other_servers(start_server: StartServer, db: Connection) -> None:
    """Far sooner than the quarter of a second after which they would look anyway."""
    servers = start_server(), start_server()
    for server in servers:
        hears(server)
    waits = []
    with stream(servers[1].url) as live:
        for number in range(9):
            name = f"agent{number}"
            httpx2.post(f"{servers[0].url}/api/auth/agent", json={"name": name, "username": name})
            began = time.monotonic()
            live.next()
            waits.append(time.monotonic() - began)
    assert sorted(waits)[4] < 0.1


def test_whoever_is_alone_notifies_nobody(
    start_server: StartServer, db: Connection, database_url: str
) -> None:
    """But asks for its echo. A notification for each look would cost writers a fortieth."""

    def more_than_echoes(spy: psycopg.Connection) -> bool:
        list(spy.notifies(timeout=0.1))
        began = time.monotonic()
        with stream(server.url) as live:
            for number in range(20):
                add(db, f"{began} {number}")
                live.next()
        heard = len(list(spy.notifies(timeout=0.1)))
        return heard > 2 + (time.monotonic() - began) / ECHO_SECONDS

    with psycopg.connect(database_url, autocommit=True) as spy:
        spy.execute(f"LISTEN {CHANNEL}")
        server = start_server()
        hears(server)
        assert more_than_echoes(spy), "somebody might be there"
        time.sleep(COMPANY_SECONDS)
        assert not more_than_echoes(spy)


def test_a_tail_that_loses_its_connection_begins_again(
    server: ServerProcess, db: Connection
) -> None:
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'worldfeed %%'"
    )
    with stream(server.url) as live:
        for name in "abc":
            assert db.execute(kill).fetchall()[0][0] >= 1
            add(db, name)
            assert live.next().item == name


def test_where_it_is_switched_off(start_server: StartServer) -> None:
    server = start_server(LIVE="false")
    assert health(server.url) is None
    for path in "live", "changes":
        answer = httpx2.get(f"{server.url}/api/feed/{path}")
        assert answer.status_code == 503
        assert "switched off" in answer.json()["detail"]["error"]


def test_figures(server: ServerProcess, db: Connection) -> None:
    with stream(server.url) as live:
        add(db, "a", "b")
        live.take(2)
        found = figures(server)
    assert found["feed_live_head"] == 2
    assert found["feed_live_clients"] == 1
    assert found["feed_live_unstamped_seconds"] == 0
    assert 0 <= found["feed_live_lag_seconds"] < 5
