"""The host of a `hosted` room: which user becomes the host, what only the host may do, and when the room ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.admin.openapi import PREFIX
from signaling_sidecar.settings import Settings
from tests.kit.hosted_client import ROOM, User, connected, error_of, guest, host, room_of, users_of
from tests.kit.receiving import receive
from tests.kit.serving import Served, serve
from tests.kit.wire import Wire


def host_of(frame: dict[str, Any]) -> str:
    """Return the id of the host in a RoomState, and check that there is only one."""
    state = frame["roomState"]
    assert [user["id"] for user in state["users"] if user["isHost"]] == [state["hostId"]]
    found: str = state["hostId"]
    return found


async def is_told_of_no_room(served: Served, user: str = "late") -> None:
    late = await connected(served, user)
    assert error_of(await late.ask("JOIN_ROOM", userName="Late")) == "Room not found"
    assert (await late.closed())[0] == 4004


async def test_when_the_host_leaves_the_earliest_guest_becomes_host_before_the_notice(served: Served) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await hugo.send("LEAVE_ROOM")
    assert await hugo.closed() == (1000, "User left room")
    for other in (anna, otto):
        notice = await other.hears("USER_LEFT")
        assert (notice["leftUserId"], notice["newHostId"], host_of(notice)) == ("hugo", "anna", "anna")
        assert users_of(notice) == {"anna": True, "otto": True}
        await other.hears_nothing()
    assert (await anna.ask("RENAME_ROOM", newRoomName="Anna's"))["type"] == "ROOM_RENAMED"


async def test_the_host_stays_when_a_guest_leaves(served: Served) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await anna.send("LEAVE_ROOM")
    for other in (hugo, otto):
        notice = await other.hears("USER_LEFT")
        assert "newHostId" not in notice
        assert host_of(notice) == "hugo"


async def test_a_connected_guest_becomes_host_rather_than_an_earlier_one_that_is_away(served: Served) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await anna.goes()
    await hugo.send("LEAVE_ROOM")
    notice = await otto.hears("USER_LEFT")
    assert (notice["newHostId"], host_of(notice)) == ("otto", "otto")
    assert users_of(notice) == {"anna": False, "otto": True}
    again = await guest(served, "anna", otto)
    assert host_of(await again.ask("RENAME_USER", newUserName="A")) == "otto"


async def test_a_guest_that_returned_is_still_the_earliest(served: Served) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await anna.goes()
    again = await guest(served, "anna", hugo, otto)
    await hugo.send("LEAVE_ROOM")
    for other in (again, otto):
        assert (await other.hears("USER_LEFT"))["newHostId"] == "anna"


async def test_when_nobody_is_connected_the_earliest_guest_becomes_host(served: Served) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await anna.goes()
    await otto.goes()
    await hugo.send("LEAVE_ROOM")
    await hugo.closed()
    otto = await connected(served, "otto")
    joined = await otto.ask("JOIN_ROOM", userName="Otto")
    assert host_of(joined) == "anna"
    assert users_of(joined) == {"anna": False, "otto": True}


async def test_a_host_that_lost_its_connection_stays_host_during_its_grace(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await hugo.goes()
    otto = await guest(served, "otto", anna)
    assert host_of(await otto.ask("RENAME_USER", newUserName="O")) == "hugo"
    await anna.hears("USER_RENAMED")
    again = await guest(served, "hugo", anna, otto)
    assert (await again.ask("RENAME_ROOM", newRoomName="Back"))["type"] == "ROOM_RENAMED"


async def test_a_host_that_does_not_return_is_replaced(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, grace_s=0.2)
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await hugo.goes()
    for other in (anna, otto):
        notice = await other.hears("USER_DISCONNECTED")
        assert (notice["userId"], notice["leftUserId"], notice["newHostId"]) == ("system", "hugo", "anna")
        assert host_of(notice) == "anna"
        assert users_of(notice) == {"anna": True, "otto": True}
        await other.hears_nothing()


@pytest.mark.parametrize(("kind", "answer"), [("CREATE_ROOM", "ROOM_CREATED"), ("JOIN_ROOM", "ROOM_JOINED")])
@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_a_host_that_is_alone_can_return_to_its_room(
    served: Served, kind: str, answer: str, code: int | None
) -> None:
    hugo = await host(served)
    before = await hugo.ask("CONTROL_MODE_CHANGE", mode="FREE_FOR_ALL")
    if code is None:
        hugo.peer.socket._writer.transport.abort()  # type: ignore[union-attr]
    else:
        await hugo.peer.socket.close(code=code)
    again = await connected(served, "hugo")
    back = await again.ask(kind, userName="Hugo", roomName="A new name")
    assert (back["type"], back["userId"]) == (answer, "hugo")
    changed = {"lastActivity": back["roomState"]["lastActivity"]}
    assert back["roomState"] == before["roomState"] | changed
    await guest(served, "anna", again)


async def test_a_room_ends_when_a_host_that_is_alone_does_not_return(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, grace_s=0.1)
    hugo = await host(served)
    await hugo.goes()
    while not served.records("room.ended"):
        await served.settled()
    await is_told_of_no_room(served, "hugo")


async def test_the_last_leave_ends_the_room_at_once(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    for user in (hugo, anna):
        await user.send("LEAVE_ROOM")
    await anna.hears("USER_LEFT")
    assert await anna.closed() == (1000, "User left room")
    await is_told_of_no_room(served)
    await host(served, "otto")


async def test_a_close_after_a_leave_is_not_announced_again(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await anna.send("LEAVE_ROOM")
    await anna.closed()
    await anna.goes()
    await hugo.hears("USER_LEFT")
    await hugo.hears_nothing()
    assert [record["peer"] for record in served.records("peer.left")] == ["anna"]


async def test_an_idle_room_is_closed(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, hosted_idle_s=0.3)
    hugo = await host(served)
    await receive(hugo.peer.socket)  # whatever it is told
    assert served.records("room.ended")
    await is_told_of_no_room(served)
    await host(served, "otto")


async def test_the_members_of_a_room_that_the_admin_closes_are_told_so(served: Served) -> None:
    hugo = await host(served)
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.post(f"{PREFIX}/rooms/hosted/{ROOM}/close", json={}, headers=headers) as answer:
        assert answer.status == 200
    assert (await hugo.receive())["details"] == "the sidecar's admin has closed the room"
    assert (await hugo.closed())[0] == 4004


@pytest.mark.parametrize("kind", ["PING", "RENAME_USER", "WEBRTC_OFFER", "DANCE"])
def test_any_frame_of_a_member_keeps_the_room_open(kind: str) -> None:
    wire = Wire("hosted", Settings(hosted_idle_s=10))
    wire.open("hugo", room=ROOM)
    for said in ("CREATE_ROOM", kind, kind):
        frame = {"type": said, "roomId": ROOM, "userId": "hugo", "newUserName": "H", "targetUserId": "nobody"}
        wire.send("hugo", json.dumps(frame).encode())
        wire.pass_time(9)
    assert not [record for record in wire.records if record.type == "room.ended"]
    wire.pass_time(1)
    assert wire.sent["hugo"][-1][0] == 4004


async def test_both_control_modes_work(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    for mode in ("FREE_FOR_ALL", "HOST_ONLY", "HOST_ONLY"):
        await hugo.send("CONTROL_MODE_CHANGE", mode=mode)
        for user in (hugo, anna):
            changed = await user.receive()
            assert set(changed) == {"type", "roomId", "userId", "timestamp", "controlMode", "roomState"}
            assert (changed["type"], changed["roomId"]) == ("CONTROL_MODE_CHANGED", ROOM)
            assert (changed["userId"], changed["controlMode"]) == ("hugo", mode)
            assert changed["roomState"]["controlMode"] == mode
    joined = await (await connected(served, "otto")).ask("JOIN_ROOM", userName="Otto")
    assert joined["roomState"]["controlMode"] == "HOST_ONLY"


@pytest.mark.parametrize("name", ["F", "n" * 30, "é" * 30])
async def test_the_host_renames_the_room(served: Served, name: str) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await hugo.send("RENAME_ROOM", newRoomName=name)
    for user in (hugo, anna):
        renamed = await user.receive()
        assert set(renamed) == {"type", "roomId", "userId", "timestamp", "newRoomName", "roomState"}
        assert (renamed["type"], renamed["userId"], renamed["newRoomName"]) == ("ROOM_RENAMED", "hugo", name)
        assert renamed["roomState"]["name"] == name
        await user.hears_nothing()


@pytest.mark.parametrize("name", ["A", "n" * 20, "é" * 20])
async def test_each_peer_can_change_its_own_name(served: Served, name: str) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await anna.send("RENAME_USER", newUserName=name)
    for user in (hugo, anna):
        renamed = await user.receive()
        assert set(renamed) == {"type", "roomId", "userId", "timestamp", "newUserName", "roomState"}
        assert (renamed["type"], renamed["userId"], renamed["newUserName"]) == ("USER_RENAMED", "anna", name)
        assert [each["name"] for each in renamed["roomState"]["users"]] == ["Hugo", name]
        await user.hears_nothing()


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("RENAME_ROOM", {"newRoomName": "Mine"}, "Only host can rename room"),
        ("RENAME_USER", {"newUserName": "Boss", "userId": "hugo"}, "Can only rename yourself"),
        ("CONTROL_MODE_CHANGE", {"mode": "FREE_FOR_ALL"}, "Message processing failed"),
    ],
)
async def test_a_guest_can_change_only_its_own_name(
    served: Served, kind: str, fields: dict[str, Any], error: str
) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await refuses(anna, hugo, kind, fields, error)
    assert (await hugo.ask("RENAME_USER", newUserName="H"))["roomState"]["name"] == "Films"


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("RENAME_ROOM", {"newRoomName": ""}, "Invalid room name"),
        ("RENAME_ROOM", {"newRoomName": "n" * 31}, "Invalid room name"),
        ("RENAME_ROOM", {"newRoomName": 5}, "Invalid room name"),
        ("RENAME_ROOM", {}, "Invalid room name"),
        ("RENAME_USER", {"newUserName": ""}, "Invalid user name"),
        ("RENAME_USER", {"newUserName": "n" * 21}, "Invalid user name"),
        ("RENAME_USER", {"newUserName": None}, "Invalid user name"),
        ("RENAME_USER", {}, "Invalid user name"),
        ("CONTROL_MODE_CHANGE", {"mode": "ANARCHY"}, "Message processing failed"),
        ("CONTROL_MODE_CHANGE", {"mode": ["HOST_ONLY"]}, "Message processing failed"),
        ("CONTROL_MODE_CHANGE", {}, "Message processing failed"),
    ],
)
async def test_invalid_changes_by_a_host_are_refused(
    served: Served, kind: str, fields: dict[str, Any], error: str
) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await refuses(hugo, anna, kind, fields, error)


async def refuses(sender: User, witness: User, kind: str, fields: dict[str, Any], error: str) -> None:
    assert error_of(await sender.ask(kind, **fields)) == error
    await witness.hears_nothing()
    await sender.hears_nothing()
