"""The comparison of two session descriptions, line by line."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from signaling_sidecar.drawing.sdp_diff.sections import compare
from signaling_sidecar.errors import SidecarError
from signaling_sidecar.eventlog.payload import find_description, summarise
from signaling_sidecar.inspection import EventLog, open_log
from signaling_sidecar.inspection.errors import NoDescription, UnknownRecord
from tests.kit.checkout import RECORDED
from tests.kit.inspection_log import BEN, TWO_PEERS, header, record, write_segment

SESSION = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-"]
AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=setup:actpass", "a=rtpmap:111 opus/48000/2"]
VIDEO = ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=rtpmap:96 VP8/90000"]
DATA = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2"]


def sdp(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS))


AN_ANSWER_DIFFERS = """\
--- SDP
+++ SDP
@@ session @@
 v=0
 o=- 1 2 IN IP4 127.0.0.1
 s=-
@@ m=audio, mid 0 @@
 m=audio 9 UDP/TLS/RTP/SAVPF 111
 a=mid:0
-a=setup:actpass
+a=setup:active
 a=rtpmap:111 opus/48000/2
@@ m=video, mid 1 @@
-m=video 9 UDP/TLS/RTP/SAVPF 96
-a=mid:1
-a=rtpmap:96 VP8/90000
@@ m=application, mid 2 @@
+m=application 9 UDP/DTLS/SCTP webrtc-datachannel
+a=mid:2"""


def test_a_difference_in_characters_is_a_unified_diff_by_section(log: EventLog) -> None:
    answer = [line.replace("actpass", "active") for line in AUDIO]
    diff = log.sdp_diff(sdp(*SESSION, *AUDIO, *VIDEO), sdp(*SESSION, *answer, *DATA))
    assert str(diff) == AN_ANSWER_DIFFERS
    assert repr(diff) == str(diff)


def test_lines_with_the_same_attribute_are_side_by_side() -> None:
    theirs = ["m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", "a=setup:active", "a=new", "a=rtpmap:0 PCMU/8000"]
    (_, audio) = compare(sdp(*SESSION, *AUDIO), sdp(*SESSION, *theirs))
    assert [tuple(row) for row in audio.rows if row.mark != "same"] == [
        ("changed", AUDIO[0], theirs[0]),
        ("changed", "a=setup:actpass", "a=setup:active"),
        ("removed", "a=rtpmap:111 opus/48000/2", None),
        ("added", None, "a=new"),
        ("added", None, "a=rtpmap:0 PCMU/8000"),
    ]


def test_shortened_credentials_differ_even_if_only_their_ends_differ(log: EventLog) -> None:
    secret = ["a=ice-ufrag:pG4x", f"a=ice-pwd:{'p' * 24}", f"a=fingerprint:sha-256 {'AB:' * 31}AB"]
    diff = str(log.sdp_diff(sdp(*SESSION, *secret), sdp(*SESSION, secret[0], f"{secret[1]}q", f"{secret[2]}:CD")))
    assert diff.splitlines()[-5:] == [
        " a=ice-ufrag:pG4x",
        "-a=ice-pwd:pppppppp…",
        "+a=ice-pwd:pppppppp…",
        "-a=fingerprint:sha-256 AB:AB:AB…",
        "+a=fingerprint:sha-256 AB:AB:AB…",
    ]


def test_records_can_be_chosen_by_their_number_or_row(log: EventLog) -> None:
    expected = ["--- 6 offer, ben to ann", "+++ 7 answer, ann to ben", "@@ session @@", " v=0"]
    rows = [row for _, row in log.signals.iterrows()]
    for a, b in ((6, 7), (rows[0]["seq"], rows[1]["seq"]), (("b00t", 6), ("b0", 7)), (rows[0], rows[1])):
        assert str(log.sdp_diff(a, b)).splitlines()[:4] == expected
    assert "+++ SDP" in str(log.sdp_diff(6, sdp(*SESSION)))
    for wrong in (None, 6.5, ("b00t",), log.rooms.iloc[0].drop("boot"), log.signals):
        with pytest.raises(TypeError, match="must be a row of `signals`, its `seq`"):
            log.sdp_diff(6, wrong)  # type: ignore[arg-type]


def test_a_number_in_several_boots_must_be_given_with_its_boot(tmp_path: Path) -> None:
    second = [line.replace("b00t", "cafe") for line in TWO_PEERS]
    log = open_log(write_segment(tmp_path / "both.jsonl", [*TWO_PEERS, *second]))
    with pytest.raises(UnknownRecord, match=r"2 boots .* signal 6, choose one: \('b00t', 6\), \('cafe', 6\)"):
        log.sdp_diff(6, 7)
    assert " v=0" in str(log.sdp_diff(("b00t", 6), ("cafe", 7)))


@pytest.mark.parametrize("chosen", [4, 99, ("cafe", 6)])
def test_the_error_for_a_record_that_is_not_a_signal_names_it(log: EventLog, chosen: int | tuple[str, int]) -> None:
    with pytest.raises(UnknownRecord, match=re.escape(f"this log has no signal {chosen!r}")) as error:
        log.sdp_diff(chosen, 7)
    assert isinstance(error.value, SidecarError)


@pytest.mark.parametrize(
    ("chosen", "named"), [(8, r"record 8 \(candidate\)"), (14, r"record 14 \(candidate\)"), ("hello", "text 'hello'")]
)
def test_the_error_for_a_record_without_a_description_names_it(log: EventLog, chosen: int | str, named: str) -> None:
    with pytest.raises(NoDescription, match=f"{named} contains no session description") as error:
        log.sdp_diff(6, chosen)
    assert isinstance(error.value, SidecarError)


def test_a_summary_of_a_payload_contains_no_description(tmp_path: Path) -> None:
    kept = summarise(b'{"type":"offer","sdp":"v=0\\r\\n"}')
    lines = [
        header("b00t"),
        *(record(n, n, "signal.relayed", **BEN, to="ann", kind="offer", data=kept) for n in (2, 3)),
    ]
    with pytest.raises(NoDescription, match=r"`payloads` must be 'full'"):
        open_log(write_segment(tmp_path / "a.jsonl", lines)).sdp_diff(2, 3)


@pytest.mark.parametrize("payload", ["", "{", '{"sdp":"hello"}', "[" * 30_000, b"\xff"])
def test_a_payload_without_a_description_is_not_an_error(payload: str | bytes) -> None:
    assert find_description(payload) is None


def test_a_description_is_found_in_the_frames_of_every_dialect() -> None:
    assert find_description('{"type":"signal","payload":[{"deep":{"x":"v=0\\r\\n"}}]}') == "v=0\r\n"


def test_the_html_is_well_formed_and_folds_equal_lines(log: EventLog) -> None:
    many = [f"a=extmap:{n} urn:{n}" for n in range(9)]
    html = log.sdp_diff(
        sdp(*SESSION, *AUDIO, *many), sdp(*SESSION, AUDIO[0], "a=mid:7", *AUDIO[2:], *many)
    )._repr_html_()
    page = ElementTree.fromstring(html)
    assert {element.tag for element in page.iter()} <= {"div", "b", "span", "details", "summary"}
    assert {name for element in page.iter() for name in element.attrib} == {"style"}
    assert [summary.text for summary in page.iter("summary")] == ["3 equal lines", "9 equal lines"]
    assert page[0].text == "1 line differs"
    assert "no line differs" in log.sdp_diff(6, 6)._repr_html_()


def test_html_in_a_description_is_escaped(log: EventLog) -> None:
    diff = log.sdp_diff(sdp(*SESSION), sdp(*SESSION, "s=<script>\x1b[31m\u202e", "m=<b>", "a=mid:<i>"))
    html = diff._repr_html_()
    ElementTree.fromstring(html)
    assert "<script" not in html
    assert "<i>" not in html
    for text in (str(diff), html):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", text)


def test_a_recorded_offer_and_its_answer_differ_in_the_negotiated_attributes() -> None:
    offer, answer = 15, 18
    session, data = open_log(RECORDED / "three-peers").sdp_diff(offer, answer).sections
    assert (session.title, data.title) == ("session", "m=application, mid 0")
    changed = [(row.one or "").split(":")[0] for row in data.rows if row.mark == "changed"]
    assert changed == ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"]
    faults = open_log(RECORDED / "seven-faults")
    described = faults.signals[(faults.signals["room"] == "dtls-failed") & faults.signals["sdp_type"].notna()]
    assert "a=fingerprint:sha-256" in str(faults.sdp_diff(described["seq"].iloc[0], described["seq"].iloc[1]))
