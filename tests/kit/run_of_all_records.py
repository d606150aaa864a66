"""A log with every type of record that changes the restored state."""

from __future__ import annotations

from typing import Any

import msgspec

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.line import encode_lines, line_of
from signaling_sidecar.hub import Hub, RoomKey, checkpoint
from signaling_sidecar.hub.commands import CloseRoom, End, Enqueue, Join, Numbered, Relay, Tick, Update
from signaling_sidecar.hub.effects import Effect, Record
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.settings import Settings
from tests.kit.hub_driver import CountedIds

NOW_S = 1000.0
"""The hub time at which the log is restored."""
RULES = {name: dialect.rules(Settings()) for name, dialect in DIALECTS.items()}


def new_hub() -> Hub:
    return Hub(RULES, 100, CountedIds())


def a_run() -> list[str]:
    hub, lines, now_s = new_hub(), list[str](), 1.0

    def write(*records: Record) -> None:
        for record in records:
            data = record.data if isinstance(record.data, bytes) else msgspec.json.encode(record.data)
            line = line_of(record, len(lines) + 1, now_s, data.decode())
            lines.append(encode_lines([line]).decode())

    def begin() -> None:
        write(
            Record("log.header", data={"boot": "b"}),
            Record("log.checkpoint", data=msgspec.json.encode(checkpoint(hub, now_s))),
        )

    def do(effects: list[Effect]) -> None:
        write(*(effect for effect in effects if isinstance(effect, Record)))

    def join(connection: int, dialect: str, room: str, peer: str | None, **more: Any) -> None:
        do(hub.handle(Join(connection=connection, room=RoomKey(dialect, room), at_ms=5, peer=peer, **more), now_s))

    def meet(first: int, suffix: str) -> None:
        for number, name in enumerate(("ann", "ben", "cleo"), first):
            resumable = {"resumable": name != "cleo", "instance": "page", "metadata": msgspec.Raw(b'{"hat":1}')}
            join(number, "rooms", f"bar{suffix}", name, **resumable)
            join(number + 10, "hosted", f"series{suffix}", name, room_name="Series")
            join(number + 20, "mesh", f"mesh{suffix}", name)
            join(number + 40, "mesh", f"duel{suffix}", name, group=0, capacity=2)
        for user in ("u1", "u2", "u3"):
            first += 1
            do(
                hub.handle(
                    Enqueue(kind="ask", connection=first + 30, dialect="match", peer=user + suffix, size=2, at_ms=5),
                    now_s,
                )
            )
        for c in (1, 2, 3):
            relay = Relay(first - 3, "offer", "ben", None, b'{"type":"offer","sdp":"v=0"}', msgspec.Raw(b'"ref"'))
            do(hub.handle(Numbered(first - 3, relay, a=0, c=c), now_s))
        do(hub.handle(Update(connection=first - 2, name="Benny", metadata=None), now_s))

    begin()
    meet(1, "")
    now_s += 1
    do(hub.handle(End(2, Ending.LOST), now_s))
    do(hub.handle(Tick(), now_s + 2))
    begin()
    meet(101, "2")
    outcome = hub.administer(CloseRoom(RoomKey("mesh", "mesh2")), now_s)
    assert isinstance(outcome, list)
    do(outcome)
    return lines


RUN = a_run()
