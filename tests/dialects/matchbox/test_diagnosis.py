"""The diagnosis and the ladder find descriptions and candidates in the signals of `matchbox` clients."""

from __future__ import annotations

import json
import time

from signaling_sidecar.diagnosis import Reason, diagnose, read_entries
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.inspection import open_log
from tests.kit.matchbox_client import arrives, signals
from tests.kit.serving import Served

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=ice-ufrag:{}\r\n"
LINE = "candidate:1 1 udp 2122 192.168.1.7 50000 typ host"
CANDIDATE = {"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": None}
OFFER, ANSWER = {"Offer": SDP.format("aaaa")}, {"Answer": SDP.format("bbbb")}


async def test_the_diagnosis_names_what_is_missing_between_two_peers(served: Served) -> None:
    described = [{each: f"{sdp}a={LINE}\r\n"} for signal in (OFFER, ANSWER) for each, sdp in signal.items()]
    trickled = {"IceCandidate": json.dumps(CANDIDATE)}
    exchanges = {
        "nobody offers": [],
        "unanswered": [OFFER],
        "no candidates": [OFFER, ANSWER, {"IceCandidate": "null"}],
        "as a browser": described,
        "as a program": [OFFER, ANSWER, trickled, trickled],
    }
    for room, sent in exchanges.items():
        pair = [await arrives(served, f"/{room.replace(' ', '%20')}?next=2")]
        pair.append(await arrives(served, f"/{room.replace(' ', '%20')}?next=2", pair[0][1]))
        for number, signal in enumerate(sent):
            await signals(signal, pair[number % 2], pair[1 - number % 2])
    entries = read_entries(find_segments(served.sidecar.state_dir).segments)
    verdicts = diagnose(entries, time.time() + 60).verdicts
    assert {verdict.meeting.room: verdict.finding.reason for verdict in verdicts} == {
        "nobody offers?next=2": Reason.NOBODY_OFFERED,
        "unanswered?next=2": Reason.OFFER_UNANSWERED,
        "no candidates?next=2": Reason.NO_CANDIDATES,
        "as a browser?next=2": Reason.UNKNOWN,
        "as a program?next=2": Reason.UNKNOWN,
    }


async def test_the_ladder_shows_what_each_signal_is(served: Served) -> None:
    a = await arrives(served, "/bar")
    b = await arrives(served, "/bar", a[1])
    await signals(OFFER, a, b)
    await signals(ANSWER, b, a)
    await signals({"IceCandidate": json.dumps(CANDIDATE)}, a, b)
    await signals({"IceCandidate": "null"}, b, a)
    await a[1].send({"Signal": {"receiver": "nobody", "data": OFFER}})
    await b[1].socket.close()
    await served.settled()
    drawn = [step.what for step in open_log(served.sidecar.state_dir).ladder("bar").steps]
    assert drawn == [
        "room created",
        "joins",
        "joins",
        "Signal: offer",
        "Signal: answer",
        "candidate host udp private",
        "end of candidates",
        "Signal ✗ no-such-peer, for nobody",
        "leaves (closed)",
    ]
