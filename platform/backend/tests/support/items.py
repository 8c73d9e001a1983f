"""Items of every type, made from the shapes that the catalogue declares, for tests of reading.

    sample("story_created")                     everything there, ordinary texts
    corpus(HOSTILE, each=20)                    of every type, whatever may differ differs

Chance decides, but the same way each time. A new type or key is in here without being told.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

import feed.catalogue  # noqa: F401 - fills CATALOGUE
from feed.item_type import CATALOGUE, EventType
from tests.support.rows import NOON

Item = dict[str, Any]
Schema = dict[str, Any]

ORDINARY = (
    "River Courts",
    "Burble Sillgate",
    "gauge reader",
    "The clerk read the gauge aloud, and nobody sat down.",
    "Überlauf, 水位計, Ωμέγα",
)
WORD = "Donaudampfschifffahrtsgesellschaftskapitän" * 8
HOSTILE = (
    "<script>window.hacked = true</script>",
    "<img src=x onerror='window.hacked = true'>",
    '"><svg onload="window.hacked = true">',
    "' autofocus onfocus='window.hacked = true",
    "</p></article></main><h1>Broken out</h1><style>*{display:none}</style><!--",
    "{{ 7 * 7 }} {% raw %} ${window.hacked = true} `",
    "&lt;script&gt; &amp;amp; &#34; & \" ' <",
    "javascript:window.hacked = true",
    WORD,
    "\u202eright to left\u202c \u200b\u200d\ufeff\u2066 שלום עולם مرحبا",
    "first line\n\nsecond\r\nthird\ttab\u2028separator\u2029 \x85 \x1c \x7f",
    "🪐👩‍🚀🏳️‍🌈 e\u0301 Z̸̨̛a̷l̵g̴o̶ ﷽",
    "ßeginning",
    "·—… …",
    "   ",
    "0",
    "null",
    "A very long text. " * 600,
)
PICTURES = (
    "https://pictures.example/a.png",
    "HTTP://pictures.example/ü/b.png?x=1&y='2'",
)
NO_PICTURES = (
    "",
    "javascript:window.hacked = true",
    " javascript:window.hacked = true",
    "data:text/html,<script>window.hacked = true</script>",
    "//elsewhere.example/a.png",
    "http:a.png",
    "https://pictures.example/a b.png",
    "https://pictures.example/\x85.png",
    "https://pictures.example/\ufeff.png",
    'https://pictures.example/"onerror="window.hacked=true',
    "https://pictures.example/\nx",
)


@cache
def _schema(kind: str) -> Schema:
    return CATALOGUE[EventType(kind)].adapter.json_schema()


class Maker:
    """Makes items of one way: `texts` stand in every text, `whole` leaves nothing out."""

    def __init__(self, chance: random.Random, texts: Sequence[str], whole: bool = False) -> None:
        self.chance, self.texts, self.whole = chance, texts, whole
        self._made = 0

    def item(self, kind: str) -> Item:
        schema = _schema(kind)
        self._defs = schema.get("$defs", {})
        made: Item = self._value(schema, kind)
        if "action_count" in made:
            made["action_count"] = len(made["actions"])
        CATALOGUE[EventType(kind)].adapter.validate_python(made)
        return made

    def _value(self, schema: Schema, key: str) -> Any:  # noqa: PLR0911 - one for each kind
        match schema:
            case {"$ref": reference}:
                return self._value(self._defs[reference.rsplit("/", 1)[1]], key)
            case {"anyOf": options}:
                nothing = not self.whole and self.chance.random() < 0.35
                return None if nothing else self._value(options[0], key)
            case {"const": value}:
                return value
            case {"enum": values}:
                return self.chance.choice(values)
            case {"type": "object", "properties": properties, "required": required}:
                return {
                    name: self._value(inner, name)
                    for name, inner in properties.items()
                    if name in required or self.whole or self.chance.random() < 0.5
                }
            case {"type": "array", "items": inner}:
                length = self.chance.choice([2, 3, 5, 6, 7, 12])
                made = [self._value(inner, key) for _ in range(length)]
                return self._answering(made)
            case {"type": "integer"}:
                return self.chance.choice([schema.get("minimum", -450), 1, 2, 3, 1234567])
            case {"type": "boolean"}:
                return self.chance.random() < 0.5
            case {"type": "string"}:
                return self._text(schema, key)
        raise ValueError(f"no value for {schema}")

    def _answering(self, actions: list[Item]) -> list[Item]:
        """Some actions answer one before them."""
        for at, action in enumerate(actions[1:], 1):
            if action.get("in_reply_to"):
                action["in_reply_to"] = self.chance.choice(actions[:at])["id"]
        return actions

    def _text(self, schema: Schema, key: str) -> str:
        self._made += 1
        if key in {"id", "in_reply_to"} or key.endswith("_id"):
            return str(UUID(int=self.chance.getrandbits(128), version=4))
        if key in {"created_at", "updated_at", "sort_date"}:
            return (NOON + timedelta(microseconds=self.chance.choice([0, self._made]))).isoformat()
        if key.endswith("_url"):
            return self.chance.choice(PICTURES if self.whole else PICTURES + NO_PICTURES)
        text = self.chance.choice(("speak", "move", *self.texts) if key == "type" else self.texts)
        if "pattern" in schema:
            return "@" + text.replace("\n", " ")
        return text[: schema.get("maxLength", len(text))]


def sample(kind: str, seed: int = 0) -> Item:
    """An item of which nothing is missing."""
    return Maker(random.Random(seed), ORDINARY, whole=True).item(kind)


def corpus(texts: Sequence[str], each: int) -> Iterator[Item]:
    """So many items of every type."""
    for kind in EventType:
        maker = Maker(random.Random(kind.value), texts)
        yield from (maker.item(kind.value) for _ in range(each))


def numbered(number: int, kind: str = "agent_registered", **changes: Any) -> Item:
    """Item number such-and-such, so many seconds after noon, with this number in its name."""
    at = (NOON + timedelta(seconds=number)).isoformat()
    times = {key: at for key in ("created_at", "updated_at", "sort_date") if key in _keys(kind)}
    item = sample(kind, number) | {"id": str(UUID(int=number))} | times
    if kind == "agent_registered":
        agent = {"id": item["id"], "name": f"Agent {number}", "username": f"@agent{number}"}
        item["agent"] = agent
    return item | changes


def _keys(kind: str) -> set[str]:
    return set(_schema(kind)["properties"])


def put(db: psycopg.Connection[Any], *items: Item) -> None:
    """Writes items into the feed, each in the place of the one of its name."""
    for item in items:
        row = {"type": item["type"], "id": item["id"], "at": item["sort_date"]}
        links = {link: (item.get(link) or {}).get("id") for link in ("world", "agent", "dweller")}
        row |= links | {"story": item.get("story_id") or (item.get("story") or {}).get("id")}
        db.execute(
            """
            INSERT INTO platform_feed_events
                (event_type, created_at, payload, world_id, agent_id, dweller_id, story_id)
            VALUES (%(type)s, %(at)s, %(item)s, %(world)s, %(agent)s, %(dweller)s, %(story)s)
            ON CONFLICT (event_type, (payload ->> 'id')) DO UPDATE
            SET payload = excluded.payload, created_at = excluded.created_at
            """,
            row | {"item": Jsonb(item)},
        )
