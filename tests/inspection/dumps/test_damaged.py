"""For a file that is not a valid dump, one sentence names the file and the place of the error."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

from signaling_sidecar.errors import SidecarError
from signaling_sidecar.inspection import EventLog, open_dump, open_log
from signaling_sidecar.inspection.errors import DamagedDump, NoDump
from tests.kit.any_json import ANYTHING
from tests.kit.browser_dumps import INTERNALS, RECORDED, RTCSTATS, offer, unpacked, write_internals, write_rtcstats

CREATED = (0.0, "create", "PC_0", None)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((content, "neither a webrtc-internals dump nor") for content in (b"", b"hi", b"{}", b"\x00\xff", b"[[]]")),
        (b"RTCStatsDumps\n{}", "neither a webrtc-internals dump nor an rtcstats file: chrome://webrtc-internals"),
        (b'["connectionInfo",null,{"clientProtocol":"3.1_STANDARD"},1647265211909]\n', "from Jitsi's or an old rtcsta"),
        (b'["create", "PC_0", {}, 1647265211909]\n', "from Jitsi's or an old rtcstats-server"),
        (b'{"statsSessionId":"x","type":"identity","data":{"applicationName":"JVB"}}\n', "from Jitsi's"),
        (b'{"PeerConnections": {}, "peerConnections": {"PC_0": []}}', "from Jitsi's or an old rtcstats-server"),
        (b'{\n  "log": {"version": "1.2", "creator": {}, "entries": []}}', "a HAR, a recording of HTTP requests: "),
        (bytes.fromhex("d4c3b2a1 0200 0400") + bytes(40), "a capture of packets: download a dump at chrome://webrtc"),
        (bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 0100"), "a capture of packets"),
        (b"#!rtpplay1.0 0.0.0.0/0\n", "an RTP dump: download"),
        (b"<!DOCTYPE html><title>WebRTC Internals</title>", "a web page: download"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive: unpack it, and open the file in it"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_an_alternative(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(NoDump, match=rf"file' is {kind}"):
        open_dump(tmp_path / "file")


def test_a_log_is_refused_as_a_dump() -> None:
    with pytest.raises(NoDump, match="is the log of a sidecar: read it with open_log"):
        open_dump(next(RECORDED.glob("*.jsonl")))


@pytest.mark.parametrize("dump", [RTCSTATS, INTERNALS], ids=["rtcstats", "internals"])
def test_a_dump_that_an_editor_or_powershell_has_saved_is_the_same(dump: Path, tmp_path: Path) -> None:
    text = gzip.decompress(dump.read_bytes()).decode()
    windows = text.replace("\n", "\r\n")
    for number, saved in enumerate(
        (windows.encode("utf-8-sig"), windows.encode("utf-16"), f"\n\n{windows}\n".encode())
    ):
        for packed in (saved, gzip.compress(saved, 1)):
            (tmp_path / str(number)).write_bytes(packed)
            assert open_dump(tmp_path / str(number)).recorded == open_dump(dump).recorded


@pytest.mark.parametrize("dump", [RTCSTATS, INTERNALS], ids=["rtcstats", "internals"])
def test_a_dump_that_was_packed_in_parts_is_read_completely(dump: Path, tmp_path: Path) -> None:
    content = gzip.decompress(dump.read_bytes())
    half = len(content) // 2
    (tmp_path / "parts").write_bytes(gzip.compress(content[:half]) + gzip.compress(content[half:]))
    assert open_dump(tmp_path / "parts").recorded == open_dump(dump).recorded


def test_a_dump_with_a_broken_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(codecs.BOM_UTF16_LE + b"{\0\x00\xd8")
    with pytest.raises(DamagedDump, match="dump is not as a browser writes it: "):
        open_dump(tmp_path / "dump")


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoDump, match="nothing' cannot be read: No such file or directory"):
        open_dump(tmp_path / "nothing")
    with pytest.raises(NoDump, match="cannot be read: Is a directory"):
        open_dump(tmp_path)


def test_an_rtcstats_file_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoDump, match="is an rtcstats file of format 2, and this release reads 3"):
        open_dump(write_rtcstats(tmp_path / "page", header={"fileFormat": 2}))


@pytest.mark.parametrize("torn", ["\n", "", '\n["setLocalDesc', '\n["close","PC_0",nu', "\n[", '\n["é'])
def test_an_incomplete_last_line_is_skipped(tmp_path: Path, torn: str) -> None:
    path = write_rtcstats(tmp_path / "page", CREATED, (1.0, "onconnectionstatechange", "PC_0", "new"), end=torn)
    assert [event.name for event in open_dump(path).recorded] == ["create", "onconnectionstatechange"]


def test_a_truncated_gzip_dump_is_read_as_far_as_possible(tmp_path: Path) -> None:
    packed = RTCSTATS.read_bytes()
    (tmp_path / "short").write_bytes(packed[: len(packed) // 2])
    assert 0 < len(open_dump(tmp_path / "short").recorded) < len(open_dump(RTCSTATS).recorded)
    (tmp_path / "short").write_bytes(INTERNALS.read_bytes()[:2000])
    with pytest.raises(DamagedDump, match="short is not as a browser writes it: "):
        open_dump(tmp_path / "short")
    (tmp_path / "bad").write_bytes(gzip.compress(b"")[:9] + b"nonsense")
    with pytest.raises((DamagedDump, NoDump)):
        open_dump(tmp_path / "bad")


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "{}",
        "[]",
        '["close","PC_0",null]',
        '[null,"PC_0",null,1]',
        '["close",5,null,1]',
        '["close","PC_0",1,"1"]',
    ],
)
def test_the_error_names_a_line_that_is_not_an_event(tmp_path: Path, line: str) -> None:
    path = write_rtcstats(tmp_path / "page", CREATED)
    path.write_text(f"{path.read_text()}{line}\n{json.dumps(['close', 'PC_0', None, 1])}\n")
    with pytest.raises(DamagedDump, match=r"page, line 4 is not as a browser writes it: "):
        open_dump(path)


@pytest.mark.parametrize("header", [[], 5, {}, {"fileFormat": "3"}, {"fileFormat": 3, "origin": 5}])
def test_the_error_names_an_invalid_header(tmp_path: Path, header: object) -> None:
    with pytest.raises(DamagedDump, match=r"page, line 2 is not"):
        open_dump(write_rtcstats(tmp_path / "page", header=header))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("onconnectionstatechange", 5),
        ("oniceconnectionstatechange", None),
        ("setLocalDescription", "v=0"),
        ("setRemoteDescription", {"type": "offer", "sdp": 5}),
        ("create", []),
        ("create", {"iceTransportPolicy": 5}),
        ("addIceCandidateOnFailure", {}),
        ("getStats", []),
        ("getStats", {"T01": {"selectedCandidatePairId": []}}),
        ("getStats", {"T01": {"125": 5}}),
    ],
)
def test_the_error_names_a_value_of_a_wrong_type(tmp_path: Path, name: str, value: object) -> None:
    path = write_rtcstats(tmp_path / "page", CREATED, (1.0, name, "PC_0", value))
    with pytest.raises(DamagedDump, match=rf"page, event 2, {name} of PC_0 is not as a browser writes it: Expected"):
        open_dump(path)


@pytest.mark.parametrize("at_ms", [-1, 1e18, 1e400])
def test_the_error_names_an_impossible_time(tmp_path: Path, at_ms: float) -> None:
    path = tmp_path / "page"
    path.write_text(f'RTCStatsDump\n{{"fileFormat":3}}\n["create","PC_0",null,{at_ms!r}]\n\n')
    with pytest.raises(DamagedDump, match="page, line 3 is not"):
        open_dump(path)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"updateLog": 5}, r"`\$.PeerConnections\[...\].updateLog`"),
        ({"updateLog": [{"type": "close", "value": "", "timestamp": "soon"}]}, "timestamp"),
        ({"updateLog": [{"type": "close", "timestamp": -5}]}, r"updateLog\[0\] of 7-1"),
        ({"url": 5}, "url"),
        ({"rtcConfiguration": "[]"}, "create of 7-1"),
        ({"stats": {"T01-dtlsState": {"endTime": "yesterday", "values": "[]"}}}, "endTime"),
        (
            {"stats": {"T01-dtlsState": {"endTime": "2026-11-21T10:28:14Z", "values": "connected"}}},
            "stats T01-dtlsState",
        ),
        ({"stats": {"T01-dtlsState": {"endTime": "2026-11-21T10:28:14Z", "values": "[[]]"}}}, "getStats of 7-1"),
    ],
)
def test_the_error_names_what_is_invalid_in_a_webrtc_internals_dump(
    tmp_path: Path, fields: dict[str, Any], place: str
) -> None:
    with pytest.raises(DamagedDump, match=rf"dump.* is not as a browser writes it: |{place}") as error:
        open_dump(write_internals(tmp_path / "dump", (0.0, "setLocalDescription", offer("BENu")), **fields))
    assert str(tmp_path / "dump") in str(error.value)
    error.match(place)


# --- anything at all ------------------------------------------------------------------------------------------------


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every object and array in a JSON document, with each of its keys or indexes."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@pytest.fixture(scope="module")
def log() -> EventLog:
    return open_log(RECORDED)


def opens_or_says_why(path: Path, log: EventLog) -> None:
    error: SidecarError | None = None
    try:
        dump = open_dump(path)
    except SidecarError as refused:
        error = refused
    if error is not None:
        assert str(path) in str(error)
    else:
        assert len(dump.events) == len(dump.recorded)
        assert dump._repr_html_()
        assert str(log.with_dump(dump).diagnose())


@pytest.mark.fuzz
@given(strategies.data())
def test_any_value_anywhere_in_a_webrtc_internals_dump_is_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, log: EventLog, data: strategies.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-internals"
    write_internals(path, (0.0, "setLocalDescription", offer("BENu")), (0.1, "onconnectionstatechange", "new"))
    dump = json.loads(path.read_text())
    container, key = data.draw(strategies.sampled_from(list(places(dump))))
    container[key] = data.draw(ANYTHING)
    path.write_text(json.dumps(dump))
    opens_or_says_why(path, log)


@pytest.mark.fuzz
@given(strategies.data())
def test_any_value_anywhere_in_an_rtcstats_file_is_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, log: EventLog, data: strategies.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-rtcstats"
    lines = unpacked(RTCSTATS).splitlines()
    number = data.draw(strategies.integers(1, len(lines) - 1))
    line = [json.loads(lines[number])]
    container, key = data.draw(strategies.sampled_from(list(places(line))))
    container[key] = data.draw(ANYTHING)
    lines[number] = json.dumps(line[0])
    path.write_text("\n".join([*lines, ""]))
    opens_or_says_why(path, log)
