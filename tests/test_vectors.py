"""The wire vectors: what several connections send, and exactly what each of them then receives, in order.

The clock is the hub's own: each joining peer's wall clock counts 1000 ms per connection. vitest reads the same files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub import Hub, RoomRules
from signaling_sidecar.hub.commands import End
from signaling_sidecar.hub.effects import Close, Effect, Record, Send
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.settings import Settings
from tests.hub_driver import CountedIds, Driver

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*/*.json"))


class Wire:
    """A hub behind one dialect, and what each connection has been sent and not yet looked at."""

    def __init__(self, dialect: str) -> None:
        self.dialect = DIALECTS[dialect]
        rules: RoomRules = self.dialect.rules(Settings())
        self.driver = Driver()
        self.driver.hub = Hub({dialect: rules}, 100, CountedIds())
        self.connections: dict[str, int] = {}
        self.sent: dict[str, list[Any]] = {}

    def connection(self, name: str) -> int:
        self.sent.setdefault(name, [])
        return self.connections.setdefault(name, len(self.connections) + 1)

    def play(self, step: dict[str, Any]) -> None:
        if "send" in step:
            connection = self.connection(step["from"])
            joiners = [name for name in self.connections if name != "lobby"]
            at_ms = 1000 * (joiners.index(step["from"]) + 1) if step["from"] in joiners else 0
            frame = json.dumps(step["send"], separators=(",", ":")).encode()
            self.deliver(self.driver.handle(self.dialect.decode(frame, connection, at_ms)))
        elif "end" in step:
            self.deliver(self.driver.handle(End(self.connection(step["from"]), Ending(step["end"]))))
        elif "pass_s" in step:
            self.deliver(self.driver.pass_time(step["pass_s"]))
        else:
            assert self.sent[step["to"]], f"nothing more was sent to {step['to']}, but {step} is expected"
            assert self.sent[step["to"]].pop(0) == step.get("receive", step.get("close"))

    def deliver(self, effects: list[Effect]) -> None:
        names = {number: name for name, number in self.connections.items()}
        for effect in effects:
            if isinstance(effect, Send):
                text = self.dialect.encode(effect.message)
                for number in effect.connections if text is not None else ():
                    self.sent[names[number]].append(json.loads(text or ""))
            elif isinstance(effect, Close):
                self.sent[names[effect.connection]].append([effect.code, effect.reason])
            else:
                assert isinstance(effect, Record)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_frames_of_a_vector_are_exact_and_nothing_else_is_sent(path: Path) -> None:
    wire = Wire(path.parent.name)
    for step in json.loads(path.read_text())["steps"]:
        wire.play(step)
    assert all(frames == [] for frames in wire.sent.values()), wire.sent


def test_every_dialect_has_vectors() -> None:
    assert {path.parent.name for path in VECTORS} == set(DIALECTS)
