"""`hosted` on real sockets: users join a room, send frames to each other, disconnect and return."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub.effects import Send
from tests.kit.hosted_client import AT_MS, CANONICAL, ROOM, User, connected, error_of, guest, host, room_of, users_of
from tests.kit.receiving import receive
from tests.kit.serving import Served, serve
from tests.kit.wire import Wire


def is_now(ms: Any) -> bool:
    return type(ms) is int and abs(ms - time.time() * 1000) < 60_000


def check_state(state: dict[str, Any], users: dict[str, str]) -> None:
    """Check every field of a RoomState. `users` are names by id: the first is the host, and all are connected."""
    hugo = next(iter(users))
    assert all(is_now(user["joinedAt"]) for user in state["users"])
    video = state["videoState"]
    assert state == {
        "id": ROOM,
        "name": "Films",
        "hostId": hugo,
        "users": [
            {"id": id_, "name": name, "isHost": id_ == hugo, "isConnected": True, "joinedAt": user["joinedAt"]}
            for (id_, name), user in zip(users.items(), state["users"], strict=True)
        ],
        "controlMode": "HOST_ONLY",
        "followMode": "AUTO_FOLLOW",
        "videoState": {
            "isPlaying": False,
            "currentTime": 0,
            "duration": 0,
            "playbackRate": 1,
            "url": "",
            "lastUpdated": video["lastUpdated"],
        },
        "hostVideoState": None,
        "hostCurrentUrl": None,
        "createdAt": state["createdAt"],
        "lastActivity": state["lastActivity"],
    }
    assert video["isPlaying"] is False
    assert all(is_now(ms) for ms in (video["lastUpdated"], state["createdAt"], state["lastActivity"]))
    assert state["createdAt"] <= state["lastActivity"]


async def test_users_create_a_room_join_it_connect_and_leave(served: Served) -> None:
    hugo, anna = await connected(served, "hugo"), await connected(served, "anna")
    created = await hugo.ask("CREATE_ROOM", userName="Hugo", roomName="Films")
    assert set(created) == {"type", "roomId", "userId", "timestamp", "roomState"}
    assert (created["type"], created["roomId"], created["userId"]) == ("ROOM_CREATED", ROOM, "hugo")
    assert is_now(created["timestamp"])
    check_state(created["roomState"], {"hugo": "Hugo"})

    joined = await anna.ask("JOIN_ROOM", userName="Anna")
    assert set(joined) == {"type", "roomId", "userId", "timestamp", "roomState"}
    assert (joined["type"], joined["roomId"], joined["userId"]) == ("ROOM_JOINED", ROOM, "anna")
    check_state(joined["roomState"], {"hugo": "Hugo", "anna": "Anna"})

    notice = await hugo.receive()
    assert set(notice) == {"type", "roomId", "userId", "timestamp", "joinedUser", "roomState"}
    assert (notice["type"], notice["roomId"], notice["userId"]) == ("USER_JOINED", ROOM, "system")
    check_state(notice["roomState"], {"hugo": "Hugo", "anna": "Anna"})
    assert notice["joinedUser"] == notice["roomState"]["users"][1]

    offer = hugo.frame("WEBRTC_OFFER", targetUserId="anna", offer={"type": "offer", "sdp": "v=0\r\n"})
    await hugo.peer.send(offer)
    assert await anna.receive() == offer
    answer = anna.frame("WEBRTC_ANSWER", targetUserId="hugo", answer={"type": "answer", "sdp": "v=0\r\n"})
    await anna.peer.send(answer)
    assert await hugo.receive() == answer

    await anna.send("LEAVE_ROOM")
    assert await anna.closed() == (1000, "User left room")
    notice = await hugo.receive()
    assert set(notice) == {"type", "roomId", "userId", "timestamp", "leftUserId", "roomState"}
    assert (notice["type"], notice["userId"], notice["leftUserId"]) == ("USER_LEFT", "system", "anna")
    check_state(notice["roomState"], {"hugo": "Hugo"})
    await hugo.hears_nothing()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("WEBRTC_OFFER", '"offer":{"type":"offer","sdp":"v=0\\r\\n"}'),
        ("WEBRTC_ANSWER", '"answer": {"sdp":"\\u0041", "n":1.50}'),
        ("WEBRTC_ICE_CANDIDATE", '"candidate":null , "unknown":[1e3,"x"],"from":"y","s":1'),
    ],
)
async def test_the_whole_message_reaches_its_target_byte_for_byte_and_nobody_else(
    served: Served, kind: str, said: str
) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    text = (
        f'{{ "type":"{kind}","roomId":"{ROOM}", "userId":"anna","timestamp":{AT_MS},"targetUserId":"otto",{said}}} \n'
    )
    await anna.peer.send(text)
    message = await receive(otto.peer.socket)
    assert message.data == text
    await anna.hears_nothing()
    await hugo.hears_nothing()
    (record,) = served.records("signal.relayed")
    assert (record["kind"], record["peer"], record["to"], record["room"]) == (kind, "anna", "otto", ROOM)


def test_joins_and_leaves_are_announced_in_the_right_order() -> None:
    wire, frame = Wire("hosted"), '{"type":"%s","roomId":"living-room","userId":"%s"}'
    for name in ("hugo", "anna"):
        wire.open(name, room=ROOM)
    wire.send("hugo", (frame % ("CREATE_ROOM", "hugo")).encode())
    for kind, receivers in (("JOIN_ROOM", [(2,), (1,)]), ("LEAVE_ROOM", [(1,), (2,)])):
        effects = wire.send("anna", (frame % (kind, "anna")).encode())
        assert [each.connections for each in effects if isinstance(each, Send)] == receivers
    assert wire.sent["anna"][-1] == [1000, "User left room"]


async def test_a_join_is_announced_before_the_joiners_offer(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    otto = await connected(served, "otto")
    await otto.send("JOIN_ROOM", userName="Otto")
    for other in (hugo, anna):
        await otto.send("WEBRTC_OFFER", targetUserId=other.user, offer={})
    for other in (hugo, anna):
        assert [(await other.receive())["type"] for _ in range(2)] == ["USER_JOINED", "WEBRTC_OFFER"]


async def test_a_join_without_a_name_takes_the_user_id(served: Served) -> None:
    hugo = await host(served)
    nameless = await connected(served, "user-42")
    joined = await nameless.ask("JOIN_ROOM")
    assert [user["name"] for user in joined["roomState"]["users"]] == ["Hugo", "user-42"]
    assert (await hugo.hears("USER_JOINED"))["joinedUser"]["name"] == "user-42"


async def test_a_ping_is_answered_before_joining_and_after(served: Served) -> None:
    user = await connected(served, "hugo")
    await ponged(user)
    assert (await user.ask("CREATE_ROOM", userName="Hugo"))["type"] == "ROOM_CREATED"
    await ponged(user)


async def ponged(user: User) -> None:
    pong = await user.peer.ask({"type": "PING", "timestamp": AT_MS})
    assert set(pong) == {"type", "timestamp"}
    assert pong["type"] == "PONG"
    assert is_now(pong["timestamp"])


async def test_the_path_the_query_and_the_original_path_are_one_room(served: Served) -> None:
    hugo = await host(served, path=f"/ws?roomId={ROOM}")
    anna = await guest(served, "anna", hugo, path=f"/ws/signaling/hosted?roomId={ROOM}")
    otto = await guest(served, "otto", hugo, anna, path=f"{CANONICAL}?roomId={ROOM}")
    assert users_of(await otto.ask("RENAME_USER", newUserName="O")) == {"hugo": True, "anna": True, "otto": True}


async def test_nothing_is_sent_to_other_rooms(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    path, room = "/ws/signaling/hosted/other-room", {"roomId": "other-room"}
    other = await connected(served, "hugo", path=path)
    assert list(users_of(await other.ask("CREATE_ROOM", userName="H", **room))) == ["hugo"]
    stranger = await connected(served, "eve", path=path)
    assert list(users_of(await stranger.ask("JOIN_ROOM", userName="Eve", **room))) == ["hugo", "eve"]
    assert error_of(await stranger.ask("WEBRTC_OFFER", targetUserId="anna", offer={}, **room)) == (
        "Target user not found"
    )
    await stranger.send("WEBRTC_OFFER", targetUserId="hugo", offer={}, **room)
    assert [(await other.receive())["type"] for _ in range(2)] == ["USER_JOINED", "WEBRTC_OFFER"]
    await stranger.send("LEAVE_ROOM", **room)
    await hugo.hears_nothing()
    await anna.hears_nothing()


@pytest.mark.parametrize("code", [1000, 1001, 4999])
async def test_a_user_that_disconnects_is_away_without_an_announcement(served: Served, code: int) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await anna.peer.socket.close(code=code)
    await hugo.hears_nothing()
    joined = await (await connected(served, "otto")).ask("JOIN_ROOM", userName="Otto")
    assert users_of(joined) == {"hugo": True, "anna": False, "otto": True}
    assert users_of(await hugo.hears("USER_JOINED"))["anna"] is False


async def test_a_return_is_announced_as_a_join_and_keeps_the_order(served: Served) -> None:
    hugo, anna, otto = await room_of(served, "hugo", "anna", "otto")
    await anna.goes()
    again = await connected(served, "anna")
    joined = await again.ask("JOIN_ROOM", userName="Anna")
    assert users_of(joined) == {"hugo": True, "anna": True, "otto": True}
    for other in (hugo, otto):
        notice = await other.hears("USER_JOINED")
        assert notice["joinedUser"] == joined["roomState"]["users"][1]
        assert notice["roomState"]["users"] == joined["roomState"]["users"]
    await otto.send("WEBRTC_OFFER", targetUserId="anna", offer={})
    await again.hears("WEBRTC_OFFER")


async def test_a_guest_that_is_away_can_return_with_a_create_frame(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await anna.goes()
    again = await connected(served, "anna")
    created = await again.ask("CREATE_ROOM", userName="Anna", roomName="Another name")
    assert (created["type"], created["userId"]) == ("ROOM_CREATED", "anna")
    check_state(created["roomState"], {"hugo": "Hugo", "anna": "Anna"})
    assert (await hugo.hears("USER_JOINED"))["joinedUser"]["id"] == "anna"


async def test_a_user_that_does_not_return_is_announced_once_as_left(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, grace_s=0.2)
    hugo, anna = await room_of(served, "hugo", "anna")
    anna.peer.socket._writer.transport.abort()  # type: ignore[union-attr]
    notice = await hugo.receive()
    assert set(notice) == {"type", "roomId", "userId", "timestamp", "leftUserId", "roomState"}
    assert (notice["type"], notice["userId"], notice["leftUserId"]) == ("USER_DISCONNECTED", "system", "anna")
    assert users_of(notice) == {"hugo": True}
    await hugo.hears_nothing()
    await guest(served, "anna", hugo)
