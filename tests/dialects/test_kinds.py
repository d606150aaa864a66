"""The functions that read the kind of a frame, and how the first frame on the shared path `/ws` chooses a dialect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.dialects.kinds import kind_first, kind_in, kind_tag
from signaling_sidecar.dialects.shared_path import by_first_frame

WITHOUT_KIND = [b"", b"{", b"[]", b"{}", b"null", b"[7]", b'{"op":7}', b'{"op":"join"} x', b'["join"', b"\xff"]


@pytest.mark.parametrize("frame", WITHOUT_KIND)
def test_what_has_no_kind_or_cannot_be_read_has_none(frame: bytes) -> None:
    assert kind_in("op")(frame) is None
    assert kind_first()(frame) is None


@pytest.mark.parametrize(
    "frame", [b"", b"{", b"[]", b"{}", b"null", b"7", b'{"Ask":{},"Tell":{}}', b'{"Ask":1} x', b"\xff"]
)
def test_a_frame_without_exactly_one_tag_has_no_kind(frame: bytes) -> None:
    assert kind_tag()(frame) is None


def test_a_kind_is_the_only_key_of_an_object_or_a_string() -> None:
    assert kind_tag()(b'{"Ask":{"type":"other"}}') == "Ask"
    assert kind_tag()(b' "KeepAlive" ') == "KeepAlive"
    assert kind_tag()(b'{"KeepAlive":null}') == "KeepAlive"


def test_a_kind_is_a_field_of_an_object_or_the_first_item_of_an_array() -> None:
    assert kind_in("op")(b'{"type":"other","op":"join"}') == "join"
    assert kind_first()(b' ["join",{"type":"other"}]') == "join"
    assert kind_in("op")(b'["join"]') is None
    assert kind_first()(b'{"op":"join"}') is None


def test_a_first_frame_chooses_the_dialect_that_reads_its_kind() -> None:
    mesh = DIALECTS["mesh"]
    arrays = replace(mesh, name="arrays", kind_of=kind_first(), first_frames=frozenset(("join",)))
    dialects = [mesh, arrays]
    assert by_first_frame(dialects, b'{"type":"join"}') is mesh
    assert by_first_frame(dialects, b'["join"]') is arrays
    assert by_first_frame(dialects, b'["leave"]') is None
