"""The wire vectors: what several connections send, and exactly what each of them then receives, in order.

The clock is the hub's own. The wall clock of a frame, and of what is said in answer to it, is 1000 ms times the number
of its connection; of what time or an ending brings about it is 0. vitest reads the same files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub.commands import Kick, Say
from signaling_sidecar.hub.rules import Ending, RoomKey
from tests.kit.checkout import VECTORS as FOLDER
from tests.kit.wire import Wire

VECTORS = sorted(FOLDER.glob("*/*.json"))


def play(wire: Wire, step: dict[str, Any]) -> None:
    match step:
        case {"from": name, "open": handshake}:
            wire.open(name, **handshake)
        case {"from": name, "send": frame}:
            wire.send(name, json.dumps(frame, separators=(",", ":")).encode())
        case {"from": name, "text": text}:
            wire.send(name, text.encode())
        case {"from": name, "end": ending}:
            wire.end(name, Ending(ending))
        case {"from": name, "alive": True}:
            wire.alive(name)
        case {"pass_s": seconds}:
            wire.pass_time(seconds)
        case {"say": text, "room": room}:
            wire.administer(Say(RoomKey(wire.dialect.name, room), text))
        case {"kick": peer, "room": room}:
            wire.administer(Kick(RoomKey(wire.dialect.name, room), peer))
        case {"log_is_written": is_written}:
            wire.set_log_state(is_written=is_written)
        case {"to": name, "receive": expected} | {"to": name, "close": expected}:
            assert wire.sent[name], f"nothing more was sent to {name}, but {step} is expected"
            assert wire.sent[name].pop(0) == expected
        case _:
            pytest.fail(f"no such step: {step}")


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_frames_of_a_vector_are_exact_and_nothing_else_is_sent(path: Path) -> None:
    wire = Wire(path.parent.name)
    for step in json.loads(path.read_text())["steps"]:
        play(wire, step)
    assert all(frames == [] for frames in wire.sent.values()), wire.sent


def test_every_dialect_has_vectors() -> None:
    assert {path.parent.name for path in VECTORS} == set(DIALECTS)
