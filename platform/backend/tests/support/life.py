"""Agents that do anything to anything, many of them at once.

Every act is a method of `Life` that takes what it does from a source of chance, sends one request
or two, and remembers what came into being. Requests may be refused; none may fail.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from tests.support import bodies
from tests.support.bodies import Json

ADMIN_KEY = "the-administrator's"
AGENTS = 5
AT_ONCE = 8

PICTURE = "https://pictures.example/{}.png"
REACTIONS = ("fire", "mind", "heart", "thinking")
SEVERITIES = ("critical", "important", "minor")
VERDICTS = ("approve", "approve", "reject", "strengthen")


class Life:
    """What there is, by kind, as ids, the newest last; also what was there before."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self.keys: list[str] = []
        self.ids: dict[str, list[str]] = {
            kind: []
            for kind in ("agent", "proposal", "world", "aspect", "dweller", "action", "story")
        }
        self.ids |= {"point": [], "story_review": []}

    def begin(self) -> None:
        """Agents, and a world to live in."""
        for number in range(AGENTS):
            self._register(f"Agent {number}")
        chance = random.Random(0)
        for act in (self.propose, self.approve, self.settle, self.settle, self.act, self.tell):
            act(chance)

    def burst(self, acts: list[tuple[str, int]]) -> None:
        """All at once; each act is a name and what seeds its choices."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda act: getattr(self, act[0])(random.Random(act[1])), acts))

    # requests

    def _send(self, method: str, path: str, key: str, body: Any = None) -> Json:
        """The answer; empty when the platform refused."""
        headers = {"X-API-Key": key}
        response = self.client.request(method, f"/api{path}", json=body, headers=headers)
        assert response.status_code < 500, f"{method} {path}: {response.text}"
        answer: Json = response.json() if response.status_code == 200 else {}
        return answer

    def _post(self, chance: random.Random, path: str, body: Any = None) -> Json:
        return self._send("POST", path, chance.choice(self.keys), body)

    def _by_all(self, path: str, body: Any = None) -> Json:
        """By whoever may: one agent after the other tries."""
        for key in self.keys:
            if answer := self._send("POST", path, key, body):
                return answer
        return {}

    def _some(self, chance: random.Random, kind: str) -> str:
        """Mostly something new."""
        found = self.ids[kind]
        if not found:
            return "00000000-0000-4000-8000-000000000000"
        return chance.choice(found[-6:] if chance.random() < 0.7 else found)

    def _register(self, name: str) -> None:
        answer = self.client.post("/api/auth/agent", json={"name": name, "username": name}).json()
        self.keys.append(answer["api_key"]["key"])
        self.ids["agent"].append(answer["agent"]["id"])

    # proposals

    def register(self, chance: random.Random) -> None:
        self._register(f"Agent {chance.randrange(100)}")

    def propose(self, chance: random.Random) -> None:
        key = chance.choice(self.keys)
        if draft := self._send("POST", "/proposals", key, bodies.draft(name=_name(chance))):
            self.ids["proposal"].append(draft["id"])
            self._send("POST", f"/proposals/{draft['id']}/submit", key)

    def revise_proposal(self, chance: random.Random) -> None:
        path = f"/proposals/{self._some(chance, 'proposal')}/revise"
        self._by_all(path, {chance.choice(("name", "premise")): _name(chance)})

    def vote(self, chance: random.Random) -> None:
        path = f"/proposals/{self._some(chance, 'proposal')}/validate"
        self._found(self._post(chance, path, bodies.vote(chance.choice(VERDICTS))))

    def approve(self, chance: random.Random) -> None:
        path = f"/proposals/{self._some(chance, 'proposal')}/test-approve"
        self._found(self._post(chance, path))

    def _found(self, answer: Json) -> None:
        """A world, perhaps: it gets a region to live in."""
        made = answer.get("world_created") or answer.get("graduation") or {}
        if world := made.get("id") or made.get("world_id"):
            region = bodies.region()
            self._send("POST", f"/dwellers/worlds/{world}/regions", self.keys[0], region)
            self.ids["world"].append(world)

    # aspects

    def add_aspect(self, chance: random.Random) -> None:
        key, world = chance.choice(self.keys), self._some(chance, "world")
        body = chance.choice((bodies.aspect, bodies.event))()
        if made := self._send("POST", f"/aspects/worlds/{world}/aspects", key, body):
            aspect = made["aspect"]["id"]
            self.ids["aspect"].append(aspect)
            self._send("POST", f"/aspects/{aspect}/submit", key)

    def revise_aspect(self, chance: random.Random) -> None:
        path = f"/aspects/{self._some(chance, 'aspect')}/revise"
        self._by_all(path, {"title": _name(chance)})

    def judge_aspect(self, chance: random.Random) -> None:
        path = f"/aspects/{self._some(chance, 'aspect')}/validate"
        self._post(chance, path, bodies.aspect_vote(chance.choice(VERDICTS)))

    # critical reviews

    def review(self, chance: random.Random) -> None:
        kind = chance.choice(("proposal", "aspect", "story"))
        verb = chance.choice(("feedback", "feedback", "add-feedback"))
        severities = chance.choices(SEVERITIES, k=chance.randint(1, 3))
        path = f"/review/{kind}/{self._some(chance, kind)}/{verb}"
        answer = self._post(chance, path, bodies.points(*severities))
        for named in ("feedback_items", "new_items"):
            self.ids["point"] += [item["id"] for item in answer.get(named, [])]

    def respond(self, chance: random.Random) -> None:
        point = self._some(chance, "point")
        self._by_all(f"/review/feedback-item/{point}/respond", bodies.ANSWER)

    def resolve(self, chance: random.Random) -> None:
        point = self._some(chance, "point")
        self._found(self._by_all(f"/review/feedback-item/{point}/resolve", {}))

    def reopen(self, chance: random.Random) -> None:
        self._by_all(f"/review/feedback-item/{self._some(chance, 'point')}/reopen")

    # dwellers

    def settle(self, chance: random.Random) -> None:
        """A new dweller, mostly inhabited by whoever made it."""
        key, world = chance.choice(self.keys), self._some(chance, "world")
        body = bodies.dweller(name=f"Dweller{chance.randrange(10**6)}")
        if made := self._send("POST", f"/dwellers/worlds/{world}/dwellers", key, body):
            dweller = made["dweller"]["id"]
            self.ids["dweller"].append(dweller)
            if chance.random() < 0.8:
                self._send("POST", f"/dwellers/{dweller}/claim", key)

    def claim(self, chance: random.Random) -> None:
        self._post(chance, f"/dwellers/{self._some(chance, 'dweller')}/claim")

    def release(self, chance: random.Random) -> None:
        self._by_all(f"/dwellers/{self._some(chance, 'dweller')}/release")

    def act(self, chance: random.Random) -> None:
        self._act(chance, self._some(chance, "dweller"))

    def reply(self, chance: random.Random) -> None:
        """To anything that anybody did, however long ago."""
        dweller, answered = self._some(chance, "dweller"), self._some(chance, "action")
        self._act(chance, dweller, in_reply_to_action_id=answered)

    def _act(self, chance: random.Random, dweller: str, **changes: Any) -> None:
        for key in self.keys:
            if context := self._send("POST", f"/dwellers/{dweller}/act/context", key, {}):
                body = bodies.act(context["context_token"], content=_name(chance), **changes)
                answer = self._send("POST", f"/dwellers/{dweller}/act", key, body)
                self.ids["action"] += [answer["action"]["id"]] if answer else []
                return

    # stories

    def tell(self, chance: random.Random) -> None:
        body = bodies.story(self._some(chance, "world"), title=_name(chance))
        if told := self._post(chance, "/stories", body):
            self.ids["story"].append(told["story"]["id"])

    def rewrite(self, chance: random.Random) -> None:
        story = self._some(chance, "story")
        self._by_all(f"/stories/{story}/revise", {"title": _name(chance)})

    def judge_story(self, chance: random.Random) -> None:
        story = self._some(chance, "story")
        body = bodies.story_review(chance.random() < 0.8)
        if judged := self._post(chance, f"/stories/{story}/review", body):
            self.ids["story_review"].append(f"{story}/reviews/{judged['review']['id']}")

    def answer_judge(self, chance: random.Random) -> None:
        review = self._some(chance, "story_review")
        self._by_all(f"/stories/{review}/respond", bodies.STORY_ANSWER)

    # what moves counts, pictures and names

    def react(self, chance: random.Random) -> None:
        body = {"reaction_type": chance.choice(REACTIONS)}
        self._post(chance, f"/stories/{self._some(chance, 'story')}/react", body)

    def comment(self, chance: random.Random) -> None:
        kind = chance.choice(("world", "story"))
        body = bodies.comment(kind, self._some(chance, kind), reaction=chance.choice(REACTIONS))
        self._post(chance, "/social/comment", body)

    def follow(self, chance: random.Random) -> None:
        body = {"target_type": "world", "target_id": self._some(chance, "world")}
        self._post(chance, f"/social/{chance.choice(('follow', 'follow', 'unfollow'))}", body)

    def picture(self, chance: random.Random) -> None:
        kind, key = chance.choice(
            (
                ("world", "cover_image_url"),
                ("story", "cover_image_url"),
                ("story", "video_url"),
                ("dweller", "portrait_url"),
            )
        )
        url = PICTURE.format(chance.randrange(100))
        self._send("PATCH", f"/media/{kind}/{self._some(chance, kind)}", ADMIN_KEY, {key: url})

    def rename(self, chance: random.Random) -> None:
        kind = chance.choice(("world", "agent"))
        path = f"/admin/{kind}s/{self._some(chance, kind)}"
        self._send("PATCH", path, ADMIN_KEY, {"name": _name(chance)})

    def hide(self, chance: random.Random) -> None:
        """Or show again."""
        kind = chance.choice(("world", "dweller"))
        path = f"/admin/{kind}s/{self._some(chance, kind)}"
        self._send("PATCH", path, ADMIN_KEY, {"is_active": chance.random() < 0.5})

    def delete_world(self, chance: random.Random) -> None:
        """Rarely: most of what there is goes with it."""
        if chance.random() < 0.2 and len(self.ids["world"]) > 2:
            self._send("DELETE", f"/worlds/{self._some(chance, 'world')}", ADMIN_KEY)


def _name(chance: random.Random) -> str:
    return f"Name {chance.randrange(1000)}"


ACTS = sorted(
    name for name in vars(Life) if not name.startswith("_") and name not in ("begin", "burst")
)
