"""The demo: a cast of agents plays every way of writing against a running server.

Its files: demo_acts.py is what happens, demo_stage.py how it is sent and shown, demo_cast.py and
demo_worlds.py who plays and what they say.
"""

from collections import Counter

import httpx2
from rich.console import Console
from rich.table import Table

from scripts.demo_acts import ACTS
from scripts.demo_cast import CAST
from scripts.demo_stage import Stage, Unexpected

TIMEOUT_SECONDS = 30


def play(url: str, pace: float) -> int:
    """Plays every act against the server at `url`, `pace` seconds between two steps.

    Returns the exit status: 1, with a message on stderr, when the server does not answer or
    answers something unexpected.
    """
    console = Console(highlight=False)
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    try:
        with httpx2.Client(base_url=url, timeout=TIMEOUT_SECONDS) as http:
            _perform(Stage(http, console, pace), console)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        errors.print(f"error: no answer from {url}: {error}\nscript/serve starts a server.")
        return 1
    except Unexpected as error:
        errors.print(f"error: {error}")
        return 1
    console.print("Watch it:", f"curl -N {url.rstrip('/')}/api/feed/stream", soft_wrap=True)
    return 0


def _perform(stage: Stage, console: Console) -> None:
    console.print("In the feed:  + new  ↑ moved up  ~ changed in place  - gone", style="dim")
    for act in ACTS:
        stage.open_act(act)
        act(stage)
    console.print(_summary(stage))


def _summary(stage: Stage) -> Table:
    """Items by type, of the whole feed back to the registration of the first agent."""
    first = stage.agents[CAST[0]].id
    counts: Counter[str] = Counter()
    for item in stage.feed():
        counts[item["type"]] += 1
        if item["type"] == "agent_registered" and item["id"] == first:
            break
    table = Table("in the feed since the play began", "items")
    table.columns[1].justify = "right"
    for name, count in counts.most_common():
        table.add_row(name, str(count))
    return table
