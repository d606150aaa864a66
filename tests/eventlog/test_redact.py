"""A redacted copy of the log contains nothing that identifies people, and everything that a diagnosis needs."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signaling_sidecar.diagnosis import diagnose, read_entries
from signaling_sidecar.dialects import DIALECTS, Dialect
from signaling_sidecar.dialects.words import dialect_words
from signaling_sidecar.errors import no_such_peer
from signaling_sidecar.eventlog import Line
from signaling_sidecar.eventlog.address_class import address_class
from signaling_sidecar.eventlog.allowed_words import TRACE_WORDS, known_keys
from signaling_sidecar.eventlog.payload import find_candidates, find_media, summarise
from signaling_sidecar.eventlog.pseudonyms import Pseudonyms
from signaling_sidecar.eventlog.redact import Redactor
from signaling_sidecar.hub import RoomKey
from signaling_sidecar.hub.checkpoint import (
    AwayState,
    Checkpoint,
    KeptFrameState,
    KeptState,
    ResumptionState,
    RoomInLog,
    SessionState,
    TryState,
)
from signaling_sidecar.hub.matchmaking import Waiting
from signaling_sidecar.hub.messages import Notice, PeerJoined, PeerLeft, Refused, Relayed
from signaling_sidecar.hub.rules import Ending, OwnRules, Reason
from signaling_sidecar.hub.views import PeerView
from signaling_sidecar.settings import Settings
from tests.kit.checkout import RECORDED
from tests.kit.diagnosis_log import Story, sdp
from tests.kit.inspection_log import ANN, BAR, record
from tests.kit.shared_copy import shared_copy

COLUMNS = ("room", "peer", "to", "session")
SECRET_KEYS = (
    *("name", "token", "proven", "instance", "page", "pc", "link", "forLink", "peerId", "origin", "user_agent"),
    *("project", "boot", "localUfrag", "remoteUfrag", "usernameFragment", "message"),
)
SECRETS_IN_SDP = (
    re.compile(r"a=ice-ufrag:(\S+)"),
    re.compile(r"a=ice-pwd:(\S+)"),
    re.compile(r"a=fingerprint:\S+ (\S+)"),
    re.compile(r"o=\S+ (\d+)"),
    re.compile(r"candidate:\S+ \d+ \S+ \d+ (\S+)"),
)
A_ROOM_AND_A_STATE = {"connected"}
KNOWN_WORDS = known_keys().union(*dialect_words().by_key().values(), *TRACE_WORDS.values())
WELL_KNOWN = {"127.0.0.1", "0.0.0.0", "::1", "::"}
DESCRIPTION = (
    "v=0\r\no=- 5360776028417552763 2 IN IP4 127.0.0.1\r\na=ice-ufrag:ANNu\r\na=candidate:1 1 udp 1 {} 9 typ host\r\n"
)


def redacted(path: Path) -> str:
    return shared_copy(path).decode()


def shared(line: str) -> Line:
    """Redact a single record."""
    return Redactor(dialect_words()).redact(msgspec.json.decode(line, type=Line))


def shared_data(type_: str, data: Any, **fields: Any) -> Any:
    text = shared(record(1, 0, type_, **fields, data=data)).data
    return None if text is None else json.loads(text)


def secrets_of(path: Path) -> Iterator[str]:
    """Find the strings in a recorded log that identify people and their computers, without the code under test."""
    for text in path.read_text().splitlines():
        line = json.loads(text)
        yield from (line[name] for name in COLUMNS if name in line)
        yield from json.loads(line.get("numbers", "{}"))
        waiting: list[Any] = [json.loads(line.get("data", "{}"))]
        while waiting:
            for key, value in waiting.pop().items():
                if isinstance(value, dict):
                    waiting.append(value)
                elif isinstance(value, str):
                    yield from [value] if key in SECRET_KEYS else []
                    yield from (found for each in SECRETS_IN_SDP for found in each.findall(value))


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*/*.jsonl")), ids=lambda path: path.parent.name)
def test_a_redacted_copy_contains_no_personal_data(path: Path) -> None:
    secrets = set(secrets_of(path)) - A_ROOM_AND_A_STATE - WELL_KNOWN
    assert len(secrets) > 100
    copy = redacted(path)
    assert not {secret for secret in secrets if secret in copy}
    assert not {json.loads(line).get("room") for line in copy.splitlines()} & A_ROOM_AND_A_STATE


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*/*.jsonl")), ids=lambda path: path.parent.name)
def test_the_diagnosis_of_a_redacted_copy_is_the_same(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_text(redacted(path))
    assert findings(copy) == findings(path)
    assert len(findings(path)) > 4


def findings(path: Path) -> list[tuple[str, str, list[int]]]:
    verdicts = diagnose(read_entries([path])).verdicts
    return [
        (each.finding.reason, each.signaling.reason, [entry.seq for entry in each.finding.evidence])
        for each in verdicts
    ]


@pytest.mark.parametrize(
    "tell",
    [
        lambda story: story.negotiates("10.1.2.3", "10.1.2.4").waits(60),
        lambda story: story.negotiates("10.1.2.3", "192.168.7.4").waits(60).reports("ann", connection="failed"),
        lambda story: story.negotiates("192.168.7.3", "192.168.7.4").reports("ann", peerId="ben", connection="failed"),
        lambda story: story.negotiates("a.local", "b.local").reports("ann", peerId="ben", connection="failed"),
        lambda story: story.joins("ben").is_refused("ben", "offer", "too-large", to="ann").waits(60),
        lambda story: (
            story.joins("ben")
            .names("ben", "10.0.0.2")
            .describes("ben", "offer")
            .describes("ann", "answer")
            .names("ann", "10.0.0.1")
            .reports("ann", "error", peerId="ben", operation="addIceCandidate", name="InvalidStateError")
            .waits(60)
        ),
        lambda story: story.joins("ben").reports("ann", "page", secure=False, pc=None).waits(60).leaves("ben"),
        lambda story: story.joins("ben", origin="http://192.168.7.4:5173").waits(60),
        lambda story: story.joins("ben", origin="http://localhost:5173").waits(60),
        lambda story: story.joins("ben").sends("ben", "x-offer", sdp="v=0\na=ice-ufrag:u\n").waits(60).leaves("ben"),
        lambda story: (
            story.joins("ben")
            .sends("ann", "OFFER", payload={"sdp": sdp("a"), "connectionId": "dc_a"})
            .sends("ben", "OFFER", payload={"sdp": sdp("b"), "connectionId": "dc_b"})
            .sends("ben", "ANSWER", payload={"sdp": sdp("c"), "connectionId": "dc_a"})
            .waits(60)
        ),
    ],
)
def test_a_redacted_copy_has_the_same_reason(tell: Any, tmp_path: Path) -> None:
    path = tell(Story(tmp_path)).write()
    copy = tmp_path / "copy.jsonl"
    copy.write_text(redacted(path))
    assert findings(copy) == findings(path) != []


def test_a_redacted_copy_says_why_a_page_has_no_camera(tmp_path: Path) -> None:
    story = Story(tmp_path).reports("ann", "media", pc=None, operation="getUserMedia", name="NotAllowedError")
    copy = tmp_path / "copy.jsonl"
    copy.write_text(redacted(story.write()))
    assert "getUserMedia() has failed (NotAllowedError)" in str(diagnose(read_entries([copy])))


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def with_text(text: str) -> bytes:
    """Redact records that contain this text in every field that a peer can choose."""
    redactor = Redactor(dialect_words())
    lines = [
        record(1, 0, "peer.joined", **ANN, data={"name": text, "metadata": {text: [text, {"sdpMid": text}]}}),
        record(2, 0, "signal.relayed", **ANN, kind=text, data={"type": text, "candidate": text, "n": {"data": text}}),
        record(3, 0, "signal.refused", **{**BAR, "room": text}, peer=text, data={"message": text, "ref": text}),
        record(4, 0, "trace.state", **ANN, data={"event": text, "name": text, "version": text}),
        record(5, 0, "connection.opened", data={"origin": text, "user_agent": text, "remote": text}),
        record(6, 0, "connection.closed", data={"reason": text, "code": 1000}),
        record(7, 0, "signal.relayed", **ANN, kind="signal", data=json.dumps(text)),
    ]
    return b"\n".join(msgspec.json.encode(redactor.redact(msgspec.json.decode(line, type=Line))) for line in lines)


@pytest.mark.fuzz
@given(st.text(min_size=6))
def test_the_redacted_copy_does_not_depend_on_the_texts_of_peers(text: str) -> None:
    """The copy is the same, byte for byte, for any two texts.

    Addresses, SDP, candidates and known words are not tried, because the copy keeps a part of their content.
    """
    assume(text not in KNOWN_WORDS and not text.startswith(("v=0", "candidate:", "a=candidate:")))
    assume(not text.lower().rstrip(".").endswith(".local"))
    assume(re.split("[_-]", text)[-1].lower() not in ("offer", "answer", "pranswer", "rollback", "candidate"))
    assume(not is_address(text))
    assert with_text(text) == with_text("an utterly different text")


@pytest.mark.fuzz
@given(
    st.text(min_size=6),
    st.sampled_from(["o=", "s=", "a=x-", "a=mid:", "a=ssrc:1 cname:", "a=candidate:", "a=ice-pwd:"]),
)
def test_no_text_is_hidden_in_descriptions_or_candidates(text: str, place: str) -> None:
    assume(not is_address(text))  # an address is replaced by another one, and 0.0.0.0 is kept
    sdp, harmless = (f"v=0{each}\r\n{place}{each}\r\na=ice-ufrag:{each}\r\n" for each in (text, "-"))
    frames = [{"sdp": sdp, "candidate": f"candidate:{text} 1 udp 1 {text} 9 typ host ufrag {text} {text} {text}"}]
    copy = json.dumps(shared_data("signal.relayed", frames), ensure_ascii=False)
    assume(text not in json.dumps(shared_data("signal.relayed", [{"sdp": harmless, "candidate": "candidate:- -"}])))
    assert text not in copy


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.20.1.2", "192.168.255.9", "100.64.9.1", "169.254.7.7", "127.8.8.8", "127.0.0.1", "::1"),
        *("fe80::12%eth0", "fd12:3456::1", "::ffff:192.168.3.3", "a9f0.local", "turn.example.com", "239.1.1.1"),
    ],
)
def test_the_pseudonym_of_an_address_has_the_same_kind(address: str) -> None:
    assert address_class(Pseudonyms().of(address, "host")) == address_class(address)


def test_public_addresses_are_replaced_by_documentation_addresses() -> None:
    names = Pseudonyms()
    assert [names.of(each, "host") for each in ("8.8.8.8", "9.9.9.9", "8.8.8.8")] == [
        *("203.0.113.1", "203.0.113.2", "203.0.113.1"),
    ]
    assert names.of("2606:4700::1111", "host") == "2001:db8::1"


def test_addresses_in_one_subnet_stay_in_one_subnet() -> None:
    names = Pseudonyms()
    addresses = ["192.168.7.1", "192.168.7.9", "192.168.8.1", "10.7.7.7", "10.7.7.8"]
    networks = [names.of(each, "host").rpartition(".")[0] for each in addresses]
    assert networks == ["192.168.77", "192.168.77", "192.168.78", "10.0.77", "10.0.77"]


@pytest.mark.fuzz
@given(st.lists(st.ip_addresses(v=4), unique=True, max_size=600))
def test_different_addresses_stay_different(addresses: list[ipaddress.IPv4Address]) -> None:
    names = Pseudonyms()
    assert max(Counter(names.of(str(each), "host") for each in addresses).values(), default=1) == 1


def test_a_value_has_the_same_pseudonym_everywhere() -> None:
    data = shared_data(
        "signal.relayed", {"type": "offer", "to": "ben", "peerId": "ann", "ben": ["ann"]}, **ANN, to="ben"
    )
    assert data == {"type": "offer", "to": "peer-2", "peerId": "peer-1", "peer-2": ["peer-1"]}


def test_a_known_word_is_kept_only_under_its_key() -> None:
    data = shared_data("peer.joined", {"name": "offer", "type": "offer", "ending": "lost", "metadata": {"ending": "?"}})
    assert data == {"name": "name-1", "type": "offer", "ending": "lost", "metadata": {"ending": "text-1"}}


def test_a_number_is_kept_only_under_a_known_key() -> None:
    data = shared_data("signal.relayed", {"type": "broadcast", "sdpMLineIndex": 1, "phone": 4917012345, "listed": True})
    assert data == {"type": "broadcast", "sdpMLineIndex": 1, "key-1": 0, "listed": True}


OUR_KEYS = sorted(
    {"code", "count", "size", "at", "connection", "capacity", "port", "s", "rttMs", "bytes", "sdpMLineIndex"}
)
PHONE = 4_917_012_345


@pytest.mark.parametrize(
    ("type_", "wrap"),
    [
        ("signal.relayed", lambda said: {"type": "broadcast", **said}),
        ("signal.relayed", lambda said: {"type": "broadcast", "payload": [{"deep": said}]}),
        ("signal.relayed", lambda said: {"summary": True, "candidate": {"type": "host"}, "more": 1, **said}),
        ("signal.relayed", lambda said: [said]),
        ("signal.relayed", lambda said: {"type": "signal", "data": json.dumps(said)}),
        ("trace.state", lambda said: {"event": "stats", "data": json.dumps({"type": "offer", **said})}),
        ("peer.joined", lambda said: {"metadata": said, "joined_at_ms": 1}),
        ("peer.updated", lambda said: {"metadata": {"deep": [said]}}),
        ("signal.refused", lambda said: {"code": "bad-field", "count": 1, "ref": said}),
        ("signal.refused", lambda said: {"code": "bad-field", "count": 1, "ref": list(said.values())}),
        ("log.checkpoint", lambda said: {"rooms": [{"room": "bar", "sessions": [{"peer": "a", "metadata": said}]}]}),
        (
            "log.checkpoint",
            lambda said: {
                "rooms": [{"sessions": [{"resumption": {"kept": [{"s": 1, "message": {"metadata": said}}]}}]}]
            },
        ),
        ("trace.state", lambda said: {"event": "stats", "metadata": said}),
    ],
)
def test_numbers_of_an_app_are_not_kept(type_: str, wrap: Any) -> None:
    said = dict.fromkeys(OUR_KEYS, PHONE)
    assert str(PHONE) not in json.dumps(shared_data(type_, wrap(said)))


def test_the_numbers_of_our_own_records_are_kept() -> None:
    refused = {"code": "too-fast", "count": 12, "ref": 3}
    assert shared_data("signal.refused", refused) == {**refused, "ref": 0}
    assert shared_data("connection.closed", {"code": 1009})["code"] == 1009
    assert shared_data("trace.state", {"event": "stats", "at": 1_795_000_000_000, "rttMs": 1.5, "count": 7}) == {
        "event": "stats",
        "at": 1_795_000_000_000,
        "rttMs": 1.5,
        "count": 0,
    }
    summary = {"summary": True, "description_bytes": 1500, "candidate": {"type": "host", "protocol": "udp"}}
    assert shared_data("signal.relayed", summary) == summary


def test_known_words_in_data_of_an_app_are_redacted() -> None:
    said = {"code": "room-full", "protocol": "udp", "type": "offer", "sdpMid": "0"}
    assert shared_data("peer.joined", {"metadata": said})["metadata"] == {
        "code": "code-1",
        "protocol": "text-1",
        "type": "offer",
        "sdpMid": "0",
    }


def test_a_redacted_description_describes_the_same_connection() -> None:
    data = {"type": "offer", "sdp": DESCRIPTION.format("10.9.8.7")}
    copy = json.dumps(shared_data("signal.relayed", data))
    (candidate,) = find_candidates(copy)
    assert (candidate.address, candidate.type, candidate.ufrag) == ("10.0.77.1", "host", "ufrag-1")
    assert find_media(copy).sdp_type == "offer"
    assert "536077" not in copy


def test_the_redacted_summary_of_a_description_describes_the_same_connection() -> None:
    summary = summarise(json.dumps({"type": "offer", "sdp": DESCRIPTION.format("10.9.8.7")}).encode())
    copy = json.dumps(shared_data("signal.relayed", json.loads(summary)))
    assert find_media(copy) == msgspec.structs.replace(find_media(summary), ufrag="ufrag-1")
    assert find_candidates(copy) == [
        msgspec.structs.replace(each, ufrag="ufrag-1") for each in find_candidates(summary)
    ]


def test_unknown_lines_of_a_description_are_removed() -> None:
    data = shared_data("signal.relayed", {"sdp": "v=0\r\na=x-secret:1\r\ni=my call\r\na=setup:active\r\n"})
    assert data["sdp"] == "v=0\r\na=setup:active\r\n"


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [
        ("candidate:1 1 udp", "malformed"),
        ("", "end"),
        (None, "end"),
        ("null", "end"),
        ("candidate:1 x udp y a.local 9 typ host", "host"),
    ],
)
def test_a_redacted_candidate_is_well_formed_exactly_if_the_original_is(candidate: str | None, kind: str) -> None:
    for data in ({"candidate": {"candidate": candidate}}, {"Signal": {"data": {"IceCandidate": candidate}}}):
        assert find_media(json.dumps(data)).candidate_type == kind
        assert find_media(json.dumps(shared_data("signal.relayed", data))).candidate_type == kind


def test_an_unknown_frame_type_keeps_its_meaning() -> None:
    assert shared(record(1, 0, "signal.relayed", **ANN, kind="acme-offer")).kind == "kind-1-offer"


def test_unreadable_data_is_removed() -> None:
    assert shared(record(1, 0, "signal.relayed", **ANN, data="{" * 9)).data is None
    assert shared(record(1, 0, "signal.relayed", **ANN, data="[" * 900_000 + "]" * 900_000)).data is None


def test_signals_in_a_checkpoint_are_redacted() -> None:
    kept = [{"s": 1, "message": {"type": "Relayed", "sender": "ann", "kind": "offer", "payload": "c2VjcmV0"}}]
    session = {"session": "s-1", "peer": "ann", "resumption": {"issued": "ab" * 32, "kept": kept}}
    data = shared_data("log.checkpoint", {"rooms": [{"dialect": "rooms", "room": "bar", "sessions": [session]}]})
    (copied,) = data["rooms"][0]["sessions"]
    assert copied["resumption"]["issued"] == "token-1"
    assert copied["resumption"]["kept"][0]["message"]["payload"] == "text-1"


def test_a_shared_checkpoint_is_read_back_with_all_its_parts() -> None:
    bar, offer = RoomKey("rooms", "bar"), b'{"type":"offer","to":"ben"}'
    messages = (
        PeerJoined(PeerView("ben", 1, "Ben"), room="bar"),
        PeerLeft("cleo", Reason.LEFT, new_host="ann", room="bar"),
        Relayed("ben", "offer", offer, room="bar"),
        Notice("closing time", "bar"),
        Refused(no_such_peer("zoe"), "offer", joined=True, room="bar", to="zoe"),
    )
    kept = [KeptState(s, message) for s, message in enumerate(messages, 1)]
    session = SessionState(
        *("session-1", "ann", 7),
        own_token="cd" * 32,
        contacts=["ben"],
        place=1,
        replaced_s_ago=[3.5],
        away=AwayState(Ending.LOST, 9.5, ["session-2"], 2.5),
        resumption=ResumptionState("ab" * 32, sent=5, handled=3, reached=4, kept=kept),
    )
    own = OwnRules(host="ann", grace_s=5.0)
    state = Checkpoint(
        [RoomInLog(*bar, 9, True, 7, 1.5, [session], host="ann", queue="chess", announced=False, rules=own)],
        [Waiting("match", "ann", 2, 1, 7, "chess")],
        [(bar, "ben")],
        [
            KeptFrameState(
                *bar, to="ben", peer="ann", kind="offer", session="session-1", payload=offer.decode(), age_s=1.5
            )
        ],
        [(bar, "ann")],
        [9.5],
        [TryState("pairing", 7, 1.5, True, "93.184.216.34")],
    )
    copy = shared_data("log.checkpoint", json.loads(msgspec.json.encode(state)))
    assert shape(copy) == shape(json.loads(msgspec.json.encode(state)))
    restored = msgspec.convert(copy, Checkpoint)
    (room,), (waiting,), ((key, barred),), (frame,), (known,), _, (tried,) = msgspec.structs.astuple(restored)
    assert tried.remote == "203.0.113.1"
    assert key == (room.dialect, room.room) == (frame.dialect, frame.room) == ("rooms", "room-1")
    assert known == (key, room.host)
    assert room.sessions[0].contacts == [barred]
    assert (frame.to, frame.peer) == (barred, room.host) == (barred, room.sessions[0].peer)
    assert json.loads(frame.payload) == {"type": "offer", "to": barred}
    assert waiting.queue == room.queue != "chess"
    assert room.sessions[0].resumption.reached == 4


def shape(value: Any) -> Any:
    """The value with each string replaced by "a text", except for the keys of objects."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return list(map(shape, value)) if isinstance(value, list) else "a text" if isinstance(value, str) else value


def test_a_damaged_checkpoint_is_not_shared() -> None:
    assert shared_data("log.checkpoint", {"rooms": [], "waiting": [], "barred": [["bar", "ann"]]}) is None


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_the_name_and_the_words_of_every_dialect_are_shared(dialect: Dialect) -> None:
    modes = dialect.rules(Settings()).host.modes
    assert shared_data("log.header", {"settings": {"dialects": [dialect.name]}}) == {
        "settings": {"dialects": [dialect.name]}
    }
    for mode in modes:
        assert shared_data("room.updated", {"mode": mode}) == {"mode": mode}
    for kind in dialect.kinds:
        copied = shared(record(1, 0, "signal.relayed", dialect=dialect.name, kind=kind))
        assert (copied.dialect, copied.kind) == (dialect.name, kind)
