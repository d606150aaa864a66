"""The diagnosis finds descriptions and candidates in the frames of other libraries, whatever their format.

If it cannot read the signals of a pair, it does not report that they are missing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from signaling_sidecar.diagnosis import Reason, diagnose, read_entries
from signaling_sidecar.eventlog.nested_text import MAX_LAYERS
from signaling_sidecar.eventlog.payload import find_candidates, find_description, find_media, summarise
from signaling_sidecar.inspection import open_log
from tests.kit.diagnosis_log import Story
from tests.kit.shared_copy import shared_copy

Frame = dict[str, Any]
SETUP = {"offer": "actpass", "answer": "active"}


def sdp(kind: str, ufrag: str) -> str:
    return f"v=0\r\no=- 7 2 IN IP4 127.0.0.1\r\na=ice-ufrag:{ufrag}\r\na=setup:{SETUP[kind]}\r\n"


def candidate(ufrag: str, address: str) -> Frame:
    return {"candidate": f"candidate:1 1 udp 99 {address} 5000 typ host ufrag {ufrag}", "sdpMid": "0"}


def text(value: object) -> str:
    return json.dumps(value)


def packed(value: object) -> str:
    return base64.b64encode(text(value).encode()).decode()


def description(kind: str, ufrag: str) -> Frame:
    return {"type": kind, "sdp": sdp(kind, ufrag)}


SHAPES: dict[str, Callable[[str, str, str], list[Frame]]] = {
    "simple-peer, as in its README": lambda kind, ufrag, address: [
        {"data": text(description(kind, ufrag))},
        {"data": text({"type": "candidate", "candidate": candidate(ufrag, address)})},
    ],
    "simple-peer, stringified twice": lambda kind, ufrag, address: [
        {"data": text(text(description(kind, ufrag)))},
        {"data": text(text({"candidate": candidate(ufrag, address)}))},
    ],
    "PeerJS": lambda kind, ufrag, address: [
        {
            "payload": {
                "type": kind.upper(),
                "payload": {"sdp": {"sdp": sdp(kind, ufrag)}, "type": "data", "connectionId": "dc_1"},
            }
        },
        {"payload": {"type": "CANDIDATE", "payload": {"candidate": candidate(ufrag, address), "type": "data"}}},
    ],
    "y-webrtc": lambda kind, ufrag, address: [
        {"topic": "notes", "data": {"type": "signal", "from": "a", "to": "b", "signal": description(kind, ufrag)}},
        {"topic": "notes", "data": {"type": "signal", "signal": {"candidate": candidate(ufrag, address)}}},
    ],
    "matchbox": lambda kind, ufrag, address: [
        {"data": {"Signal": {"receiver": "b", "data": {kind.title(): sdp(kind, ufrag)}}}},
        {"data": {"Signal": {"receiver": "b", "data": {"IceCandidate": text(candidate(ufrag, address))}}}},
    ],
    "a bare SDP": lambda kind, ufrag, address: [
        {"description": sdp(kind, ufrag)},
        {"ice": candidate(ufrag, address)["candidate"]},
    ],
    "pion's base64": lambda kind, ufrag, address: [
        {"signal": packed(description(kind, ufrag))},
        {"signal": packed(candidate(ufrag, address))},
    ],
    "base64 without padding, of a URL": lambda kind, ufrag, address: [
        {"d": base64.urlsafe_b64encode(sdp(kind, ufrag).encode()).decode().rstrip("=")},
        {"d": packed([candidate(ufrag, address)]).rstrip("=")},
    ],
    "encodeURIComponent": lambda kind, ufrag, address: [
        {"d": quote(text(description(kind, ufrag)))},
        {"d": quote(text(candidate(ufrag, address)))},
    ],
    "a batch": lambda kind, ufrag, address: [
        {"batch": [candidate(ufrag, address), description(kind, ufrag), candidate(ufrag, "10.0.0.9")]}
    ],
    "a batch in text": lambda kind, ufrag, address: [
        {"msg": text({"signals": [text(description(kind, ufrag)), text(candidate(ufrag, address))]})}
    ],
    "after gathering": lambda kind, ufrag, address: [
        {"message": text({"sdp": sdp(kind, ufrag) + f"a={candidate(ufrag, address)['candidate']}\r\n"})}
    ],
}


def negotiated(story: Story, shape: Callable[[str, str, str], list[Frame]], send: str) -> Story:
    story.joins("ben", "Ben")
    for peer, kind, ufrag, address in (("ben", "offer", "BENu", "10.0.0.2"), ("ann", "answer", "ANNu", "10.0.0.1")):
        for frame in shape(kind, ufrag, address):
            if send == "signal":
                story.sends(peer, "signal", **frame)
            else:
                story.record("signal.relayed", peer, kind="broadcast", data={"type": "broadcast", **frame})
    return story.waits(60)


@pytest.mark.parametrize("send", ["signal", "broadcast"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_signals_of_every_form_are_read(story: Story, shape: Callable[[str, str, str], list[Frame]], send: str) -> None:
    verdict = negotiated(story, shape, send).verdict()
    assert verdict.finding.reason is Reason.UNKNOWN, verdict.sentence
    assert [len(verdict.attempt.candidates[side]) > 0 for side in (0, 1)] == [True, True]
    assert verdict.attempt.ufrags == {"ANNu", "BENu"}
    joined = story.reports("ann", localUfrag="ANNu", connection="connected").verdict()
    assert joined.finding.reason is Reason.CONNECTED


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_tables_contain_candidates_of_every_form(
    story: Story, shape: Callable[[str, str, str], list[Frame]]
) -> None:
    log = open_log(negotiated(story, shape, "signal").write())
    assert set(log.candidates["address"]) >= {"10.0.0.1", "10.0.0.2"}
    assert {"offer", "answer"} <= set(log.signals["sdp_type"].dropna())
    assert {"signal: offer", "signal: answer"} <= {step.what for step in log.ladder("bar").steps}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_redacted_copy_has_the_same_diagnosis(
    story: Story, shape: Callable[[str, str, str], list[Frame]], tmp_path: Path
) -> None:
    path = negotiated(story, shape, "signal").write()
    lines = shared_copy(path)
    assert not any(secret in lines for secret in (b"ANNu", b"BENu", b"10.0.0.2"))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "events-b00t-0001.jsonl").write_bytes(lines)
    copy = diagnose(read_entries([tmp_path / "shared" / "events-b00t-0001.jsonl"]), story.now_ts)
    assert [verdict.finding.reason for verdict in copy.verdicts] == [Reason.UNKNOWN]
    assert len(copy.verdicts[0].attempt.ufrags) == 2


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_summary_of_every_form_has_the_same_diagnosis(
    story: Story, shape: Callable[[str, str, str], list[Frame]]
) -> None:
    story.joins("ben", "Ben")
    for peer, kind, ufrag in (("ben", "offer", "BENu"), ("ann", "answer", "ANNu")):
        for frame in shape(kind, ufrag, "10.0.0.1"):
            kept = summarise(text({"type": "signal", **frame}).encode())
            story.record("signal.relayed", peer, kind="signal", data=kept)
    assert story.waits(60).verdict().finding.reason is Reason.UNKNOWN


def test_the_type_of_an_offer_takes_precedence_over_its_content() -> None:
    assert find_media(text({"type": "rollback", "sdp": sdp("offer", "A")})).sdp_type == "rollback"
    assert find_media(text({"pranswer": sdp("answer", "A")})).sdp_type == "pranswer"
    assert find_media(text({"x": sdp("answer", "A")})).sdp_type == "answer"
    assert find_media(text({"x": "v=0\r\n"})).sdp_type is None


def test_only_a_limited_number_of_layers_is_decoded() -> None:
    value: object = description("offer", "A")
    for _ in range(MAX_LAYERS):
        value = {"d": text(value)}
    assert find_description(text(value)) == sdp("offer", "A")
    assert find_description(text({"d": text(value)})) is None
    assert find_candidates("{" * 100_000) == []


@pytest.mark.parametrize("not_json", ["{", '{"a":', "[1,2", '"', "eyJ!", "eyJhIjoxfQ=x", "%7Bno", "{}}", "eyJhIjoxf"])
def test_text_that_only_looks_like_a_document_is_not_decoded(story: Story, not_json: str) -> None:
    assert find_media(text({"data": not_json})).description_bytes is None
    path = story.sends("ann", "signal", data=not_json).write()
    shared = json.loads(shared_copy(path).splitlines()[-1])["data"]
    assert json.loads(shared)["data"] == "text-1"


def test_two_rooms_with_json_as_names_stay_different_in_a_redacted_copy(tmp_path: Path) -> None:
    """A name always gets one pseudonym, even if it looks like JSON.

    If it were redacted as JSON, `[1]` and `[2]` would both become `[0]`.
    """
    story = Story(tmp_path)
    for name in ("[1]", "[2]"):
        story.record("peer.joined", "ann", room=name, data={"name": name})
    lines = [json.loads(line) for line in shared_copy(story.write()).splitlines()]
    assert len({line.get("room") for line in lines[-2:]}) == 2


# --- unknown forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", ["U2FsdGVkX1+vupppZksvRf5pq5g5XjFRlipRkwB0K1Y=", {"o": "vN0AoBw"}, "\x00", 7])
def test_signals_in_an_unknown_form_are_not_reported_as_missing(story: Story, payload: object) -> None:
    story.joins("ben", "Ben").sends("ben", "signal", data=payload).sends("ann", "signal", data=payload)
    verdict = story.waits(60).verdict()
    assert verdict.finding.reason is verdict.signaling.reason is Reason.UNRECOGNISED
    assert verdict.finding.sentence == ("2 signals passed between them, and none is an offer in a known form")
    assert "trace: true" in (verdict.next_step or "")
    assert "observe" in (verdict.next_step or "")
    assert story.evidence() == ["signal", "signal"]


def test_a_log_without_payloads_is_mentioned_in_the_diagnosis(story: Story) -> None:
    story.joins("ben", "Ben").record("signal.relayed", "ben", to="ann", kind="signal").waits(60)
    verdict = story.verdict()
    assert verdict.finding.reason is Reason.UNRECOGNISED
    assert verdict.sentence.endswith("in a known form (the log keeps no payloads)")


def test_candidates_are_not_reported_as_missing_if_the_log_has_no_payloads(story: Story) -> None:
    story.joins("ben", "Ben")
    for peer, to, kind in (("ben", "ann", "offer"), ("ann", "ben", "answer"), ("ben", "ann", "candidate")):
        story.record("signal.relayed", peer, to=to, kind=kind)
    assert story.waits(60).verdict().finding.sentence == (
        "the signaling is complete; no browser has reported whether they are connected"
    )


def test_a_browser_reports_the_result_of_signals_in_an_unknown_form(story: Story) -> None:
    story.joins("ben", "Ben").sends("ben", "signal", data="sealed").sends("ann", "signal", data="sealed")
    story.reports("ann", peerId="ben", connection="connecting").waits(60)
    assert story.verdict().finding.reason is Reason.ICE_FAILED
    assert story.reports("ann", peerId="ben", connection="connected").verdict().finding.reason is Reason.CONNECTED


def test_a_peer_that_leaves_after_signals_in_an_unknown_form_may_have_been_connected(story: Story) -> None:
    story.joins("ben", "Ben").sends("ben", "signal", data="sealed").sends("ann", "signal", data="sealed")
    assert story.leaves("ben").waits(60).verdict().finding.reason is Reason.UNRECOGNISED


def test_an_answer_in_an_unknown_form_is_noted(story: Story) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").sends("ann", "signal", data="sealed").waits(60)
    assert story.verdict().finding.reason is Reason.OFFER_UNANSWERED
    assert story.verdict().notes == ("Ann has sent 1 signal in an unknown form",)


def test_a_peer_without_signals_has_sent_no_offer(story: Story) -> None:
    assert story.joins("ben", "Ben").waits(60).verdict().finding.reason is Reason.NOBODY_OFFERED
