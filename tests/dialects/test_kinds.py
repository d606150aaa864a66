"""The functions that read the kind of a frame, and how the first frame on the shared path `/ws` chooses a dialect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import msgspec
import pytest

from signaling_sidecar.dialects import DIALECTS, Caller, Introduction
from signaling_sidecar.dialects.frame import Envelope, reader
from signaling_sidecar.dialects.kinds import kind_at, kind_in, kind_tag
from signaling_sidecar.dialects.shared_path import by_first_frame
from signaling_sidecar.hub.commands import Refuse, Relay

WITHOUT_KIND = [b"", b"{", b"[]", b"{}", b"null", b"[7]", b'{"op":7}', b'{"op":"join"} x', b'["join"', b"\xff"]


@pytest.mark.parametrize("frame", WITHOUT_KIND)
def test_what_has_no_kind_or_cannot_be_read_has_none(frame: bytes) -> None:
    assert kind_in("op")(frame) is None
    assert kind_at(0)(frame) is None


@pytest.mark.parametrize(
    "frame", [b"", b"{", b"[]", b"{}", b"null", b"7", b'{"Ask":{},"Tell":{}}', b'{"Ask":1} x', b"\xff"]
)
def test_a_frame_without_exactly_one_tag_has_no_kind(frame: bytes) -> None:
    assert kind_tag()(frame) is None


def test_a_kind_is_the_only_key_of_an_object_or_a_string() -> None:
    assert kind_tag()(b'{"Ask":{"type":"other"}}') == "Ask"
    assert kind_tag()(b' "KeepAlive" ') == "KeepAlive"
    assert kind_tag()(b'{"KeepAlive":null}') == "KeepAlive"


def test_a_kind_is_a_field_of_an_object_or_an_item_of_an_array() -> None:
    assert kind_in("op")(b'{"type":"other","op":"join"}') == "join"
    assert kind_at(0)(b' ["join",{"type":"other"}]') == "join"
    assert kind_at(2)(b'[null,7,"join",{"type":"other"}]') == "join"
    assert kind_at(2)(b'["other",7]') is None
    assert kind_in("op")(b'["join"]') is None
    assert kind_at(0)(b'{"op":"join"}') is None


class _Pushed(Envelope, array_like=True):
    kind_field: ClassVar[str] = "event"
    topic: Any = None
    event: Any = None


def test_the_kind_of_a_frame_is_in_the_field_that_the_envelope_names() -> None:
    def read(envelope: _Pushed, frame: bytes, caller: Caller, at_ms: int) -> Relay:
        return Relay(caller.connection, envelope.kind, None, None, frame)

    decode, caller = reader(msgspec.json.Decoder(_Pushed), read), Caller(1, Introduction(), str)
    for frame in (b'["1","bar","offer"]', b'["\\ud83d","bar","offer"]'):
        relayed = decode(frame, caller, 0)
        assert isinstance(relayed, Relay)
        assert relayed.kind == "offer"
    assert isinstance(decode(b'["1","bar","offer\\ud83d"]', caller, 0), Refuse)


def test_a_first_frame_chooses_the_dialect_that_reads_its_kind() -> None:
    mesh = DIALECTS["mesh"]
    arrays = replace(mesh, name="arrays", kind_of=kind_at(0), first_frames=frozenset(("join",)))
    dialects = [mesh, arrays]
    assert by_first_frame(dialects, b'{"type":"join"}') is mesh
    assert by_first_frame(dialects, b'["join"]') is arrays
    assert by_first_frame(dialects, b'["leave"]') is None
