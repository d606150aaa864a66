"""Refused frames in `hosted`: the texts and codes of the errors, when the connection is closed, and when no error is
sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.hosted_client import CANONICAL, ROOM, User, connected, error_of, guest, host, room_of
from tests.kit.serving import Served, serve

FAILED, NO_TARGET = "Message processing failed", "Target user not found"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
FORMAT, MISSING = "Invalid roomId format", "Missing roomId parameter"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/ws/signaling/hosted", MISSING),
        ("/ws/signaling/hosted?room=living-room", MISSING),
        ("/ws/signaling/hosted/short", FORMAT),
        (f"/ws/signaling/hosted/{'r' * 51}", FORMAT),
        ("/ws/signaling/hosted/living.room", FORMAT),
        ("/ws/signaling/hosted/living%20room", FORMAT),
        ("/ws/signaling/hosted/living-room%0A", FORMAT),
        ("/ws/signaling/hosted/wohnk%C3%BCche", FORMAT),
        ("/ws/signaling/hosted/%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6", FORMAT),  # Arabic-Indic digits
        ("/ws/signaling/hosted?roomId=short", FORMAT),
        ("/ws/signaling/hosted?roomId=living-room%0A", FORMAT),
        ("/ws?roomId=short", FORMAT),
        ("/ws?roomId=living/room", FORMAT),
    ],
)
async def test_an_invalid_room_id_is_refused_before_the_upgrade(served: Served, path: str, text: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await served.connect(path)
    assert refused.value.status == 400
    async with served.client.get(path, headers=UPGRADE) as answer:
        assert (answer.status, (await answer.text()).strip()) == (400, text)


async def test_a_path_and_a_query_that_differ_are_refused(served: Served) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await served.connect(f"{CANONICAL}?roomId=other-room")
    assert refused.value.status == 400


@pytest.mark.parametrize("room", ["abcdef", "r" * 50, "A-_9zZ"])
async def test_a_room_id_within_the_limits_is_accepted(served: Served, room: str) -> None:
    for path in (f"/ws/signaling/hosted/{room}", f"/ws/signaling/hosted?roomId={room}", f"/ws?roomId={room}"):
        user = await connected(served, "hugo", path=path)
        assert (await user.peer.ask({"type": "PING"}))["type"] == "PONG"


@pytest.mark.parametrize("path", [CANONICAL, "/ws/signaling/hosted/short", "/ws/signaling/hosted"])
async def test_its_http_answers_can_be_read_by_allowed_origins_only(
    aiohttp_client: AiohttpClient, tmp_path: Path, path: str
) -> None:
    allowed = ("http://app.lan:3000", "chrome-extension://abcdef")
    served = await serve(aiohttp_client, tmp_path, allow_origin=allowed)
    for origin in allowed:
        answer = await served.client.get(path, headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.headers["Vary"]
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer = await served.client.get(path, headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_joining_an_unknown_room_is_an_error_that_closes_the_connection(served: Served) -> None:
    user = await connected(served, "anna")
    assert error_of(await user.ask("JOIN_ROOM", userName="Anna")) == "Room not found"
    assert (await user.closed())[0] == 4004
    assert served.refusals() == ["no-such-room"]


@pytest.mark.parametrize("kind", ["CREATE_ROOM", "JOIN_ROOM"])
async def test_a_frame_for_another_room_than_that_of_the_path_closes_the_connection(served: Served, kind: str) -> None:
    hugo = await host(served)
    user = await connected(served, "anna")
    assert error_of(await user.ask(kind, userName="Anna", roomId="other-room")) == "Room ID mismatch"
    assert (await user.closed())[0] == 4001
    await hugo.hears_nothing()


async def test_an_existing_room_is_not_created_again(served: Served) -> None:
    hugo = await host(served)
    user = await connected(served, "anna")
    assert error_of(await user.ask("CREATE_ROOM", userName="Anna", roomName="Mine")) == "Room already exists"
    await hugo.hears_nothing()
    assert (await user.ask("JOIN_ROOM", userName="Anna"))["type"] == "ROOM_JOINED"


async def test_joining_a_full_room_is_an_error_and_the_connection_stays_open(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_peers_per_room=1)
    hugo = await host(served)
    user = await connected(served, "anna")
    refused = await user.ask("JOIN_ROOM", userName="Anna")
    assert (error_of(refused), refused["code"]) == (FAILED, "room-full")
    await hugo.send("LEAVE_ROOM")
    await hugo.closed()
    assert (await user.ask("CREATE_ROOM", userName="Anna"))["type"] == "ROOM_CREATED"


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "",
        "[]",
        "null",
        b"{}",
        {},
        {"type": 5},
        {"type": "DANCE"},
        {"type": "ROOM_JOINED"},
        "LEAVE_ROOM",
        "WEBRTC_OFFER",
        "WEBRTC_ANSWER",
        "WEBRTC_ICE_CANDIDATE",
        "RENAME_ROOM",
        "RENAME_USER",
        "CONTROL_MODE_CHANGE",
    ],
)
async def test_before_joining_anything_else_is_dropped_and_recorded_without_an_error(
    served: Served, frame: Any
) -> None:
    hugo = await host(served)
    early = await connected(served, "anna")
    known = isinstance(frame, str) and frame.isupper()
    if known:
        fields = {"newRoomName": "x", "newUserName": "x", "mode": "HOST_ONLY"}
        await early.send(frame, targetUserId="hugo", offer={}, answer={}, candidate={}, **fields)
    else:
        await early.peer.send(frame)
    await early.hears_nothing()
    await hugo.hears_nothing()
    (record,) = served.records("signal.refused")
    assert not known or record["kind"] == frame
    assert (await early.ask("JOIN_ROOM", userName="Anna"))["type"] == "ROOM_JOINED"


@pytest.mark.parametrize(
    "fields",
    [{"userId": None}, {"userId": ""}, {"userId": 5}, {"userId": "a\nb"}, {"userId": "u" * 129}, {"userName": 5}],
)
async def test_an_invalid_join_is_answered_with_an_error(served: Served, fields: dict[str, Any]) -> None:
    hugo = await host(served)
    user = await connected(served, "anna")
    refused = await user.ask("JOIN_ROOM", **({"userName": "Anna"} | fields))
    assert (error_of(refused), refused["code"] in ("bad-field", "too-large")) == (FAILED, True)
    await hugo.hears_nothing()
    assert (await user.ask("JOIN_ROOM", userName="Anna"))["type"] == "ROOM_JOINED"


@pytest.mark.parametrize(
    ("frame", "error", "code"),
    [
        ("{", FAILED, "bad-json"),
        ("[]", FAILED, "bad-json"),
        (b"{}", FAILED, "bad-json"),
        ({"type": "DANCE"}, "Unknown message type", "unknown-type"),
        ({"type": "PONG"}, "Unknown message type", "unknown-type"),
        ({"type": "ROOM_JOINED"}, "Unknown message type", "unknown-type"),
        ({"type": "USER_JOINED", "joinedUser": {}}, "Unknown message type", "unknown-type"),
        ({"type": "WEBRTC_OFFER", "targetUserId": "nobody", "offer": {}}, NO_TARGET, "no-such-peer"),
        ({"type": "WEBRTC_OFFER", "targetUserId": "hugo", "userId": "hugo", "offer": {}}, FAILED, "forged-from"),
        ({"type": "WEBRTC_ICE_CANDIDATE", "targetUserId": "hugo", "userId": "eve"}, FAILED, "forged-from"),
        ({"type": "LEAVE_ROOM", "userId": "hugo"}, FAILED, "forged-from"),
        ({"type": "RENAME_ROOM", "userId": "hugo", "newRoomName": "Mine"}, FAILED, "forged-from"),
        ({"type": "CONTROL_MODE_CHANGE", "userId": "hugo", "mode": "FREE_FOR_ALL"}, FAILED, "forged-from"),
        ({"type": "JOIN_ROOM", "userId": "eve", "userName": "Eve"}, FAILED, "forged-from"),
        ({"type": "JOIN_ROOM", "userId": "hugo", "userName": "Hugo"}, FAILED, "forged-from"),
        ({"type": "CREATE_ROOM", "userId": "eve", "userName": "Eve"}, FAILED, "forged-from"),
        ({"type": "WEBRTC_OFFER", "targetUserId": 5, "offer": {}}, FAILED, "bad-field"),
    ],
)
async def test_a_refused_member_gets_one_error_and_stays_in_the_room(
    served: Served, frame: Any, error: str, code: str
) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    sent = anna.frame("") | frame if isinstance(frame, dict) else frame
    refused = await anna.peer.ask(sent)
    assert (error_of(refused), refused["code"]) == (error, code)
    await anna.hears_nothing()
    await hugo.hears_nothing()
    assert served.refusals() == [code]
    await still_talks(anna, hugo)


async def still_talks(sender: User, receiver: User) -> None:
    await sender.send("WEBRTC_OFFER", targetUserId=receiver.user, offer={})
    await receiver.hears("WEBRTC_OFFER")


async def test_a_frame_to_a_user_that_is_away_is_refused_with_the_code_peer_away(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    await anna.goes()
    for kind in ("WEBRTC_OFFER", "WEBRTC_ANSWER", "WEBRTC_ICE_CANDIDATE"):
        refused = await hugo.ask(kind, targetUserId="anna")
        assert (error_of(refused), refused["code"]) == (NO_TARGET, "peer-away")
    again = await guest(served, "anna", hugo)
    await again.hears_nothing()
    await still_talks(hugo, again)


async def test_another_room_in_a_members_frame_reaches_nobody(served: Served) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    refused = await anna.ask("WEBRTC_OFFER", targetUserId="hugo", offer={}, roomId="other-room")
    assert error_of(refused) == "Room ID mismatch"
    assert (await anna.closed())[0] == 4001
    await hugo.hears_nothing()


async def test_only_a_user_that_has_joined_gets_the_error_too_fast(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=5, max_frames_per_s=1)
    hugo = await host(served)
    early = await connected(served, "anna")
    for _ in range(10):
        await early.send("WEBRTC_OFFER", targetUserId="hugo", offer={})
    await early.hears_nothing()
    for _ in range(10):
        await hugo.send("WEBRTC_OFFER", targetUserId="nobody", offer={})
    codes = []
    while "too-fast" not in codes:
        refused = await hugo.receive()
        codes.append(refused["code"])
    assert error_of(refused) == FAILED
    assert "too-fast" in served.refusals()


async def test_error_texts_are_those_of_the_original_server(served: Served) -> None:
    hugo = await host(served)
    refused = await hugo.ask("X" * 60_000)
    assert error_of(refused) == "Unknown message type"
    assert len(str(refused)) < 500


async def test_a_user_of_one_room_is_unknown_in_another(served: Served) -> None:
    await host(served)
    user = await connected(served, "hugo", path="/ws/signaling/hosted/other-room")
    assert error_of(await user.ask("JOIN_ROOM", userName="Hugo", roomId="other-room")) == "Room not found"
    assert ROOM not in str(await user.closed())
