"""Dumps of Chromium before version 145, which Electron still writes, can be read.

The tests convert the recorded dump to the format of those versions. In this format, an update has no `timestamp`, but a
`time`, which is written as in the country of the user.
"""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.inspection import EventLog, open_dump, open_log
from signaling_sidecar.inspection.dumps.local_time import LocalTimes
from signaling_sidecar.inspection.errors import DamagedDump, NoDump
from tests.kit.browser_dumps import INTERNALS, RECORDED, RTCSTATS, unpacked
from tests.kit.tables import reasons

JAPAN = timezone(timedelta(hours=9))
ZONE = timezone(timedelta(hours=-8))
WAYS: dict[str, Callable[[datetime], str]] = {
    "en-US": lambda at: (
        f"{at.month}/{at.day}/{at.year}, {at.hour % 12 or 12}:{at:%M:%S} {'PM' if at.hour > 11 else 'AM'}"
    ),
    "en-US since Chrome 110": lambda at: (
        f"{at.month}/{at.day}/{at.year}, {at.hour % 12 or 12}:{at:%M:%S}\u202f{'PM' if at.hour > 11 else 'AM'}"
    ),
    "en-GB": lambda at: f"{at:%d/%m/%Y, %H:%M:%S}",
    "de": lambda at: f"{at.day}.{at.month}.{at.year}, {at:%H:%M:%S}",
    "fr": lambda at: f"{at:%d/%m/%Y %H:%M:%S}",
    "sv": lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
    "ja": lambda at: f"{at.year}/{at.month}/{at.day} {at.hour}:{at:%M:%S}",
    "ko": lambda at: (
        f"{at.year}. {at.month}. {at.day}. {'오후' if at.hour > 11 else '오전'} {at.hour % 12 or 12}:{at:%M:%S}"
    ),
}
OLD_NAMES = {
    "onsignalingstatechange": "signalingStateChange",
    "oniceconnectionstatechange": "iceConnectionStateChange",
    "onconnectionstatechange": "connectionStateChange",
    "onicecandidate": "onIceCandidate",
}
OLD_STATES = {"signalingStateChange": "SignalingState", "iceConnectionStateChange": "ICEConnectionState"}


def recorded() -> dict[str, Any]:
    dump: dict[str, Any] = json.loads(unpacked(INTERNALS))
    return dump


def up_to_144(way: Callable[[datetime], str] = WAYS["en-US"], zone: timezone = ZONE) -> dict[str, Any]:
    dump = recorded()
    for name in ("timestamp", "cpuPerformance", "deviceMemory", "hardwareConcurrency"):
        del dump[name]
    for connection in dump["PeerConnections"].values():
        for update in connection["updateLog"]:
            update["time"] = way(datetime.fromtimestamp(update.pop("timestamp") / 1000, zone))
        for key, series in connection["stats"].items():
            if key.endswith("Timestamp]"):
                times = json.loads(connection["stats"][key.replace("[", "").replace("]", "")]["values"])
                series["values"] = json.dumps([way(datetime.fromtimestamp(ms / 1000, zone)) for ms in times if ms])
    return dump


def of_2020() -> dict[str, Any]:
    """Convert the recorded dump to the names and texts that Chromium used in 2020."""
    dump = up_to_144()
    for connection in dump["PeerConnections"].values():
        connection["rtcConfiguration"] = (
            "{ iceServers: [], iceTransportPolicy: all, bundlePolicy: balanced, rtcpMuxPolicy: require }"
        )
        connection["constraints"] = ""
        for update in connection["updateLog"]:
            update["type"] = OLD_NAMES.get(update["type"], update["type"])
            update["value"] = old_value(update["type"], update["value"])
        for series in connection["stats"].values():
            series.pop("statsType", None)
    return dump


def old_value(type_: str, text: str) -> str:
    value = json.loads(text) if text[:1] in ("{", '"') else text
    if isinstance(value, dict) and "sdp" in value:
        return f"type: {value['type']}, sdp: {value['sdp']}"
    if isinstance(value, dict) and value.get("candidate"):
        return f"sdpMid: {value['sdpMid']}, sdpMLineIndex: 0, candidate: {value['candidate']}, url: , relayProtocol: "
    if isinstance(value, str):
        return OLD_STATES.get(type_, "") + ("".join(map(str.title, value.split("-"))) if type_ in OLD_STATES else value)
    return text


def write(path: Path, dump: dict[str, Any]) -> Path:
    path.write_text(json.dumps(dump))
    return path


@pytest.fixture
def log() -> EventLog:
    return open_log(RECORDED)


@pytest.mark.parametrize("dump", [up_to_144(), of_2020()], ids=["up to 144", "2020"])
def test_an_old_dump_has_the_same_verdicts(log: EventLog, tmp_path: Path, dump: dict[str, Any]) -> None:
    joined = log.with_dump(open_dump(write(tmp_path / "dump", dump)))
    assert reasons(joined) == {"connected": "connected", "dtls-failed": "dtls-failed"}
    [clock] = joined.clocks.to_dict("records")
    assert clock["matches"] > 0
    assert "contradict" not in clock["sentence"]
    assert abs(clock["offset_s"]) < 2


def test_a_page_that_used_the_camera_long_before_it_connected_has_the_right_zone(log: EventLog, tmp_path: Path) -> None:
    dump = up_to_144()
    dump["getUserMedia"][0]["timestamp"] -= 40 * 60 * 1000
    dump["PeerConnections"] = dict(reversed(dump["PeerConnections"].items()))
    [clock] = log.with_dump(open_dump(write(tmp_path / "dump", dump))).clocks.to_dict("records")
    assert abs(clock["offset_s"]) < 2


def test_a_long_call_has_the_right_zone(log: EventLog, tmp_path: Path) -> None:
    """After 1000 values, Chromium drops the first values of a statistic, so that it begins long after the first
    update."""
    dump = up_to_144()
    dump["getUserMedia"] = []
    for connection in dump["PeerConnections"].values():
        for series in connection["stats"].values():
            for name in ("startTime", "endTime"):
                series[name] = (datetime.fromisoformat(series[name]) + timedelta(hours=2)).isoformat()
    [clock] = log.with_dump(open_dump(write(tmp_path / "dump", dump))).clocks.to_dict("records")
    assert abs(clock["offset_s"]) < 2


@pytest.mark.parametrize("dump", [up_to_144(), of_2020()], ids=["up to 144", "2020"])
def test_an_old_dump_has_the_same_connections(tmp_path: Path, dump: dict[str, Any]) -> None:
    now = open_dump(INTERNALS).connections.set_index("connection")
    then = open_dump(write(tmp_path / "dump", dump)).connections.set_index("connection")
    same = [
        "url",
        "ufrags",
        "remote_ufrags",
        "signaling",
        "ice",
        "state",
        "dtls",
        "local_type",
        "remote_type",
        "policy",
    ]
    for name in same:
        assert then[name].astype(object).to_dict() == now[name].astype(object).to_dict(), name


@pytest.mark.parametrize("zone", [ZONE, UTC, JAPAN], ids=str)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_times_in_the_format_of_each_country_are_read(
    tmp_path: Path, way: Callable[[datetime], str], zone: timezone
) -> None:
    now = {event.number: event.ts for event in open_dump(INTERNALS).recorded if event.name != "getStats"}
    then = open_dump(write(tmp_path / "dump", up_to_144(way, zone))).recorded
    assert {round(event.ts) for event in then if event.name == "setLocalDescription"} <= {
        round(ts) + more for ts in now.values() for more in (-1, 0, 1)
    }


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("11/10/2026, 3:04:05 PM", datetime(2026, 11, 10, 15, tzinfo=UTC), (2026, 11, 10, 15, 4, 5)),
        ("11/10/2026, 15:04:05", datetime(2026, 10, 11, 15, tzinfo=UTC), (2026, 10, 11, 15, 4, 5)),
        ("11/10/2026, 15:04:05", None, (2026, 11, 10, 15, 4, 5)),
        ("12/31/2026, 12:00:00 AM", None, (2026, 12, 31, 0, 0, 0)),
        ("31/12/2026, 12:00:00 p.m.", None, (2026, 12, 31, 12, 0, 0)),
        (
            "\u0662\u0668/\u0661\u0661/\u0662\u0660\u0662\u0666\u060c \u0661\u0665:\u0660\u0664:\u0660\u0665",
            None,
            (2026, 11, 28, 15, 4, 5),
        ),
    ],
)
def test_a_time_in_a_local_format_is_read(text: str, known: datetime | None, expected: tuple[int, ...]) -> None:
    times = LocalTimes([text], known.timestamp() if known is not None else None)
    assert times.seconds(text) == datetime(*expected, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


@pytest.mark.parametrize("unread", ["Invalid Date", "1/1/1970, 0:00:01"])
def test_a_time_in_both_forms_shows_the_zone_and_the_order(unread: str) -> None:
    at = datetime(2026, 2, 1, 20, 30, tzinfo=UTC).timestamp()
    times = LocalTimes(["1/2/2026, 10:00:00"], None, [(unread, 1.0), ("1/2/2026, 11:30:00", at)])
    assert times.seconds("1/2/2026, 10:00:00") == datetime(2026, 2, 1, 19, tzinfo=UTC).timestamp()


def test_one_day_above_12_shows_the_order_in_all_times() -> None:
    times = LocalTimes(["1/2/2026, 10:00:00", "28/1/2026, 10:00:00"], None)
    assert times.seconds("1/2/2026, 10:00:00") == datetime(2026, 2, 1, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("time", ["28/11/2569 15:04:05", "yesterday", "", None, "99/99/2026, 99:99:99"])
def test_events_without_a_readable_time_stay_in_their_order(tmp_path: Path, log: EventLog, time: str | None) -> None:
    dump = up_to_144(lambda at: time or "")
    if time is None:
        for connection in dump["PeerConnections"].values():
            for update in connection["updateLog"]:
                del update["time"]
    read = open_dump(write(tmp_path / "dump", dump))
    names = [
        event.name for event in read.recorded if event.connection == "10-1" and event.name not in ("create", "getStats")
    ]
    assert names == [update["type"] for update in dump["PeerConnections"]["10-1"]["updateLog"]]
    assert reasons(log.with_dump(read)) == {"connected": "connected", "dtls-failed": "dtls-failed"}


@pytest.mark.parametrize(
    "missing", ["getUserMedia", "UserAgent", "stats", "updateLog", "rtcConfiguration", "url", "pid"]
)
def test_missing_fields_are_optional(tmp_path: Path, missing: str) -> None:
    dump = up_to_144()
    dump.pop(missing, None)
    for connection in dump["PeerConnections"].values():
        connection.pop(missing, None)
    assert len(open_dump(write(tmp_path / "dump", dump)).connections) == 4


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("path", [INTERNALS, RTCSTATS], ids=["webrtc-internals", "rtcstats"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_an_editor_has_saved_is_read(tmp_path: Path, path: Path, encoding: str, packed: bool) -> None:
    content = unpacked(path).replace("\n", "\r\n").encode(encoding)
    assert content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16))
    (tmp_path / "dump").write_bytes(gzip.compress(content) if packed else content)
    assert len(open_dump(tmp_path / "dump").recorded) == len(open_dump(path).recorded)


def test_an_incomplete_download_is_reported_in_one_sentence(tmp_path: Path) -> None:
    text = json.dumps(up_to_144())
    (tmp_path / "dump").write_text(text[: len(text) // 2])
    with pytest.raises(DamagedDump, match="dump is not as a browser writes it: Input data was truncated"):
        open_dump(tmp_path / "dump")


@pytest.mark.parametrize(
    "content",
    [
        "<!doctype html><title>about:webrtc</title><body>…</body>",
        json.dumps({"pcid": "x", "sdpHistory": [], "iceCandidatePairStats": []}),
    ],
)
def test_a_file_from_firefox_is_refused_with_an_alternative(tmp_path: Path, content: str) -> None:
    (tmp_path / "saved").write_text(content)
    with pytest.raises(NoDump, match=r"Firefox's about:webrtc, .* signaling\(\{ trace: true \}\)"):
        open_dump(tmp_path / "saved")
