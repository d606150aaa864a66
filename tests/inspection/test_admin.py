"""`connect()` in a script and in a running event loop, and the panel of a running sidecar."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from signaling_sidecar.drawing.errors import AmbiguousRoom, UnknownRoom
from signaling_sidecar.errors import NotRunning
from signaling_sidecar.inspection import Admin, connect
from signaling_sidecar.inspection.errors import AdminRefused
from tests.kit.programs import until
from tests.kit.sidecar_command import Serving, serving


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as sidecar:
        yield sidecar


@pytest.fixture
def admin(sidecar: Serving, tmp_path: Path) -> Iterator[Admin]:
    admin = connect(tmp_path)
    yield admin
    admin.close()


ROOM = "living-room"


async def page(session: aiohttp.ClientSession, admin: Admin, peer: str) -> aiohttp.ClientWebSocketResponse:
    socket = await session.ws_connect(f"{admin.url}/ws/signaling")
    await socket.send_json({"type": "join", "roomId": ROOM, "peerId": peer, "name": peer.title()})
    assert (await socket.receive_json())["type"] == "peer_list"
    return socket


async def test_rooms_and_peers_are_returned_as_tables(admin: Admin) -> None:
    assert (len(admin.rooms()), len(admin.peers())) == (0, 0)
    async with aiohttp.ClientSession() as session:
        pages = [await page(session, admin, name) for name in ("ann", "ben")]
        rooms, peers = admin.rooms(), admin.peers(ROOM)
        assert not any(each.closed for each in pages)
    assert rooms[["dialect", "room", "peers", "away", "listed"]].to_numpy().tolist() == [["rooms", ROOM, 2, 0, True]]
    assert peers[["peer", "name", "away"]].to_numpy().tolist() == [["ann", "Ann", False], ["ben", "Ben", False]]
    assert peers.dtypes.astype(str).equals(admin.peers("nowhere").dtypes.astype(str))


async def test_the_log_stays_current(admin: Admin) -> None:
    before = admin.log
    assert admin.log is before
    async with aiohttp.ClientSession() as session:
        await page(session, admin, "ann")
        assert admin.log.sessions["peer"].tolist() == ["ann"]


async def test_a_peer_can_be_removed_and_a_room_closed(admin: Admin) -> None:
    async with aiohttp.ClientSession() as session:
        ann, ben = await page(session, admin, "ann"), await page(session, admin, "ben")
        assert (await ann.receive_json())["type"] == "peer_joined"
        admin.say(ROOM, "closing time")
        assert await ann.receive_json() == {"type": "notice", "text": "closing time"}
        admin.set_rules(ROOM, capacity=2)
        assert admin.rooms()["capacity"].tolist() == [2]
        admin.kick(ROOM, "ben")
        assert (await ann.receive_json())["reason"] == "kicked"
        admin.close_room(ROOM)
        assert (await ann.receive()).data == 4003
        await ben.close()
    assert len(admin.rooms()) == 0


async def test_a_refused_request_is_an_error_with_a_reason(admin: Admin) -> None:
    with pytest.raises(UnknownRoom):
        admin.kick("nowhere", "ann")
    async with aiohttp.ClientSession() as session:
        ann = await page(session, admin, "ann")
        socket = await session.ws_connect(f"{admin.url}/ws/signaling/hosted/{ROOM}")
        await socket.send_json({"type": "CREATE_ROOM", "roomId": ROOM, "userId": "u", "userName": "U", "timestamp": 0})
        await socket.receive_json()
        with pytest.raises(AmbiguousRoom, match="dialect='hosted'"):
            admin.close_room(ROOM)
        with pytest.raises(AdminRefused, match="no-such-peer"):
            admin.kick(ROOM, "nobody", "rooms")
        admin.close_room(ROOM, "hosted")
        assert not ann.closed


def test_a_restarted_sidecar_is_found_again(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        admin = connect(tmp_path)
        before = admin.url
        first.stop()
    with pytest.raises(NotRunning):
        admin.rooms()
    with serving(tmp_path):
        assert len(admin.rooms()) == 0
        assert admin.url != before


def test_connecting_by_url_requires_the_token(sidecar: Serving, tmp_path: Path) -> None:
    token = connect(tmp_path)._token
    admin = connect(url=sidecar.ready["url"], token=token)
    assert len(admin.rooms()) == 0
    with pytest.raises(AdminRefused, match="no-log"):
        _ = admin.log
    with pytest.raises(AdminRefused, match="401"):
        connect(url=sidecar.ready["url"], token="guess")


def test_a_sidecar_that_is_not_running_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no sidecar is running"):
        connect(tmp_path)


# --- the panel ---


async def test_the_panel_shows_current_rooms_and_its_button_removes_a_peer(admin: Admin) -> None:
    dashboard = admin.dashboard()
    assert dashboard.is_live
    async with aiohttp.ClientSession() as session:
        ann, ben = await page(session, admin, "ann"), await page(session, admin, "ben")
        await until(lambda: len(dashboard._peer.options) == 2, "both are shown")
        assert dashboard._room.options == ((f"{ROOM} · rooms · 2 peers", ("rooms", ROOM)),)
        assert "Ann and Ben" in dashboard._pairs.value
        assert "<svg" in dashboard._ladder.html
        dashboard._peer.value = "ben"
        dashboard._kick.click()
        assert [(await ann.receive_json())["type"] for _ in range(2)] == ["peer_joined", "peer_left"]
        assert [value for _, value in dashboard._peer.options] == ["ann"]
        assert (await ben.receive()).data == 4003


async def test_the_panel_has_only_the_pairs_of_the_selected_dialect(admin: Admin) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        pages = [await page(session, admin, name) for name in ("ann", "ben")]
        host = await session.ws_connect(f"{admin.url}/ws/signaling/hosted/{ROOM}")
        frame = {"roomId": ROOM, "userId": "hugo", "userName": "Hugo", "timestamp": 1}
        await host.send_json({"type": "CREATE_ROOM", "roomName": "Films", **frame})
        await until(lambda: len(dashboard._room.options) == 2, "both rooms are shown")
        dashboard._room.value = ("hosted", ROOM)
        assert "ann" not in dashboard._pairs.value.lower()
        dashboard._room.value = ("rooms", ROOM)
        assert "Ann and Ben" in dashboard._pairs.value
        assert not any(each.closed for each in pages)


async def test_running_the_cell_again_leaves_only_one_task(admin: Admin) -> None:
    dashboards = [admin.dashboard() for _ in range(3)]
    await asyncio.sleep(0)
    assert [dashboard.is_live for dashboard in dashboards] == [False, False, True]
    assert sum(task.get_name() == "signaling-dashboard" for task in asyncio.all_tasks()) == 1
    admin.close()
    await asyncio.sleep(0)
    assert not dashboards[-1].is_live


def test_in_a_plain_script_the_panel_shows_the_current_state(admin: Admin) -> None:
    dashboard = admin.dashboard()
    assert not dashboard.is_live
    assert dashboard._status.value == "there are no rooms"


async def test_the_panel_reports_a_stopped_sidecar_and_finds_it_again(admin: Admin, sidecar: Serving) -> None:
    dashboard = admin.dashboard()
    await asyncio.to_thread(sidecar.stop)
    await until(lambda: "no sidecar is running" in dashboard._status.value, "it is said")
    assert dashboard.is_live
