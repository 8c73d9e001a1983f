"""Pictures and videos: who may set their addresses, and where they show."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.settings import Settings
from db.models import World
from tests.support.agents import Agent, register
from tests.support.answers import ok, refused, unprocessable
from tests.support.bodies import Json
from tests.support.dwellers import act, claim, create, detail, found_world
from tests.support.feed import feed, of_type, the_only
from tests.support.tables import nothing_written

NOBODY = str(UUID(int=0))
ADMIN_KEY = "the-generator's"
PICTURE = "https://pictures.example/a%20b.png?size=large#top"

ADDRESSES = {
    "world": ["cover_image_url"],
    "story": ["cover_image_url", "video_url", "thumbnail_url"],
    "dweller": ["portrait_url"],
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admin_api_key": SecretStr(ADMIN_KEY)})


@dataclass
class Gallery:
    """A world, a story and a dweller of Alice, by kind."""

    alice: Agent
    bob: Agent
    ids: dict[str, str]

    def path(self, kind: str) -> str:
        return f"/media/{kind}/{self.ids[kind]}"


@pytest.fixture
async def gallery(client: httpx2.AsyncClient) -> Gallery:
    alice, bob = await register(client, "Alice", "Bob")
    world = await found_world(alice)
    story = await alice.tell(world)
    dweller = (await create(alice, world))["id"]
    return Gallery(alice, bob, {"world": world, "story": story, "dweller": dweller})


async def as_admin(client: httpx2.AsyncClient, path: str, body: Json) -> httpx2.Response:
    headers = {"X-API-Key": ADMIN_KEY}
    return await client.patch(f"/api{path}", json=body, headers=headers)


async def test_cover_of_a_world(client: httpx2.AsyncClient, gallery: Gallery) -> None:
    before = await feed(client)
    world = gallery.ids["world"]
    answer = ok(await gallery.alice.patch(gallery.path("world"), {"cover_image_url": PICTURE}))
    assert answer == {"id": world, "media": {"cover_image_url": PICTURE}}
    assert ok(await client.get(f"/api/worlds/{world}"))["world"]["cover_image_url"] == PICTURE
    the_only(before, "world_created")["world"]["cover_image_url"] = PICTURE
    assert await feed(client) == before


async def test_pictures_of_a_story(client: httpx2.AsyncClient, gallery: Gallery) -> None:
    """What is not sent stays."""
    before = await feed(client)
    path, story = gallery.path("story"), gallery.ids["story"]
    media: dict[str, str | None] = dict.fromkeys(ADDRESSES["story"])
    for name in ADDRESSES["story"]:
        media[name] = f"http://pictures.example/{name}"
        answer = ok(await gallery.alice.patch(path, {name: media[name]}))
        assert answer == {"id": story, "media": media}
    assert ok(await client.get(f"/api/stories/{story}"))["story"].items() >= media.items()
    the_only(before, "story_created")["story"] |= media
    assert await feed(client) == before


async def test_portrait_of_a_dweller(client: httpx2.AsyncClient, gallery: Gallery) -> None:
    before = await feed(client)
    dweller = gallery.ids["dweller"]
    answer = ok(await gallery.alice.patch(gallery.path("dweller"), {"portrait_url": PICTURE}))
    assert answer == {"id": dweller, "media": {"portrait_url": PICTURE}}
    assert (await detail(gallery.bob, dweller))["portrait_url"] == PICTURE
    the_only(before, "dweller_created")["dweller"]["portrait_url"] = PICTURE
    assert await feed(client) == before


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_null_takes_a_picture_away(
    client: httpx2.AsyncClient, gallery: Gallery, kind: str
) -> None:
    before = await feed(client)
    path, names = gallery.path(kind), ADDRESSES[kind]
    ok(await gallery.alice.patch(path, dict.fromkeys(names, PICTURE)))
    assert await feed(client) != before
    answer = ok(await gallery.alice.patch(path, dict.fromkeys(names)))
    assert answer["media"] == dict.fromkeys(names)
    assert await feed(client) == before


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_the_admin_key_stands_for_any_owner(
    client: httpx2.AsyncClient, gallery: Gallery, kind: str
) -> None:
    [name, *_] = ADDRESSES[kind]
    answer = ok(await as_admin(client, gallery.path(kind), {name: PICTURE}))
    assert answer["media"][name] == PICTURE
    bearer = {"Authorization": f"Bearer {ADMIN_KEY}"}
    path = f"/api{gallery.path(kind)}"
    answer = ok(await client.patch(path, json={name: None}, headers=bearer))
    assert answer["media"][name] is None


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_another_agent_may_not(gallery: Gallery, db: AsyncSession, kind: str) -> None:
    body = dict.fromkeys(ADDRESSES[kind], PICTURE)
    async with nothing_written(db):
        response = await gallery.bob.patch(gallery.path(kind), body)
        refused(response, 403, owner_id=gallery.alice.id, your_id=gallery.bob.id)


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_without_a_key(
    client: httpx2.AsyncClient, gallery: Gallery, db: AsyncSession, kind: str
) -> None:
    path, body = f"/api{gallery.path(kind)}", dict.fromkeys(ADDRESSES[kind], PICTURE)
    async with nothing_written(db):
        refused(await client.patch(path, json=body), 401)
        for key in ADMIN_KEY[:-1], ADMIN_KEY + "x", ADMIN_KEY.upper():
            response = await client.patch(path, json=body, headers={"X-API-Key": key})
            refused(response, 401, key_prefix=key[:12])


async def test_the_admin_key_opens_nothing_else(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/auth/me", headers={"X-API-Key": ADMIN_KEY})
    refused(response, 401, key_prefix=ADMIN_KEY[:12])


class TestWithoutAnAdminKey:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"admin_api_key": None})

    async def test_nobody_stands_for_the_owner(
        self, client: httpx2.AsyncClient, gallery: Gallery, db: AsyncSession
    ) -> None:
        async with nothing_written(db):
            for key in ADMIN_KEY, "None":
                response = await client.patch(
                    f"/api{gallery.path('world')}",
                    json={"cover_image_url": PICTURE},
                    headers={"X-API-Key": key},
                )
                refused(response, 401, key_prefix=key[:12])


# ── bad input ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pictures.example/a.png",
        "//pictures.example/a.png",
        "/a.png",
        "ftp://pictures.example/a.png",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "https:pictures.example",
        "https:\\\\pictures.example",
        "https://",
        "https://pictures.example/a b.png",
        "https://pictures.example/a.png\n",
        " https://pictures.example/a.png",
        "https://pictures.example/" + "x" * 2024,
        1,
        ["https://pictures.example/a.png"],
    ],
)
async def test_what_is_no_address(gallery: Gallery, db: AsyncSession, url: object) -> None:
    async with nothing_written(db):
        for kind, names in ADDRESSES.items():
            for name in names:
                response = await gallery.alice.patch(gallery.path(kind), {name: url})
                assert unprocessable(response) == [f"body -> {name}"]


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example",
        "HTTPS://Pictures.Example:8443/A.png",
        "https://[::1]/a.png",
        "https://bücher.example/ü.png",
        "https://pictures.example/" + "x" * 2023,
    ],
)
async def test_an_address_is_kept_as_it_is_written(
    client: httpx2.AsyncClient, gallery: Gallery, url: str
) -> None:
    ok(await gallery.alice.patch(gallery.path("world"), {"cover_image_url": url}))
    item = the_only(await feed(client), "world_created")
    assert item["world"]["cover_image_url"] == url


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_something_has_to_change(gallery: Gallery, db: AsyncSession, kind: str) -> None:
    async with nothing_written(db):
        for body in ({}, {"icon_url": PICTURE}):
            refused(await gallery.alice.patch(gallery.path(kind), body), 400)


@pytest.mark.parametrize("kind", ADDRESSES)
async def test_what_does_not_exist(client: httpx2.AsyncClient, gallery: Gallery, kind: str) -> None:
    body = dict.fromkeys(ADDRESSES[kind], PICTURE)
    refused(await gallery.alice.patch(f"/media/{kind}/{NOBODY}", body), 404)
    refused(await as_admin(client, f"/media/{kind}/{NOBODY}", body), 404)
    response = await gallery.alice.patch(f"/media/{kind}/x", body)
    assert unprocessable(response) == [f"path -> {kind}_id"]


async def test_a_world_that_left_the_feed_stays_away(
    client: httpx2.AsyncClient, gallery: Gallery, db: AsyncSession
) -> None:
    world = gallery.ids["world"]
    await db.execute(update(World).where(World.id == UUID(world)).values(is_active=False))
    await db.commit()
    ok(await gallery.alice.patch(gallery.path("world"), {"cover_image_url": PICTURE}))
    assert not of_type(await feed(client), "world_created")


async def test_what_a_dweller_did_shows_its_portrait(
    client: httpx2.AsyncClient, gallery: Gallery
) -> None:
    dweller = gallery.ids["dweller"]
    await claim(gallery.alice, dweller)
    await act(gallery.alice, dweller)
    before = the_only(await feed(client), "dweller_action")
    ok(await gallery.alice.patch(gallery.path("dweller"), {"portrait_url": PICTURE}))
    after = the_only(await feed(client), "dweller_action")
    assert after == before | {"dweller": before["dweller"] | {"portrait_url": PICTURE}}


async def test_at_the_same_time(client: httpx2.AsyncClient, gallery: Gallery) -> None:
    """Different addresses of one story, and its counts, do not get in each other's way."""
    path, story = gallery.path("story"), gallery.ids["story"]
    names = ADDRESSES["story"]
    writes = [gallery.alice.patch(path, {name: f"https://{name}.example/"}) for name in names]
    reaction = {"reaction_type": "heart"}
    writes.append(gallery.bob.post(f"/stories/{story}/react", reaction))
    for answer in await asyncio.gather(*writes):
        ok(answer)
    card = the_only(await feed(client), "story_created")["story"]
    assert card["reaction_count"] == 1
    assert [card[name] for name in names] == [f"https://{name}.example/" for name in names]
