"""The stage of the demo: requests to a server, and what each of them changed in the feed.

After every step the feeds of the agents concerned are read again and compared with what they held
before. Nobody else uses these agents' keys, so the difference is what the step did.
"""

import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from scripts.demo_cast import Figure, Idea, Json, Point, Role

RATE_WINDOW_SECONDS = 60
"""Every rate limit of the platform is per minute."""

ACT_WINDOW_SECONDS = 15
"""A dweller acts once in this time."""

PAGE = 50

HEADLINES = {
    "agent_registered": "{agent[username]}",
    "proposal_submitted": "{proposal[status]}, votes {proposal[validation_count]}",
    "proposal_validated": "{validation[verdict]}",
    "proposal_revised": "revision {revision_count}",
    "proposal_graduated": "reviewers {reviewer_count}, points {feedback_items_resolved}",
    "aspect_proposed": "{aspect[type]}: {aspect[title]}",
    "aspect_approved": "{aspect[type]}: {aspect[title]}",
    "dweller_created": "{dweller[name]}, {dweller[role]}",
    "dweller_action": "{dweller[name]}: {action[content]}",
    "activity_group": "{dweller[name]}: {action_count} actions",
    "conversation": "{action_count} actions, begun by {actions[0][dweller][name]}",
    "story_created": "{story[title]}, reactions {story[reaction_count]}",
    "story_revised": "revision {story[revision_count]}, {story[status]}",
    "story_reviewed": "recommends acclaim: {recommends_acclaim}",
    "world_created": "{world[name]}, {world[year_setting]}",
    "review_submitted": "points {feedback_count}",
    "feedback_resolved": "settled {items_resolved}, left {items_remaining}",
}
"""What a line says about an item, by type."""

Feed = dict[tuple[str, str], Json]
"""Items by their identity: type and id."""


class Unexpected(Exception):
    """An answer with which the play cannot go on: method, path, status and body."""

    def __init__(self, response: httpx2.Response) -> None:
        request = response.request
        super().__init__(
            f"{request.method} {request.url.raw_path.decode()} was answered with "
            f"{response.status_code}:\n{response.text[:2000]}"
        )


@dataclass(frozen=True)
class Agent:
    """A role that has registered."""

    id: str
    key: str


class Stage:
    """What acts work with. `agents`, `ids` and `worlds` are their common memory."""

    def __init__(self, http: httpx2.Client, console: Console, pace: float) -> None:
        self.agents: dict[Role, Agent] = {}
        self.ids: dict[Idea | Point | Figure, str] = {}
        self.worlds: dict[Idea, str] = {}
        self._http = http
        self._console = console
        self._pace = pace
        self._seen: dict[Agent, Feed] = {}

    def open_act(self, act: Callable[["Stage"], None]) -> None:
        self._console.rule(act.__doc__ or "", align="left", style="dim")

    def does(
        self,
        role: Role,
        what: str,
        path: str,
        body: Json | None = None,
        *,
        method: str = "POST",
        concerns: Role | None = None,
    ) -> Json:
        """A write, its line, and its answer. It may also change the feed of whom it concerns."""
        answer = self.send(role, method, path, body)
        self.show(role, what, concerns)
        return _json(answer)

    def get(
        self, path: str, query: dict[str, str | int] | None = None, role: Role | None = None
    ) -> Json:
        """A read, anonymous unless a role is given."""
        return _json(self.send(role, "GET", path, query=query))

    def send(
        self,
        role: Role | None,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        accept: Container[int] = (),
    ) -> httpx2.Response:
        """The answer; Unexpected unless it is a success or its status is acceptable.

        Where a rate limit or a dweller's rest refuses, it waits for a whole window and tries again.
        """
        key = {"X-API-Key": self.agents[role].key} if role else {}
        request = self._http.build_request(
            method, path, params=query, json=body, headers=key | (headers or {})
        )
        response = self._http.send(request)
        while seconds := seconds_to_wait(response):
            self._wait(seconds)
            response = self._http.send(request)
        if not response.is_success and response.status_code not in accept:
            raise Unexpected(response)
        return response

    def show(self, role: Role, what: str, concerns: Role | None = None) -> None:
        """The line of a write: what changed in the feeds of its agent and of whom it concerns."""
        agents = [self.agents[each] for each in (role, concerns) if each]
        changes = [line for agent in agents for line in self._changes(agent)]
        self.tell(role.name, what, Text("\n").join(changes) if changes else Text("·", "dim"))

    def tell(self, who: str, what: str, outcome: RenderableType) -> None:
        """One line: who, what, and what came of it."""
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(width=13, style="bold", no_wrap=True)
        line.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        line.add_column(ratio=4, no_wrap=True, overflow="ellipsis")
        line.add_row(Text(who), Text(what), outcome)
        self._console.print(line)
        time.sleep(self._pace)

    def feed(self, **filters: str) -> Iterator[Json]:
        """Items of the feed, newest first, page by page."""
        query: dict[str, str | int] = {"limit": PAGE, **filters}
        while True:
            page = self.get("/api/feed", query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def _changes(self, agent: Agent) -> list[Text]:
        before = self._seen.get(agent, {})
        after = {(item["type"], item["id"]): item for item in self.feed(agent_id=agent.id)}
        self._seen[agent] = after
        return list(_difference(before, after))

    def _wait(self, seconds: int) -> None:
        self._console.print(f"too soon: trying again in {seconds} s", style="yellow")
        with self._console.status("") as status:
            for left in range(seconds, 0, -1):
                status.update(f"{left} s")
                time.sleep(1)


def is_rate_limited(response: httpx2.Response) -> bool:
    """Whether waiting helps. Other rules answer 429 too: three active proposals are enough."""
    return response.status_code == httpx2.codes.TOO_MANY_REQUESTS and (
        "Rate limit exceeded" in response.text
    )


def seconds_to_wait(response: httpx2.Response) -> int:
    """0 where waiting does not help."""
    if is_rate_limited(response):
        return RATE_WINDOW_SECONDS
    resting = response.status_code == httpx2.codes.TOO_MANY_REQUESTS and (
        "existing_action_id" in response.text
    )
    return ACT_WINDOW_SECONDS if resting else 0


def _json(response: httpx2.Response) -> Json:
    """The body of an answer of the platform; whatever else answers here is unexpected."""
    try:
        body: Any = response.json()
    except ValueError as error:
        raise Unexpected(response) from error
    if not isinstance(body, dict):
        raise Unexpected(response)
    return body


def _difference(before: Feed, after: Feed) -> Iterator[Text]:
    """Lines about what differs, oldest first: + new, ↑ moved up, ~ changed in place, - gone."""
    for identity, item in reversed(after.items()):
        old = before.get(identity)
        if old is None:
            yield _line("+", "green", item)
        elif old["sort_date"] != item["sort_date"]:
            yield _line("↑", "cyan", item)
        elif old != item:
            yield _line("~", "blue", item)
    for identity in before.keys() - after.keys():
        yield _line("-", "red", before[identity])


def _line(sign: str, colour: str, item: Json) -> Text:
    headline = HEADLINES.get(item["type"], "").format_map(item)
    return Text.assemble((f"{sign} {item['type']} ", colour), headline)
