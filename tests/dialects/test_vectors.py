"""The frames of each dialect are exactly those of its vectors (`vectors.py` says how they are written)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.dialects.outline import outline
from signaling_sidecar.hub.effects import FRAME_RECORDS
from tests.dialects.manners import MANNERS
from tests.dialects.vectors import paths_of, played, sent_frame
from tests.kit.text_frames import Text, value_of

VECTORS = [path for name in DIALECTS for path in paths_of(name)]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_frames_of_a_vector_are_exact_and_nothing_else_is_sent(path: Path) -> None:
    *_, wire = played(path)
    assert all(frames == [] for frames in wire.sent.values()), wire.sent


def test_a_vector_whose_first_step_is_a_greeting_is_told_to_open_the_connection_first(tmp_path: Path) -> None:
    path = tmp_path / "matchbox" / "greeting.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"steps": [{"to": "one", "receive": {"IdAssigned": "one"}}]}))
    with pytest.raises(AssertionError, match="put a step 'open' before this step"):
        list(played(path))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_payload_of_each_relayed_frame_is_json_or_binary(path: Path) -> None:
    *_, wire = played(path)
    for record in wire.records:
        if record.type in FRAME_RECORDS and isinstance(record.data, bytes):
            assert not isinstance(value_of(record.data), Text), (
                f"the payload {record.data!r} of a `Relay` is not JSON, as it must be for the event log: let `encode` "
                "write the rest of the frame"
            )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_vectors_with_each_kind_of_its_frames(dialect: str) -> None:
    paths = paths_of(dialect)
    assert paths, f"tests/vectors/{dialect}/*.json are missing: they say what its clients send and receive"
    accepted = {kind for path in paths for wire in played(path) for kind in wire.accepted}
    declared = DIALECTS[dialect].kinds
    assert declared <= accepted, "no frame of these kinds gets through in a vector"
    if not MANNERS[dialect].relays_any_kind:
        assert accepted - {None} <= declared, "these kinds are not declared in the dialect's `kinds`"


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_outline_of_a_frame_has_its_own_strings_numbers_and_words(path: Path) -> None:
    for frame in map(sent_frame, json.loads(path.read_text())["steps"]):
        try:
            value = json.loads(frame or b"")
        except ValueError:  # a frame that the dialect refuses, or one that is not text
            continue
        named = {json.dumps(name): each for name, each in value.items()} if isinstance(value, dict) else {}
        counted = {str(place): each for place, each in enumerate(value)} if isinstance(value, list) else {}
        own = {name: each for name, each in (named | counted).items() if not isinstance(each, dict | list)}
        assert {name.decode(): json.loads(text) for name, text in outline(frame or b"").items()} == own
