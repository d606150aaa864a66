"""A text or binary payload is recorded as JSON text, and decoded again without changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling_sidecar.eventlog.payload import summarise
from signaling_sidecar.hub.payloads import Binary, from_json, to_json

TEXTS = st.sampled_from(
    (
        b'{"summary":true,"type":"signal"}',
        b'{"base64":"AA=="}',
        b'{"base64":"',
        b'{"base64":1}',
        b"[1]",
        b' "text"',
        b"  [1]",
    )
)


@pytest.mark.fuzz
@given(st.binary().map(Binary) | TEXTS)
def test_a_recorded_payload_is_read_back_unchanged(payload: bytes) -> None:
    text = to_json(payload)
    back = from_json(text)
    assert (type(back), back) == (type(payload), payload)


def test_a_binary_payload_is_recorded_as_base64() -> None:
    assert json.loads(to_json(Binary(b"\x00\xff"))) == {"base64": "AP8="}


def test_text_that_looks_like_a_binary_payload_is_recorded_differently() -> None:
    assert to_json(b'{"base64":"AP8="}') == b' {"base64":"AP8="}'


def test_a_text_payload_is_recorded_unchanged() -> None:
    assert to_json(b'{"type":"offer"}') == b'{"type":"offer"}'


def test_the_summary_of_a_payload_has_no_payload() -> None:
    assert from_json(summarise(b'{"type":"offer","sdp":"v=0"}').encode()) is None
    assert from_json(summarise(to_json(Binary(b"ab"))).encode()) is None


@pytest.mark.parametrize("text", [b'{"base64":"A"}', b'{"base64":"AP8=', b'{"base64":"\xff"}', b'{"base64":"A*=="}'])
def test_damaged_base64_has_no_payload(text: bytes) -> None:
    assert from_json(text) is None or text.endswith(b"=")
