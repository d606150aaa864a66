"""The tables and drawings of the same meeting are the same for all dialects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.diagnosis.record_data import word_of
from signaling_sidecar.dialects import DIALECTS as REGISTERED
from signaling_sidecar.hub import Ending
from signaling_sidecar.inspection import EventLog, open_log
from signaling_sidecar.settings import Settings
from tests.dialects.manners import MANNERS
from tests.dialects.manners.manners import Manners
from tests.dialects.manners.meeting import meet
from tests.kit.hosted_client import ROOM, connected, host, room_of
from tests.kit.mesh_client import joined
from tests.kit.serving import serve

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=ice-ufrag:abcd\r\n"
CANDIDATE = {"candidate": "candidate:1 1 udp 2122 192.168.1.7 50000 typ host ufrag abcd", "sdpMid": "0"}
DIALECTS = [
    name
    for name, manners in MANNERS.items()
    if word_of(REGISTERED[name].kind_of(json.dumps(manners.offer("", "", "", "")).encode())) == "offer"
]
"""The dialects in which the kind of a frame distinguishes offers from answers. In other dialects only the payload does,
see `tests/diagnosis/test_any_shape.py`."""


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def logs() -> dict[str, EventLog]:
    """Maps each dialect to its log, if that was written already."""
    return {}


@pytest.fixture
async def log(dialect: str, logs: dict[str, EventLog], aiohttp_client: AiohttpClient, tmp_path: Path) -> EventLog:
    """The log of one dialect, which is written once, because the tests only read it."""
    if dialect not in logs:
        logs[dialect] = await _log_of(dialect, aiohttp_client, tmp_path)
    return logs[dialect]


async def _log_of(dialect: str, client: AiohttpClient, folder: Path, **settings: Any) -> EventLog:
    """Two peers meet and exchange descriptions and candidates in each format.

    Then `b` sends an invalid frame, and leaves.
    """
    manners, room = MANNERS[dialect], "first-room"
    served = await serve(client, folder, grace_s=0, **settings)
    a, b = await meet(served, manners, room, "a", "b")
    for sender, receiver, frame in (
        (b, a, manners.offer(room, "b", "a", {"type": "offer", "sdp": SDP})),
        (a, b, manners.answer(room, "a", "b", {"type": "answer", "sdp": SDP})),
        (b, a, manners.offer(room, "b", "a", SDP)),
        (a, b, manners.answer(room, "a", "b", SDP)),
        (b, a, manners.candidate(room, "b", "a", CANDIDATE)),
        (a, b, manners.candidate(room, "a", "b", CANDIDATE["candidate"])),
        (b, a, manners.candidate(room, "b", "a", {"candidate": "", "sdpMid": "0"})),
    ):
        await sender.send(frame)
        await receiver.receive()
    await b.send("no json")
    if (leave := manners.leave(room, "b")) is not None:
        await b.send(leave)
    await b.socket.close()
    await served.settled()
    return open_log(folder)


def _room(log: EventLog) -> str:
    return str(log.rooms["room"][0])


def _goes(manners: Manners, column: int) -> tuple[str, int, tuple[()], str]:
    """The ladder's step that shows how the peer in this column leaves, which depends on the dialect."""
    if manners.leave("", "") is not None:
        return "left", column, (), "leaves"
    return (
        ("away", column, (), "away (closed)")
        if manners.grace_s[Ending.CLOSED]
        else ("left", column, (), "leaves (closed)")
    )


def test_there_is_one_room_of_two_sessions(log: EventLog, dialect: str) -> None:
    (counts,) = log.rooms[["dialect", "peers_most", "sessions", "signals", "refused"]].to_numpy().tolist()
    assert counts == [dialect, 2, 2, 7, 1]
    assert log.sessions[["dialect", "room"]].to_numpy().tolist() == [[dialect, _room(log)]] * 2
    told = log.sessions[["connections", "sent", "received", "refused"]]
    assert told.to_numpy().tolist() == [[1, 3, 4, 0], [1, 4, 3, 1]]


def test_descriptions_and_candidates_are_found_in_every_form(log: EventLog) -> None:
    signals = log.signals[log.signals["outcome"] == "relayed"]
    assert signals["sdp_type"][:4].tolist() == ["offer", "answer"] * 2
    assert signals["description_bytes"][:4].tolist() == [len(SDP)] * 4
    assert signals["candidate_type"][4:].tolist() == ["host", "host", "end"]
    assert signals["ufrag"][:6].tolist() == ["abcd"] * 6
    for name, value in (("address", "192.168.1.7"), ("port", 50000), ("address_class", "private")):
        assert signals[name][4:6].tolist() == [value] * 2
    assert log.signals[log.signals["outcome"] == "refused"]["code"].tolist() == ["bad-json"]


def test_a_signal_has_its_receiver_if_the_dialect_names_it(log: EventLog, dialect: str) -> None:
    signals = log.signals[log.signals["outcome"] == "relayed"]
    a, b = log.sessions["session"]
    if not MANNERS[dialect].names_receivers:
        assert signals["to"].isna().all()
    else:
        assert signals["to"].tolist() == ["a", "b", "a", "b", "a", "b", "a"]
        assert signals["to_session"].tolist() == [a, b, a, b, a, b, a]


def test_the_ladder_is_the_same_for_all_dialects(log: EventLog, dialect: str) -> None:
    a, b = 0, 1
    rules = REGISTERED[dialect].rules(Settings())
    steps = [(step.look, step.column, step.to, step.label) for step in log.ladder(_room(log)).steps]
    notes = [label for look, *_, label in steps if look == "note"]
    assert notes[0].startswith("room created")
    assert [step for step in steps if step[0] != "note"] == [
        ("joined", a, (), "joins"),
        *([("updated", a, (), "is the host now")] if rules.host.enabled else []),
        ("joined", b, (), "joins"),
        ("offer", b, (a,), "offer · 49 B"),
        ("answer", a, (b,), "answer · 49 B"),
        ("offer", b, (a,), "offer · 49 B"),
        ("answer", a, (b,), "answer · 49 B"),
        ("candidate", b, (a,), "candidate host udp private"),
        ("candidate", a, (b,), "candidate host udp private"),
        ("candidate", b, (a,), "end of candidates"),
        ("refused", b, (), "frame ✗ bad-json"),
        _goes(MANNERS[dialect], b),
    ]


@pytest.mark.parametrize("payloads", ["summary", "none"])
async def test_without_payloads_a_frame_is_drawn_by_its_type(
    aiohttp_client: AiohttpClient, tmp_path: Path, dialect: str, payloads: str
) -> None:
    log = await _log_of(dialect, aiohttp_client, tmp_path, payloads=payloads)
    ladder = log.ladder(_room(log))
    assert "192.168.1.7" not in ladder.to_html()
    signals = [step for step in ladder.steps if step.to]
    assert [step.look for step in signals] == ["offer", "answer"] * 2 + ["candidate"] * 3
    assert [step.label.split(" ")[0] for step in signals[:6]] == ["offer", "answer"] * 2 + ["candidate"] * 2


async def test_a_room_with_a_host_shows_each_new_host(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    hugo, _ = await room_of(served, "hugo", "gina")
    await hugo.send("RENAME_ROOM", newRoomName="Series")
    await hugo.send("CONTROL_MODE_CHANGE", mode="FREE_FOR_ALL")
    await hugo.send("RENAME_USER", newUserName="Hugh")
    await hugo.send("LEAVE_ROOM")
    await served.settled()
    log = open_log(tmp_path)
    assert [(step.column, step.label) for step in log.ladder(ROOM).steps] == [
        (None, "room created · Films · HOST_ONLY"),
        *((0, "joins"), (0, "is the host now"), (1, "joins")),
        *((0, "room is now Series"), (0, "mode is now FREE_FOR_ALL"), (0, "is now Hugh")),
        *((0, "leaves"), (1, "is the host now")),
    ]
    assert log.rooms["name"].tolist() == ["Series"]
    assert log.sessions["name"].tolist() == ["Hugh", "Gina"]


async def test_a_challenge_to_a_peer_is_drawn(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    hugo = await host(served)
    second = await connected(served, "hugo")
    await second.send("JOIN_ROOM", userName="Hugo")
    await hugo.hears_nothing()  # and answers the ping
    assert await second.hears("ERROR")
    steps = [(step.look, step.column, step.label) for step in open_log(tmp_path).ladder(ROOM).steps][3:]
    assert steps == [
        ("updated", 0, "is asked whether it is still there"),
        ("refused", None, "another connection, as hugo: JOIN_ROOM ✗ id-taken"),
    ]


async def test_a_peer_with_a_newer_connection_was_not_away(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for _ in range(2):
        await joined(served, "ann")
    log = open_log(tmp_path)
    assert [step.label for step in log.ladder("mesh").steps] == ["room created", "joins", "reconnects"]
    assert log.sessions[["connections", "times_away"]].to_numpy().tolist() == [[2, 0]]


async def test_a_matched_group_is_a_room_and_waiting_users_are_not(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await meet(served, MANNERS["match"], "", "u1", "u2")
    waiting = await served.connect("/ws/signaling/match?userId=u3")
    for size in (2, 3):
        await waiting.send({"type": "matchmaking", "matchSize": size})
    await served.settled()
    log = open_log(tmp_path)
    assert log.events["type"].value_counts()[["match.queued", "match.cancelled", "match.found"]].tolist() == [4, 1, 1]
    assert log.sessions["peer"].tolist() == ["u1", "u2"]
    (room,) = log.rooms["room"]
    labels = [step.label for step in log.ladder(room).steps]
    assert labels == ["room created", "group found", "joins", "joins"]


async def test_no_table_and_no_drawing_contains_a_pairing_code(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    log = await _log_of("pairing", aiohttp_client, tmp_path)
    assert "first-room" not in log.ladder(_room(log)).to_html()
    for table in (log.events, log.rooms, log.sessions, log.signals):
        assert "first-room" not in table.to_csv()
    assert pd.isna(log.rooms["name"][0])
