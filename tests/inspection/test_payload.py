"""`find_media` finds session descriptions and ICE candidates in a payload, and `summarise` summarises the payload."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signaling_sidecar.eventlog.address_class import address_class
from signaling_sidecar.eventlog.payload import Media, find_media, summarise

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\na=ice-ufrag:pG4x\r\na=ice-pwd:secretsecretsecretsecret\r\n"
HOST = "candidate:1 1 udp 2113937151 192.168.1.5 50123 typ host generation 0 ufrag pG4x network-cost 999"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "offer", "to": "b", "sdp": SDP},
        {"type": "offer", "to": "b", "sdp": {"type": "offer", "sdp": SDP}},
        {"type": "WEBRTC_OFFER", "targetUserId": "b", "offer": {"type": "offer", "sdp": SDP}},
        {"type": "offer", "target": "ABC234", "payload": {"deep": [[{"type": "offer", "description": SDP}]]}},
    ],
)
def test_a_description_is_found_in_the_frames_of_every_dialect(frame: dict[str, Any]) -> None:
    media = find_media(json.dumps(frame).encode())
    assert media == Media(description_bytes=len(SDP), sdp_type="offer", ufrag="pG4x")


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "candidate", "candidate": {"candidate": HOST, "sdpMid": "0"}},
        {"type": "ice_candidate", "payload": "a=" + HOST},
        {"type": "signal", "list": [1, {"x": HOST}, {"x": "candidate:2 1 tcp 1 10.0.0.1 9 typ relay"}]},
    ],
)
def test_the_first_candidate_is_found_in_the_frames_of_every_dialect(frame: dict[str, Any]) -> None:
    assert find_media(json.dumps(frame)) == Media(
        ufrag="pG4x",
        candidate_type="host",
        protocol="udp",
        address_class="private",
        address="192.168.1.5",
        port=50123,
    )


def test_the_ufrag_beside_a_candidate_counts_when_the_candidate_has_none() -> None:
    frame = {"candidate": {"candidate": "candidate:1 1 UDP 1 a.local 9 typ host", "usernameFragment": "Zz9+"}}
    media = find_media(json.dumps(frame))
    assert (media.ufrag, media.protocol, media.address_class) == ("Zz9+", "udp", "mdns")


@pytest.mark.parametrize("candidate", ["", None, "null"])
def test_an_empty_candidate_is_the_end_of_candidates(candidate: str | None) -> None:
    assert find_media(json.dumps({"candidate": {"candidate": candidate}})).candidate_type == "end"
    assert find_media(json.dumps({"candidate": candidate})).candidate_type == "end"
    assert find_media(json.dumps({"data": {"IceCandidate": candidate}})).candidate_type == "end"


@pytest.mark.parametrize(
    "line",
    [
        "candidate:",
        "candidate:1 1 udp 1 10.0.0.1 9 typ",
        "candidate:1 1 udp 1 10.0.0.1 nine typ host",
        "candidate:1 1 udp 1 10.0.0.1 123456 typ host",
        "candidate:1 1 udp 1 10.0.0.1 9 typ <script>",
        "candidate:1 1 udp 1 " + "a" * 256 + " 9 typ host",
    ],
)
def test_an_invalid_candidate_is_malformed_and_has_no_fields(line: str) -> None:
    assert find_media(json.dumps({"candidate": line})) == Media(candidate_type="malformed")


@pytest.mark.parametrize("frame", ["", "{", "5", "null", "[]", '{"type":"offer"}', '{"candidate":{}}', "\ud800"])
def test_other_payloads_contain_no_media(frame: str) -> None:
    assert find_media(frame) == Media()


def test_a_payload_with_the_maximum_nesting_is_read() -> None:
    assert find_media("[" * 30_000 + "]" * 30_000) == Media()
    assert find_media(b"\xff\xfe") == Media()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("2a3f1b.local", "mdns"),
        ("turn.example.org", "name"),
        ("127.0.0.1", "loopback"),
        ("169.254.7.7", "link-local"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.1", "private"),
        ("100.64.1.1", "shared"),
        ("8.8.8.8", "public"),
        ("0.0.0.0", "reserved"),
        ("203.0.113.9", "reserved"),
        ("239.1.1.1", "reserved"),
        ("::1", "loopback-ipv6"),
        ("fe80::1%eth0", "link-local-ipv6"),
        ("fe80::1%eth0.local", "link-local-ipv6"),
        ("fd12::1", "private-ipv6"),
        ("2001:4860:4860::8888", "public-ipv6"),
        ("::", "reserved"),
        ("ff02::1", "reserved"),
        ("::ffff:10.0.0.1", "private"),
    ],
)
def test_an_address_has_a_class(address: str, expected: str) -> None:
    assert address_class(address) == expected


def test_a_summary_keeps_no_address_no_password_and_no_other_text() -> None:
    offer = json.dumps({"type": "offer", "sdp": SDP, "secret": "x"}).encode()
    assert summarise(offer) == (f'{{"summary":true,"description_bytes":{len(SDP)},"sdp_type":"offer","ufrag":"pG4x"}}')
    candidate = json.dumps({"type": "candidate", "candidate": HOST}).encode()
    assert summarise(candidate) == (
        '{"summary":true,"ufrag":"pG4x","candidate":{"type":"host","protocol":"udp","address_class":"private"}}'
    )
    assert summarise(b"not json") == '{"summary":true}'


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"type": "publish", "data": "B0FFUy1HQ00M" + "a1B2" * 30 + "=="}, True),
        ({"type": "signal", "data": {"sealed": "a1B2" * 30}}, True),
        ({"type": "signal", "data": "a1B2" * 20}, False),  # short: this may be a hash or an id
        ({"type": "broadcast", "text": "a sentence with spaces that is not in base64 " * 5}, False),
        ({"type": "offer", "sdp": SDP, "more": "a1B2" * 30}, False),
    ],
)
def test_a_frame_without_media_but_with_a_long_text_in_base64_is_opaque(frame: object, expected: bool) -> None:
    payload = json.dumps(frame).encode()
    assert find_media(payload).is_opaque is expected
    assert find_media(summarise(payload)).is_opaque is expected


def test_a_frame_with_a_field_summary_is_not_a_summary() -> None:
    assert find_media(json.dumps({"type": "offer", "summary": True, "sdp": SDP})).ufrag == "pG4x"


_TEXT = st.text() | st.sampled_from(["v=0", "v=0\r\na=ice-ufrag:", SDP, HOST, "candidate:1 1 u 1 :: 1 typ host ufrag"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(_TEXT | st.sampled_from(["candidate", "type", "usernameFragment", "summary", "ufrag"]), inner)
    ),
)


@pytest.mark.fuzz
@given(st.binary() | st.text() | _JSON.map(json.dumps))
@example('{"type":[],"sdp":"v=0"}')
@example('{"summary":true,"description_bytes":1e400}')
@example('{"summary":true,"candidate":null,"x":"v=0"}')
def test_whatever_a_peer_sends_is_read_without_an_error(payload: bytes | str) -> None:
    assert isinstance(find_media(payload), Media)


@pytest.mark.fuzz
@given(_JSON.map(lambda value: json.dumps(value).encode()))
def test_a_summary_has_the_same_media_without_the_address(payload: bytes) -> None:
    media, kept = find_media(payload), find_media(summarise(payload))
    for field in ("description_bytes", "sdp_type", "ufrag", "candidate_type", "protocol", "address_class"):
        assert getattr(kept, field) == getattr(media, field)
