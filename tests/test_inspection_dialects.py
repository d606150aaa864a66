"""A log of any dialect is the same three tables and the same drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.inspection import EventLog, open_log
from tests.dialects import MANNERS
from tests.dialects.manners import Manners
from tests.dialects.meeting import meet
from tests.hosted_client import ROOM, host, room_of
from tests.serving import serve

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=ice-ufrag:abcd\r\n"
CANDIDATE = {"candidate": "candidate:1 1 udp 2122 192.168.1.7 50000 typ host ufrag abcd", "sdpMid": "0"}


@pytest.fixture(params=MANNERS, ids=str)
async def log(request: pytest.FixtureRequest, aiohttp_client: AiohttpClient, tmp_path: Path) -> EventLog:
    """Two meet, one offers with a description and a candidate, and is gone."""
    return await _log_of(MANNERS[request.param], aiohttp_client, tmp_path)


async def _log_of(manners: Manners, client: AiohttpClient, folder: Path, **settings: Any) -> EventLog:
    served = await serve(client, folder, grace_s=0, **settings)
    a, b = await meet(served, manners, "first-room", "a", "b")
    for frame in (
        manners.offer("first-room", "b", "a", {"type": "offer", "sdp": SDP}),
        manners.offer("first-room", "b", "a", SDP),
        manners.candidate("first-room", "b", "a", CANDIDATE),
    ):
        await b.send(frame)
        await a.receive()
    await b.send("no json")
    await b.socket.close()
    await served.settled()
    return open_log(folder)


async def test_there_is_one_room_of_two_sessions(log: EventLog) -> None:
    (room,) = log.rooms.to_dict("records")
    assert (room["peers_most"], room["sessions"], room["signals"], room["refused"]) == (2, 2, 3, 1)
    assert len(log.sessions) == 2
    assert set(log.sessions["dialect"]) == {room["dialect"]}
    sender = log.sessions.iloc[1]
    assert (sender["sent"], sender["received"], sender["refused"], sender["connections"]) == (3, 0, 1, 1)
    assert log.sessions.iloc[0]["received"] == 3


async def test_descriptions_and_candidates_are_found_in_every_shape(log: EventLog) -> None:
    signals = log.signals[log.signals["outcome"] == "relayed"]
    assert list(signals["sdp_type"].astype(object).where(signals["sdp_type"].notna(), None)) == ["offer", "offer", None]
    assert list(signals["description_bytes"].dropna()) == [len(SDP)] * 2
    assert set(signals["ufrag"]) == {"abcd"}
    candidate = signals.iloc[2]
    assert (candidate["candidate_type"], candidate["address"], candidate["port"]) == ("host", "192.168.1.7", 50000)
    assert log.signals[log.signals["outcome"] == "refused"]["code"].tolist() == ["bad-json"]


async def test_the_ladder_tells_the_story_in_the_same_words(log: EventLog) -> None:
    room = str(log.rooms.iloc[0]["room"])
    drawn = str(log.ladder(room))
    for words in ("joins", " offer", "host udp private", "bad-json", "►" if "►" in drawn else "◄"):
        assert words in drawn, drawn
    assert drawn.count("joins") == 2
    assert "away (closed)" in drawn or "leaves (closed)" in drawn


@pytest.mark.parametrize("payloads", ["summary", "none"])
@pytest.mark.parametrize("dialect", MANNERS)
async def test_without_payloads_a_frame_is_drawn_as_what_its_type_says(
    aiohttp_client: AiohttpClient, tmp_path: Path, dialect: str, payloads: str
) -> None:
    log = await _log_of(MANNERS[dialect], aiohttp_client, tmp_path, payloads=payloads)
    ladder = log.ladder(str(log.rooms.iloc[0]["room"]))
    assert "192.168.1.7" not in ladder.to_html()
    assert [word for word in ("offer", "candidate") if word not in str(ladder).lower()] == []


async def test_a_room_with_a_host_shows_what_becomes_of_it(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    hugo, _ = await room_of(served, "hugo", "gina")
    await hugo.send("RENAME_ROOM", newRoomName="Series")
    await hugo.send("CONTROL_MODE_CHANGE", mode="FREE_FOR_ALL")
    await hugo.send("LEAVE_ROOM")
    await served.settled()
    drawn = str(open_log(tmp_path).ladder(ROOM))
    for words in ("room is now Series", "mode is now FREE_FOR_ALL", "host is now gina"):
        assert words in drawn, drawn


async def test_waiting_in_a_queue_is_in_the_events_and_in_no_room(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    waiting = await served.connect("/ws/signaling/match?userId=u1")
    await waiting.send({"type": "matchmaking", "matchSize": 2})
    await host(served)
    log = open_log(tmp_path)
    assert log.events["type"].eq("match.queued").sum() == 1
    assert list(log.rooms["room"]) == [ROOM]
    assert pd.isna(log.events.set_index("type").loc["match.queued", "room"])
