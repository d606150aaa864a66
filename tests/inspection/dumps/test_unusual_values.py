"""Dumps of some pages and some Chromium versions contain values that the recorded dumps do not contain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.inspection import open_dump, open_log
from tests.kit.browser_dumps import answer, candidate, offer, write_internals, write_rtcstats
from tests.kit.inspection_log import T0_S, write_segment

CONNECTED = (0.1, "onconnectionstatechange", "connected")


def series(*values: Any) -> dict[str, str]:
    at = "2026-11-18T11:06:41.000Z"
    return {"startTime": at, "endTime": at, "values": json.dumps(values)}


@pytest.mark.parametrize("protocol", [series(1), series(1.5), {}])
def test_a_data_channel_may_have_any_protocol(tmp_path: Path, protocol: dict[str, str]) -> None:
    """Chromium writes the protocol "1" as a number, and a statistic without values as an empty object."""
    stats = {"D1-protocol": protocol, "T01-dtlsState": series("connected")}
    (row,) = open_dump(write_internals(tmp_path / "dump", CONNECTED, stats=stats)).connections.to_dict("records")
    assert (row["state"], row["dtls"]) == ("connected", "connected")


@pytest.mark.parametrize(
    "value",
    [
        candidate("ANNu", "10.0.0.1"),
        "sdpMid: 0, sdpMLineIndex: 0, candidate: candidate:1 1 udp 99 10.0.0.1 5000 typ host ufrag ANNu",
        "Error processing ICE candidate",
    ],
    ids=["object", "text", "message"],
)
def test_a_refused_candidate_is_a_failure_in_every_version_of_chromium(tmp_path: Path, value: object) -> None:
    path = write_internals(tmp_path / "dump", (0.0, "setLocalDescription", offer("BENu")), CONNECTED)
    dump = json.loads(path.read_text())
    text = value if isinstance(value, str) else json.dumps(value)
    (connection,) = dump["PeerConnections"].values()
    connection["updateLog"].append({"type": "addIceCandidateFailed", "value": text})
    path.write_text(json.dumps(dump))
    (row,) = open_dump(path).connections.to_dict("records")
    assert (row["state"], row["failures"]) == ("connected", 1)


def test_a_dump_that_was_downloaded_too_late_says_how_to_get_a_better_one(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text('{"getUserMedia": [], "PeerConnections": {}, "UserAgent": "…"}')
    dump = open_dump(tmp_path / "dump")
    title, advice = str(dump).splitlines()
    assert title == "dump: webrtc-internals dump, 0 connections, 0 events"
    assert "no connection was open at the download: download it during the call" in advice
    assert "download it during the call" in dump._repr_html_()


def test_a_file_of_rtcstats_server_names_the_page_and_its_calls(tmp_path: Path) -> None:
    path = write_rtcstats(
        tmp_path / "page",
        (0.0, 39, "PC_0", None),
        (0.1, 60, None, {"video": True}),
        (0.2, 65, None, "NotAllowedError"),
        (0.3, 63, None, {"video": True}),
        (0.4, 68, None, "NotAllowedError"),
        header={"url": "/room?id=1", "origin": "https://app.example", "fileFormat": 3},
    )
    dump = open_dump(path)
    assert list(dump.connections["url"]) == ["https://app.example/room?id=1"]
    assert [name.rpartition(".")[2] for name in dump.events["name"]] == [
        *("create", "getUserMedia", "getUserMediaOnFailure", "getDisplayMedia", "getDisplayMediaOnFailure"),
    ]


def test_a_dump_begins_with_its_earliest_event(tmp_path: Path) -> None:
    """Chromium that begins to record a connection of 20 seconds ago writes its creation with the time of then."""
    events = [(20.0, "create", None, {}), (0.0, "create", "6-1", {}), (21.0, "onconnectionstatechange", "6-1", "new")]
    title = str(open_dump(write_rtcstats(tmp_path / "page", *events))).splitlines()[0]
    assert title.endswith("2026-11-18 11:06:40 to 2026-11-18 11:07:01 UTC by its own clock")


def test_the_candidate_types_of_statistics_from_before_the_standard_are_translated(tmp_path: Path) -> None:
    stats = {
        "Channel-data-1-selectedCandidatePairId": series("Conn-data-1-0"),
        "Conn-data-1-0-localCandidateId": series("Cand-vvnuH1yG"),
        "Conn-data-1-0-remoteCandidateId": series("Cand-PBCqkpgG"),
        "Cand-vvnuH1yG-candidateType": series("serverreflexive"),
        "Cand-PBCqkpgG-candidateType": series("relayed"),
    }
    (row,) = open_dump(write_internals(tmp_path / "dump", CONNECTED, stats=stats)).connections.to_dict("records")
    assert (row["local_type"], row["remote_type"]) == ("srflx", "relay")


def test_a_browser_that_has_found_no_candidate_is_named(tmp_path: Path) -> None:
    path = write_internals(
        tmp_path / "dump",
        (0.0, "setLocalDescription", offer("BENu")),
        (0.1, "onicegatheringstatechange", "complete"),
        (0.1, "onicecandidate", {"candidate": "", "sdpMid": "0"}),
        (0.2, "setRemoteDescription", answer("ANNu")),
        (0.3, "addIceCandidate", candidate("ANNu", "10.0.0.1")),
        (60.0, "onconnectionstatechange", "failed"),
    )
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", []))
    [pair] = log.with_dump(open_dump(path)).pairs.to_dict("records")
    assert pair["reason"] == "no-candidates"
    assert "the browser of page 7-1 found no candidate, so there was no address to signal" in pair["sentence"]


@pytest.mark.parametrize("is_internals", [True, False], ids=["webrtc-internals", "rtcstats"])
def test_a_connection_in_which_nothing_happens_until_the_end_of_the_dump_has_failed(
    tmp_path: Path, is_internals: bool
) -> None:
    """Chromium reports no failure if a page adds no candidate of the other side."""
    events = [
        (0.0, "setLocalDescription", offer("BENu")),
        (0.1, "onicecandidate", candidate("BENu", "10.0.0.2")),
        (0.2, "setRemoteDescription", answer("ANNu")),
    ]
    if is_internals:
        path = write_internals(tmp_path / "dump", *events)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"timestamp": 1000 * (T0_S + 30)}))
    else:
        stats = (30.0, "getStats", {"P": {"dataChannelsOpened": 0}})
        path = write_rtcstats(
            tmp_path / "dump", *((at_s, name, "PC_0", value) for at_s, name, value in [*events, stats])
        )
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", []))
    [pair] = log.with_dump(open_dump(path)).pairs.to_dict("records")
    assert pair["reason"] == "no-candidates"
    assert "no candidate of an unknown peer was signaled to page" in pair["sentence"]
