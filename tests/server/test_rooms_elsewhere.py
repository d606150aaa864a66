"""The HTTP routes show and change the rooms of the hub that `rooms` returns, which may belong to another sidecar."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pytest_aiohttp import AiohttpClient

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import OfAdmin
from signaling_sidecar.server.rooms_access import RoomsAccess, RoomsUnavailable
from tests.kit.serving import Served, serve

KICK = "/admin/v1/rooms/rooms/bar/kick"
UNAVAILABLE = {"code": "rooms-unavailable", "message": "the other sidecar does not answer"}


class Elsewhere:
    """Access to the rooms of another sidecar, which answers after a moment, or is not reachable."""

    def __init__(self, rooms: RoomsAccess) -> None:
        self.is_reachable = True
        self._rooms = rooms

    async def hub(self) -> Hub:
        await self._reach()
        return await self._rooms.hub()

    async def administer(self, command: OfAdmin) -> Refusal | None:
        await self._reach()
        return await self._rooms.administer(command)

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if not self.is_reachable:
            raise RoomsUnavailable("the other sidecar does not answer")


class Two(NamedTuple):
    owner: Served
    """The sidecar that has the hub."""
    other: Served
    """A sidecar whose routes use `elsewhere`, so that its own hub has no rooms."""
    elsewhere: Elsewhere
    """The access of `other` to the rooms of `owner`."""


@pytest.fixture
async def two(aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    owner = await serve(aiohttp_client, tmp_path / "owner", peerjs_discovery=True)
    other = await serve(aiohttp_client, tmp_path / "other", peerjs_discovery=True)
    elsewhere = Elsewhere(owner.sidecar.rooms)
    monkeypatch.setattr(other.sidecar.rooms, "hub", elsewhere.hub)
    monkeypatch.setattr(other.sidecar.rooms, "administer", elsewhere.administer)
    yield Two(owner, other, elsewhere)
    await owner.stop()


def admin(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.sidecar.admin_token}"}


async def ask(served: Served, path: str, method: str = "GET", **options: Any) -> str:
    async with served.client.request(method, path, headers=admin(served), **options) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        return text.replace(served.sidecar.boot, "the boot")


async def join_as_usual(served: Served) -> None:
    for peer in ("ann", "ben"):
        await (await served.connect()).join(peer, "bar")
    await served.connect("/peerjs?key=peerjs&id=cleo&token=t")
    await served.settled()


@pytest.mark.parametrize("path", ["/admin/v1/rooms", "/ws/signaling/rooms", "/peerjs/peers"])
async def test_a_route_shows_the_rooms_that_are_elsewhere(two: Two, path: str) -> None:
    before = await ask(two.owner, path)
    await join_as_usual(two.owner)
    assert before != await ask(two.owner, path) == await ask(two.other, path)


async def test_the_inspector_shows_the_rooms_that_are_elsewhere(two: Two) -> None:
    await join_as_usual(two.owner)
    async with two.other.client.get("/admin/v1/inspector/changes", headers=admin(two.other)) as stream:
        rooms = json.loads(await stream.content.readline())["rooms"]
    assert [room["room"] for room in rooms] == ["bar", "peerjs"]
    bar = json.loads(await ask(two.other, "/admin/v1/inspector/rooms/rooms/bar"))
    assert "ann" in json.dumps(bar)


async def test_the_status_page_tells_the_networks_of_the_peers_that_are_connected_to_this_sidecar(two: Two) -> None:
    await join_as_usual(two.owner)

    async def networks(served: Served) -> list[str]:
        findings = json.loads(await ask(served, "/ws/signaling/status?brief"))["findings"]
        return [finding["sentence"] for finding in findings]

    assert await networks(two.owner) == ["peers in rooms now: 3 from this machine"]
    assert await networks(two.other) == []


async def test_the_admin_can_remove_a_peer_from_a_room_that_is_elsewhere(two: Two) -> None:
    ann = await two.owner.connect()
    await ann.join("ann", "bar")
    await ask(two.other, KICK, "POST", json={"peer": "ann"})
    assert (await ann.closed())[0] == 4003
    async with two.other.client.post(KICK, headers=admin(two.other), json={"peer": "ann"}) as again:
        assert again.status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/v1/rooms"),
        ("GET", "/admin/v1/inspector/rooms/rooms/bar"),
        ("POST", KICK),
        ("GET", "/ws/signaling/rooms"),
        ("GET", "/ws/signaling/people"),
    ],
)
async def test_while_the_rooms_cannot_be_reached_a_route_says_so(two: Two, method: str, path: str) -> None:
    two.elsewhere.is_reachable = False
    body = {"json": {"peer": "ann"}} if method == "POST" else {}
    async with two.other.client.request(method, path, headers=admin(two.other), **body) as answer:
        assert (answer.status, await answer.json()) == (503, UNAVAILABLE)


async def test_a_route_that_reads_no_rooms_does_not_wait_for_them(two: Two) -> None:
    two.elsewhere.is_reachable = False
    assert len(await ask(two.other, "/peerjs/id")) == len("00000000-0000-0000-0000-000000000000")


async def test_while_the_rooms_cannot_be_reached_the_inspector_shows_them_as_they_were(two: Two) -> None:
    await join_as_usual(two.owner)
    async with two.other.client.get("/admin/v1/inspector/changes", headers=admin(two.other)) as stream:
        before = json.loads(await stream.content.readline())
        two.elsewhere.is_reachable = False
        meanwhile = json.loads(await stream.content.readline())
        two.elsewhere.is_reachable = True
        after = json.loads(await stream.content.readline())
    assert {"code": meanwhile.pop("problemCode"), "message": meanwhile.pop("problem")} == UNAVAILABLE
    assert before == meanwhile == after


async def test_while_the_rooms_cannot_be_reached_the_status_page_says_so(two: Two) -> None:
    two.elsewhere.is_reachable = False
    (finding,) = json.loads(await ask(two.other, "/ws/signaling/status?brief"))["findings"]
    assert (finding["code"], finding["sentence"]) == tuple(UNAVAILABLE.values())
