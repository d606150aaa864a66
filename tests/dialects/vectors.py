"""The wire vectors: what several connections send, and exactly what each of them then receives, in order.

The time of the hub passes only in the steps `pass_s`. The wall-clock time of a frame, and of the answers to it, is
1000 ms times the number of its connection. In all other messages, such as those about the end of a connection, it is 0.
The bytes of a binary frame are written as hexadecimal digits. vitest also reads the vectors of the dialect `rooms`.

After a step `tokens`, clients need tokens. The step contains the valid tokens, each with the room that it is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.auth import Claims
from signaling_sidecar.dialects import Binary
from signaling_sidecar.hub.commands import Kick, Say
from signaling_sidecar.hub.rules import Ending, RoomKey
from tests.kit.checkout import VECTORS
from tests.kit.text_frames import Text
from tests.kit.wire import Wire


def paths_of(dialect: str) -> list[Path]:
    return sorted((VECTORS / dialect).glob("*.json"))


def played(path: Path) -> Iterator[Wire]:
    """Play a vector, and yield the wire after each step."""
    wire = Wire(path.parent.name)
    for step in json.loads(path.read_text())["steps"]:
        _play(wire, step)
        yield wire


def sent_frame(step: dict[str, Any]) -> bytes | None:
    """The frame that a client sends in a step, as a `Binary` when it is a binary one."""
    match step:
        case {"send": frame}:
            return json.dumps(frame, separators=(",", ":")).encode()
        case {"text": text}:
            return str(text).encode()
        case {"send_binary": digits}:
            return Binary.fromhex(digits)
    return None


def _play(wire: Wire, step: dict[str, Any]) -> None:
    match step:
        case {"tokens": tokens}:
            wire.require_tokens({token: Claims(rooms=frozenset([room])) for token, room in tokens.items()})
        case {"from": name, "open": handshake}:
            wire.open(name, **handshake)
        case {"from": name, "end": ending}:
            wire.end(name, Ending(ending))
        case {"from": name, "alive": True}:
            wire.alive(name)
        case {"from": name} if (frame := sent_frame(step)) is not None:
            wire.send(name, frame)
        case {"pass_s": seconds}:
            wire.pass_time(seconds)
        case {"say": text, "room": room}:
            wire.administer(Say(RoomKey(wire.dialect.name, room), text))
        case {"kick": peer, "room": room}:
            wire.administer(Kick(RoomKey(wire.dialect.name, room), peer))
        case {"log_is_written": is_written}:
            wire.set_log_state(is_written=is_written)
        case {"to": name, "receive": expected} | {"to": name, "close": expected}:
            _receive(wire, name, expected)
        case {"to": name, "receive_text": text}:
            _receive(wire, name, Text(text))
        case {"to": name, "receive_binary": digits}:
            _receive(wire, name, bytes.fromhex(digits))
        case _:
            pytest.fail(f"no such step: {step}")


def _receive(wire: Wire, name: str, expected: Any) -> None:
    assert name in wire.sent, f"nothing can be received before {name!r} is opened: put a step 'open' before this step"
    assert wire.sent[name], f"nothing more was sent to {name!r}, but {expected} is expected"
    sent = wire.sent[name].pop(0)
    assert sent == expected, f"{name!r} was sent {sent}, but {expected} is expected"
