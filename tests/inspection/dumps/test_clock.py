"""The clock of a dump is aligned with that of the log, and the uncertainty of the alignment is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.inspection import EventLog, open_dump, open_log
from tests.kit.browser_dumps import BOTH, INTERNALS, RECORDED, answer, candidate, offer, unpacked, write_rtcstats
from tests.kit.inspection_log import ANN, BEN, T0_S, header, record, write_segment

DAY_S = 86_400.0


def relayed(seq: int, at_s: float, **data: Any) -> str:
    peer, to = (BEN, "ann") if data.get("type") != "answer" else (ANN, "ben")
    return record(seq, at_s, "signal.relayed", **peer, to=to, kind=data.get("type", "candidate"), data=data)


def log_of(tmp_path: Path, *signals: str) -> EventLog:
    joined = [record(2, 0.1, "peer.joined", **ANN, data={}), record(3, 0.2, "peer.joined", **BEN, data={})]
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", [header("b00t"), *joined, *signals]))


def clock_of(log: EventLog, tmp_path: Path, *events: tuple[float, str, Any]) -> dict[str, Any]:
    path = write_rtcstats(tmp_path / "ben", *((at_s, name, "PC_0", value) for at_s, name, value in events))
    (clock,) = log.with_dump(open_dump(path)).clocks.to_dict("records")
    return clock


def test_the_offset_is_the_middle_of_the_tightest_bounds(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        relayed(4, 10.5, **offer("BENu")),
        relayed(5, 11.0, **answer("ANNu")),
        relayed(6, 12.0, **candidate("BENu", "10.0.0.2")),
    )
    clock = clock_of(
        log,
        tmp_path,
        (110.0, "createOfferOnSuccess", offer("BENu")),
        (110.3, "setLocalDescription", offer("BENu")),
        (111.1, "setRemoteDescription", answer("ANNu")),
        (111.8, "onicecandidate", candidate("BENu", "10.0.0.2")),
    )
    assert clock["matches"] == 3
    assert clock["at_most_s"] == pytest.approx(-99.8), "by the candidate; the creation of the offer gives -99.5"
    assert clock["at_least_s"] == pytest.approx(-100.1), "by the answer"
    assert clock["offset_s"] == pytest.approx(-99.95)
    assert clock["uncertainty_s"] == pytest.approx(0.15)
    assert clock["sentence"] == "clock -99.9500 s ± 0.1500 s, by 3 messages"


def test_the_times_of_a_joined_dump_are_converted_to_the_clock_of_the_log(tmp_path: Path) -> None:
    log = log_of(tmp_path, relayed(4, 10.0, **offer("BENu")), relayed(5, 10.4, **answer("ANNu")))
    events = [
        (DAY_S + 9.8, "setLocalDescription", offer("BENu")),
        (DAY_S + 10.6, "setRemoteDescription", answer("ANNu")),
        (DAY_S + 11.0, "onconnectionstatechange", "connected"),
    ]
    path = write_rtcstats(tmp_path / "ben", *((at_s, name, "PC_0", value) for at_s, name, value in events))
    (row,) = log.with_dump(open_dump(path)).pairs.to_dict("records")
    assert row["reason"] == "connected"
    assert row["connected"].timestamp() == pytest.approx(T0_S + 11.0, abs=1e-5)


def test_contradictory_bounds_are_reported(tmp_path: Path) -> None:
    log = log_of(tmp_path, relayed(4, 10.0, **offer("BENu")), relayed(5, 11.0, **answer("ANNu")))
    clock = clock_of(
        log, tmp_path, (9.9, "setLocalDescription", offer("BENu")), (10.4, "setRemoteDescription", answer("ANNu"))
    )
    assert clock["at_least_s"] == pytest.approx(0.6)
    assert clock["at_most_s"] == pytest.approx(0.1)
    assert clock["sentence"] == (
        "clock +0.3500 s ± 0.2500 s, by 2 messages that contradict each other: "
        "a clock was set meanwhile, or is inaccurate"
    )


@pytest.mark.parametrize(
    ("made_s", "offset_s", "known"), [(9.0, 0.0, "at most +1.0000 s"), (12.0, -2.0, "at most -2.0000 s")]
)
def test_a_clock_with_one_bound_is_moved_as_little_as_possible(
    tmp_path: Path, made_s: float, offset_s: float, known: str
) -> None:
    log = log_of(tmp_path, relayed(4, 10.0, **offer("BENu")))
    clock = clock_of(log, tmp_path, (made_s, "setLocalDescription", offer("BENu")))
    assert clock["offset_s"] == pytest.approx(offset_s)
    assert str(clock["uncertainty_s"]) == str(clock["at_least_s"]) == "nan"
    assert clock["sentence"] == f"clock {offset_s:+.4f} s, known only to be {known}, by 1 message"


def test_received_messages_bound_the_clock_from_the_other_side(tmp_path: Path) -> None:
    log = log_of(tmp_path, relayed(4, 10.0, **answer("ANNu")))
    clock = clock_of(log, tmp_path, (7.0, "setRemoteDescription", answer("ANNu")))
    assert (clock["offset_s"], clock["at_least_s"]) == (pytest.approx(3.0), pytest.approx(3.0))


def test_the_first_relay_of_a_repeated_frame_is_the_bound(tmp_path: Path) -> None:
    again = [relayed(seq, at_s, **offer("BENu")) for seq, at_s in ((4, 10.0), (5, 15.0))]
    clock = clock_of(log_of(tmp_path, *again), tmp_path, (9.0, "setLocalDescription", offer("BENu")))
    assert clock["at_most_s"] == pytest.approx(1.0)


def test_each_description_of_a_connection_is_matched_with_its_own(tmp_path: Path) -> None:
    log = log_of(tmp_path, *(relayed(seq, at_s, **offer("BENu", seq)) for seq, at_s in ((4, 10.0), (5, 20.0))))
    clock = clock_of(log, tmp_path, (19.5, "setLocalDescription", offer("BENu", 5)))
    assert (clock["matches"], clock["at_most_s"]) == (1, pytest.approx(0.5))


def test_a_log_of_summaries_is_matched_by_the_ufrag(tmp_path: Path) -> None:
    log = log_of(tmp_path, relayed(4, 10.0, summary=True, description_bytes=900, ufrag="BENu"))
    clock = clock_of(log, tmp_path, (9.5, "setLocalDescription", offer("BENu")))
    assert (clock["matches"], clock["at_most_s"]) == (1, pytest.approx(0.5))


def shifted(path: Path, by_s: float, to: Path) -> Path:
    """Write the recorded dump as a browser whose clock is wrong by this many seconds would have written it."""
    text = unpacked(path)
    if path == INTERNALS:
        dump = json.loads(text)
        for connection in dump["PeerConnections"].values():
            for update in connection["updateLog"]:
                update["timestamp"] += 1000 * by_s
        to.write_text(json.dumps(dump))
    else:
        first, second, event, *rest = text.split("\n")
        *fields, at_ms = json.loads(event)
        to.write_text("\n".join([first, second, json.dumps([*fields, at_ms + 1000 * by_s]), *rest]))
    return to


@pytest.mark.parametrize("path", BOTH, ids=["webrtc-internals", "rtcstats"])
@pytest.mark.parametrize("by_s", [-DAY_S, 0.0, 0.25, 3600.0])
def test_a_recorded_dump_with_a_wrong_clock_has_the_same_result(path: Path, by_s: float, tmp_path: Path) -> None:
    log = open_log(RECORDED)
    joined = log.with_dump(open_dump(shifted(path, by_s, tmp_path / "shifted")))
    (clock,) = joined.clocks.to_dict("records")
    assert abs(clock["offset_s"] + by_s) <= clock["uncertainty_s"] < 1, "the recorded clocks were one machine's"
    assert list(joined.pairs["reason"]) == list(log.with_dump(open_dump(path)).pairs["reason"])


@pytest.mark.parametrize(
    ("descriptions", "sentence"),
    [
        (
            {"setLocalDescription": offer("BENu"), "setRemoteDescription": answer("ANNu")},
            "clock +0.0000 s, known only to be at least -299.6000 s, by 2 messages",
        ),
        (
            {"setLocalDescription": offer("BENu")},
            "clock not aligned, because the recording began after 1 message that the log contains too",
        ),
    ],
    ids=["answered", "not answered"],
)
def test_a_recording_that_began_after_the_call_says_only_that_the_messages_were_earlier(
    tmp_path: Path, descriptions: dict[str, object], sentence: str
) -> None:
    """`chrome://webrtc-internals`, opened after the call has begun, records the descriptions and states of now."""
    log = log_of(tmp_path, relayed(4, 10.0, **offer("BENu")), relayed(5, 10.4, **answer("ANNu")))
    states = [("signaling", "stable"), ("iceconnection", "connected"), ("connection", "connected")]
    clock = clock_of(
        log,
        tmp_path,
        *((310.0, name, description) for name, description in descriptions.items()),
        *((310.0, f"on{name}statechange", state) for name, state in states),
        (400.0, "onconnectionstatechange", "failed"),
    )
    assert clock["sentence"] == sentence
    assert clock["offset_s"] == 0
