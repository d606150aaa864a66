"""`hosted` closes a user's second connection with 4002 only if the first is alive, because the client then gives up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub import challenges
from signaling_sidecar.server.user_hooks import checks
from tests.kit.answering import answering
from tests.kit.hooks_file import hooked
from tests.kit.hosted_client import User, connected, error_of, guest, host, room_of, users_of
from tests.kit.receiving import receive
from tests.kit.serving import Served


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a challenge wait for an answer for 0.2 s instead of two seconds."""
    monkeypatch.setattr(challenges, "ANSWER_WITHIN_S", 0.2)


async def close_of(user: User) -> tuple[Any, Any]:
    """Return the close code and the reason of a connection that answers no pings."""
    message = await receive(user.peer.socket, aiohttp.WSMsgType.PING)
    return message.data, message.extra


@pytest.mark.parametrize("kind", ["JOIN_ROOM", "CREATE_ROOM"])
async def test_a_connected_user_stays_in_the_room_and_the_newcomer_is_refused(served: Served, kind: str) -> None:
    hugo, anna = await room_of(served, "hugo", "anna")
    second = await connected(served, "anna")
    async with answering(anna.peer):
        assert error_of(await second.ask(kind, userName="Anna")) == "User already in room"
        assert (await second.closed())[0] == 4002
    await second.peer.socket.close()
    await anna.hears_nothing()
    await hugo.hears_nothing()
    await anna.send("WEBRTC_OFFER", targetUserId="hugo", offer={})
    await hugo.hears("WEBRTC_OFFER")
    (record,) = served.records("peer.challenged")
    assert record["peer"] == "anna"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("kind", "answer"), [("JOIN_ROOM", "ROOM_JOINED"), ("CREATE_ROOM", "ROOM_CREATED")])
async def test_a_half_open_connection_is_replaced_and_the_others_are_told_of_a_join(
    served: Served, kind: str, answer: str
) -> None:
    hugo = await host(served)
    half_open = await guest(served, "anna", hugo, autoping=False)
    second = await connected(served, "anna")
    back = await second.ask(kind, userName="Anna")
    assert (back["type"], users_of(back)) == (answer, {"hugo": True, "anna": True})
    notice = await hugo.hears("USER_JOINED")
    assert (notice["userId"], notice["joinedUser"]["id"]) == ("system", "anna")
    assert await close_of(half_open) == (4001, "replaced")
    await half_open.peer.socket.close()
    await hugo.hears_nothing()
    await hugo.send("WEBRTC_OFFER", targetUserId="anna", offer={})
    await second.hears("WEBRTC_OFFER")


async def test_during_the_challenge_pings_are_answered_and_other_frames_wait(served: Served) -> None:
    hugo = await host(served)
    half_open = await guest(served, "anna", hugo, autoping=False)
    second = await connected(served, "anna")
    begun = asyncio.get_running_loop().time()
    await second.send("JOIN_ROOM", userName="Anna")
    await second.send("WEBRTC_OFFER", targetUserId="hugo", offer={"n": 1})
    await second.send("RENAME_USER", newUserName="Ann")
    assert (await second.peer.ask({"type": "PING", "timestamp": 1}))["type"] == "PONG"
    assert [(await second.receive())["type"] for _ in range(2)] == ["ROOM_JOINED", "USER_RENAMED"]
    assert 1.5 < asyncio.get_running_loop().time() - begun < 4
    heard = [(await hugo.receive())["type"] for _ in range(3)]
    assert heard == ["USER_JOINED", "WEBRTC_OFFER", "USER_RENAMED"]
    assert served.refusals() == []
    assert (await close_of(half_open))[0] == 4001


@pytest.mark.usefixtures("soon")
async def test_a_host_that_replaces_its_half_open_connection_stays_host(served: Served) -> None:
    half_open = await host(served, autoping=False)
    second = await connected(served, "hugo")
    back = await second.ask("CREATE_ROOM", userName="Hugo", roomName="A new name")
    state = back["roomState"]
    assert (state["name"], state["hostId"], users_of(back)) == ("Films", "hugo", {"hugo": True})
    assert (await second.ask("RENAME_ROOM", newRoomName="Mine"))["type"] == "ROOM_RENAMED"
    assert (await close_of(half_open))[0] == 4001


async def test_a_connection_that_ends_during_the_challenge_is_replaced_at_once(served: Served) -> None:
    hugo = await host(served)
    half_open = await guest(served, "anna", hugo, autoping=False)
    second = await connected(served, "anna")
    await second.send("JOIN_ROOM", userName="Anna")
    await half_open.peer.socket.close()
    assert users_of(await second.hears("ROOM_JOINED")) == {"hugo": True, "anna": True}
    assert (await hugo.hears("USER_JOINED"))["joinedUser"]["id"] == "anna"
    await hugo.hears_nothing()


async def test_a_newcomer_that_disconnects_during_the_challenge_replaces_nobody(served: Served) -> None:
    hugo = await host(served)
    half_open = await guest(served, "anna", hugo, autoping=False)
    impatient = await connected(served, "anna")
    await impatient.send("JOIN_ROOM", userName="Anna")
    await served.settled()
    await impatient.peer.socket.close()
    await half_open.send("WEBRTC_OFFER", targetUserId="hugo", offer={})
    assert (await hugo.receive())["type"] == "WEBRTC_OFFER"
    await hugo.hears_nothing()


async def test_a_user_whose_frame_waits_for_a_slow_hook_is_alive(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 600.0)
    code = "import asyncio\nasync def on_relay(relay):\n    await asyncio.Event().wait()\n"
    served = await hooked(aiohttp_client, tmp_path / "hooks.py", code)
    hugo, anna = await room_of(served, "hugo", "anna")
    await anna.send("WEBRTC_OFFER", targetUserId="hugo", offer={})
    await served.settled()
    second = await connected(served, "anna")
    async with answering(anna.peer):
        assert error_of(await second.ask("JOIN_ROOM", userName="Anna")) == "User already in room"
    await hugo.hears_nothing()


async def test_the_challenge_does_not_delay_other_users(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "ANSWER_WITHIN_S", 60)  # longer than this test takes on a busy machine
    hugo = await host(served)
    first = await guest(served, "anna", hugo, autoping=False)
    second = await connected(served, "anna")
    await second.send("JOIN_ROOM", userName="Anna")
    await served.settled()
    otto = await guest(served, "otto", hugo)
    await otto.send("WEBRTC_OFFER", targetUserId="hugo", offer={})
    await hugo.hears("WEBRTC_OFFER")
    assert (await otto.ask("WEBRTC_OFFER", targetUserId="nobody"))["type"] == "ERROR"
    await first.peer.socket.close()  # ends the challenge
    assert (await second.receive())["type"] == "ROOM_JOINED"


@pytest.mark.usefixtures("soon")
async def test_only_one_of_two_simultaneous_newcomers_is_admitted(served: Served) -> None:
    hugo = await host(served)
    await guest(served, "anna", hugo, autoping=False)
    newcomers = [await connected(served, "anna") for _ in range(2)]
    for newcomer in newcomers:
        await newcomer.send("JOIN_ROOM", userName="Anna")
    answers = await asyncio.gather(*[newcomer.receive() for newcomer in newcomers])
    assert sorted(answer["type"] for answer in answers) == ["ERROR", "ROOM_JOINED"]
    await hugo.hears("USER_JOINED")
    await hugo.hears_nothing()
