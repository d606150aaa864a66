"""All dialects comply with PROTOCOLS.md, "Rules of every dialect", on real sockets.

`manners/` contains the frames of each dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub import Ending
from signaling_sidecar.server.sockets import connection as connection_module
from tests.dialects.likely_frames import with_names
from tests.dialects.manners import MANNERS, module_of
from tests.dialects.manners.manners import Manners
from tests.dialects.manners.meeting import CONFIRMS, enter, greeted, hears, hears_an_error, meet
from tests.kit.receiving import receive
from tests.kit.serving import Peer, Served, serve

pytestmark = pytest.mark.usefixtures("way_of_reading")

ROOM, OTHER_ROOM = "first-room", "second-room"
BAD_FRAMES: list[str | bytes] = [
    b"{}",
    "",
    "{",
    "[]",
    "null",
    '"offer"',
    '{"type":"offer"} x',
    "[" * 5000,
    '{"type":"\\ud800"}',
]


def right_names(manners: Manners) -> Any:
    return manners.offer(ROOM, "a", "b", 1)


def wrong_names(manners: Manners) -> Any:
    """Return an offer with a list in place of each name of a room or a peer. An offer without names stays as it is."""
    return with_names(right_names(manners), {name: [name] for name in (ROOM, "a", "b")})


@pytest.fixture(params=MANNERS.values(), ids=MANNERS)
def manners(request: pytest.FixtureRequest) -> Manners:
    found: Manners = request.param
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_tested_with_the_rules(dialect: str) -> None:
    file = f"{module_of(dialect).replace('.', '/')}.py"
    assert dialect in MANNERS, f"{file} is missing: it says how the clients of {dialect!r} behave (see manners.py)"


async def offer_reaches(manners: Manners, room: str, sender: tuple[str, Peer], to: tuple[str, Peer]) -> None:
    await sender[1].send(manners.offer(room, sender[0], to[0], "still here"))
    assert await to[1].receive() == manners.arrives(room, sender[0], to[0], "still here"), CONFIRMS


# --- rule 1 ----------------------------------------------------------------------------------------------------------


async def test_a_join_is_announced_before_any_frame_of_the_new_peer(served: Served, manners: Manners) -> None:
    a = await enter(served, manners, ROOM, "a", 0, 2)
    if not manners.waits_for_all:
        await hears(a, manners.entered(ROOM, "a", []))
    await served.settled()
    b = await enter(served, manners, ROOM, "b", 1, 2)
    await b.send(manners.offer(ROOM, "b", "a", 1))
    if manners.waits_for_all:
        await a.receive()
    elif (announcement := manners.joined(ROOM, "b")) is not None:
        await hears(a, announcement)
    assert await a.receive() == manners.arrives(ROOM, "b", "a", 1)


async def test_frames_between_two_peers_stay_in_order(served: Served, manners: Manners) -> None:
    a, b = await meet(served, manners, ROOM, "a", "b")
    for number in range(100):
        await a.send(manners.offer(ROOM, "a", "b", number))
    for number in range(100):
        assert await b.receive() == manners.arrives(ROOM, "a", "b", number)


# --- rules 2 and 3 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manners", [each for each in MANNERS.values() if each.replaces])
async def test_a_newer_connection_replaces_the_older_one_whose_late_close_is_ignored(
    served: Served, manners: Manners
) -> None:
    a, older = await meet(served, manners, ROOM, "a", "b")
    newer = await enter(served, manners, ROOM, "b", 1, 2)
    await hears(newer, manners.entered(ROOM, "b", ["a", "b"] if manners.waits_for_all else ["a"]))
    assert await older.closed() == (4001, "replaced")
    await hears(a, manners.joined(ROOM, "b") if manners.announces_newer else None)
    await older.socket.close()
    await a.hears_nothing()
    await offer_reaches(manners, ROOM, ("a", a), ("b", newer))


async def test_a_leave_and_the_following_close_are_announced_once(served: Served, manners: Manners) -> None:
    a, b = await meet(served, manners, ROOM, "a", "b")
    leave = manners.leave(ROOM, "b")
    if leave is not None:
        await b.send(leave)
    await served.settled()
    await b.socket.close()
    await hears(a, manners.left(ROOM, "b") if leave is not None or manners.grace_s[Ending.CLOSED] == 0 else None)
    await a.hears_nothing()


# --- rules 4 and 5 ---------------------------------------------------------------------------------------------------


async def test_no_frame_reaches_another_room(served: Served, manners: Manners) -> None:
    a, _ = await meet(served, manners, ROOM, "a", "b")
    c, d = await meet(served, manners, OTHER_ROOM, "c", "d")
    if not manners.sends_to_other_rooms:
        await a.send(manners.offer(OTHER_ROOM, "a", "c", "leak"))
    await a.send(
        {"type": "offer", "to": "c", "targetUserId": "c", "from": "a", "target": OTHER_ROOM, "payload": "leak"}
    )
    for other in (c, d):
        await other.hears_nothing()
    assert {record["room"] for record in served.records("signal.relayed")} <= {served.records("peer.joined")[0]["room"]}


async def test_rooms_of_different_dialects_never_meet(served: Served) -> None:
    people = {name: await meet(served, manners, ROOM, "a", "b") for name, manners in MANNERS.items()}
    for name, (a, b) in people.items():
        await offer_reaches(MANNERS[name], ROOM, ("a", a), ("b", b))
    for a, b in people.values():
        await a.hears_nothing()
        await b.hears_nothing()


@pytest.mark.parametrize("manners", [each for each in MANNERS.values() if each.forged is not None])
async def test_a_forged_sender_is_refused(served: Served, manners: Manners) -> None:
    a, b = await meet(served, manners, ROOM, "a", "b")
    assert manners.forged is not None
    await a.send(manners.forged(ROOM, "a", "b", "b"))
    await b.hears_nothing()
    assert served.refusals() == ["forged-from"]


# --- rule 6 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", BAD_FRAMES, ids=range(len(BAD_FRAMES)))
async def test_bad_input_causes_one_error_for_its_sender_only(
    served: Served, manners: Manners, frame: str | bytes
) -> None:
    a, b = await meet(served, manners, ROOM, "a", "b")
    await a.send(frame)
    await hears_an_error(a, manners)
    for peer in (a, b):
        await peer.hears_nothing()
    assert len(served.refusals()) == 1
    await offer_reaches(manners, ROOM, ("a", a), ("b", b))


@pytest.mark.parametrize("manners", [each for each in MANNERS.values() if wrong_names(each) != right_names(each)])
async def test_an_offer_whose_names_are_no_strings_is_refused(served: Served, manners: Manners) -> None:
    a, b = await meet(served, manners, ROOM, "a", "b")
    await a.send(wrong_names(manners))
    await served.settled()
    assert len(served.refusals()) == 1
    await b.hears_nothing()


async def test_a_frame_with_half_an_emoji_arrives(served: Served, manners: Manners) -> None:
    """A page that cuts a string may send half a surrogate pair, which servers in JavaScript relay."""
    a, b = await meet(served, manners, ROOM, "a", "b")
    await a.send(manners.offer(ROOM, "a", "b", {"half": "\ud83d", "whole": "😀", "more": "v" * 70_000}))
    whole = {"half": "\ufffd", "whole": "😀", "more": "v" * 70_000}
    assert await b.receive() == manners.arrives(ROOM, "a", "b", whole)
    await offer_reaches(manners, ROOM, ("b", b), ("a", a))
    assert served.refusals() == []


async def test_invalid_utf8_is_not_relayed(served: Served, manners: Manners) -> None:
    a, *_ = await meet(served, manners, ROOM, "a", "b")
    await a.socket.send_frame(b'{"type":"offer","to":"b","pad":"\xff"}', aiohttp.WSMsgType.TEXT)
    assert (await a.closed())[0] == 1007
    await served.settled()
    assert served.records("signal.relayed") == []
    assert served.records("connection.closed")[-1]["data"]["code"] == 1007


async def test_a_flood_is_limited_and_causes_one_error_per_second(
    aiohttp_client: AiohttpClient, tmp_path: Path, manners: Manners, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    time, stopped_s = loop.time, list[float]()
    # Each connection takes its clock when it is opened, so the clock is replaced before that.
    monkeypatch.setattr(loop, "time", lambda: stopped_s[0] if stopped_s else time())
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=20, max_frames_per_s=1)
    a, b = await meet(served, manners, ROOM, "a", "b")
    stopped_s.append(time())  # a busy machine may need seconds for the flood
    for number in range(200):
        await a.send(manners.offer(ROOM, "a", "b", number))
    await served.settled()
    stopped_s.clear()
    await hears_an_error(a, manners)
    await a.hears_nothing()
    relayed = len(served.records("signal.relayed"))
    (dialect,) = [DIALECTS[name] for name, each in MANNERS.items() if each is manners]
    assert 0 < relayed <= 20 * dialect.frame_budget.times
    for number in range(relayed):
        assert await b.receive() == manners.arrives(ROOM, "a", "b", number)
    await a.socket.close()
    await served.settled()
    refused = [record["data"] for record in served.records("signal.refused")]
    assert {each["code"] for each in refused} == {"too-fast"}
    assert relayed + sum(each["count"] for each in refused) == 200


async def test_a_frame_over_the_limit_closes_only_its_sender(served: Served, manners: Manners) -> None:
    a, b = await meet(served, manners, ROOM, "a", "b")
    await a.send(manners.offer(ROOM, "a", "b", "p" * 300_000))
    assert (await a.closed())[0] == 1009
    await a.socket.close()
    await served.settled()
    assert not b.socket.closed
    assert served.records("signal.relayed") == []


# --- rules 7 and 8 ---------------------------------------------------------------------------------------------------


async def test_a_peer_that_answers_no_ping_is_dropped(
    served: Served, manners: Manners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "PING_EVERY_S", 0.02)
    monkeypatch.setattr(connection_module, "PONG_WITHIN_S", 0.05)
    silent = await served.connect(manners.path(ROOM, "a"), autoping=False)
    if (frame := manners.enter(ROOM, "a", 0, 1)) is not None:
        with suppress(ConnectionError):  # on a busy machine, the sidecar may have dropped the connection already
            await silent.send(frame)
    types = aiohttp.WSMsgType
    message = await receive(silent.socket, types.PING, types.TEXT, types.BINARY, types.CLOSE, types.CLOSING)
    assert message.type is types.CLOSED, message
    await served.settled()
    (closed,) = served.records("connection.closed")
    assert (closed["data"]["reason"], closed["data"]["ending"]) == ("no pong", "lost")


async def close_1000(peer: Peer) -> None:
    await peer.socket.close(code=1000)


async def close_empty(peer: Peer) -> None:
    await peer.socket.send_frame(b"", aiohttp.WSMsgType.CLOSE)


async def close_1001(peer: Peer) -> None:
    await peer.socket.close(code=1001)


async def close_4999(peer: Peer) -> None:
    await peer.socket.close(code=4999)


async def abort(peer: Peer) -> None:
    peer.socket._response.connection.transport.abort()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("end", "ending"),
    [
        (close_1000, Ending.CLOSED),
        (close_empty, Ending.CLOSED),
        (close_1001, Ending.UNLOADED),
        (close_4999, Ending.LOST),
        (abort, Ending.LOST),
    ],
)
async def test_the_ending_of_a_connection_decides_how_long_its_session_is_kept(
    served: Served, manners: Manners, end: Callable[[Peer], Awaitable[None]], ending: Ending
) -> None:
    _, b = await meet(served, manners, ROOM, "a", "b")
    await end(b)
    while len(closed := served.records("connection.closed")) < 1:
        await served.settled()
    assert closed[0]["data"]["ending"] == ending
    away, left = served.records("peer.away"), served.records("peer.left")
    if manners.grace_s[ending] == 0:
        assert (len(away), len(left)) == (0, 1)
    else:
        assert ([record["data"]["grace_s"] for record in away], left) == ([manners.grace_s[ending]], [])


@pytest.mark.one_sidecar("the others of a cluster go on, see tests/cluster/test_instances_end.py")
async def test_when_the_sidecar_stops_it_closes_with_1012_and_sessions_are_kept_for_their_grace(
    served: Served, manners: Manners
) -> None:
    peers = await meet(served, manners, ROOM, "a", "b")
    await served.sidecar._close_connections(served.client.app)  # type: ignore[arg-type]
    for peer in peers:
        assert await peer.closed() == (1012, "restart")
    while len(served.records("connection.closed")) < 2:
        await served.settled()
    grace_s, left = manners.grace_s[Ending.STOPPED], served.records("peer.left")
    graces = [record["data"]["grace_s"] for record in served.records("peer.away")]
    assert (graces, len(left)) == (([grace_s] * 2, 0) if grace_s else ([], 2))


# --- the ends of connections -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("manners", [each for each in MANNERS.values() if not each.is_welcome_unasked])
async def test_a_silent_connection_is_closed(
    aiohttp_client: AiohttpClient, tmp_path: Path, manners: Manners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "FIRST_FRAME_WITHIN_S", 0.05)
    served = await serve(aiohttp_client, tmp_path)
    assert await (await served.connect(manners.path(ROOM, "a"))).closed() == (1008, "idle")


@pytest.mark.one_sidecar("each sidecar of a cluster has its own limit of connections")
async def test_a_connection_over_the_limit_is_refused(
    aiohttp_client: AiohttpClient, tmp_path: Path, manners: Manners
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_connections=1)
    first = await greeted(served, manners, ROOM, "a")
    if manners.enter(ROOM, "a", 0, 1) is None:
        await hears(first, manners.entered(ROOM, "a", []))
    second = await served.connect(manners.path(ROOM, "b"))
    if (frame := manners.turned_away("Server has reached its concurrent user limit")) is not None:
        await hears(second, frame)
    assert await second.closed() == (1013, "full")
    await first.hears_nothing()
