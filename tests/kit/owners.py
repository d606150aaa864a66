"""A hub with the real dialects, its event log, and the next hub, which takes over with that log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import msgspec

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Checkpoint, Ending, Hub, Past, Restore, RoomKey, checkpoint
from signaling_sidecar.hub.commands import Command, End, Enqueue, Join, OfAdmin, Relay, Tick
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.settings import Settings
from tests.kit.club import CLUB
from tests.kit.hub_driver import CountedIds
from tests.kit.past import past

M = TypeVar("M")
WALL_S = 1_700_000_000.0
"""The time in the log (seconds since the epoch) when the hub's time is 0."""
SETTINGS = Settings(pairing_codes_per_minute=5, pairing_codes_per_minute_per_address=2, hosted_idle_s=100.0)


class Owners:
    """With `checkpoint_is_new`, a new hub is restored from a checkpoint that is written just before the takeover.

    Otherwise, it is restored from an empty checkpoint and all records.
    """

    def __init__(self, *, checkpoint_is_new: bool) -> None:
        self.rules = {dialect.name: dialect.rules(SETTINGS) for dialect in (*DIALECTS.values(), CLUB)}
        self.checkpoint_is_new = checkpoint_is_new
        self.ids = CountedIds()
        self.hub = Hub(self.rules, 100, self.ids)
        self.now_s = 1000.0
        self.write_checkpoint()

    def write_checkpoint(self) -> None:
        text = msgspec.json.encode(checkpoint(self.hub, self.now_s))
        self._checkpoint, self._checkpoint_ts = msgspec.json.decode(text, type=Checkpoint), WALL_S + self.now_s
        self.records: list[Past] = []

    def take_over(self, dead: Collection[int] = (), held: Sequence[Command] = ()) -> list[Effect]:
        """Restore a new hub from the log, and return the effects of `held`: commands that waited in the old hub."""
        if self.checkpoint_is_new:
            self.write_checkpoint()
        self.hub = Hub(self.rules, 100, self.ids)
        restore = Restore(self.hub, is_living=lambda connection: connection not in dead)
        restore.start(self._checkpoint, self._checkpoint_ts)
        for record in (*self.records, Past(WALL_S + self.now_s, "cluster.taken_over")):
            assert restore.apply(record) is None
        restore.finish(self.now_s)
        return [effect for command in held for effect in self.do(command)]

    def do(self, command: Command) -> list[Effect]:
        return self.keep(self.hub.handle(command, self.now_s))

    def administer(self, command: OfAdmin) -> list[Effect]:
        effects = self.hub.administer(command, self.now_s)
        assert not isinstance(effects, Refusal)
        return self.keep(effects)

    def keep(self, effects: list[Effect]) -> list[Effect]:
        """Add the records among these effects to the log, and return the effects."""
        self.records += [past(effect, WALL_S + self.now_s) for effect in effects if isinstance(effect, Record)]
        return effects

    def join(self, connection: int, peer: str | None, dialect: str = "rooms", room: str = "bar", **more: Any) -> Any:
        return self.do(Join(connection=connection, room=RoomKey(dialect, room), at_ms=0, peer=peer, **more))

    def relay(self, connection: int, to: str | None, payload: bytes = b"{}") -> list[Effect]:
        return self.do(Relay(connection, "offer", to, None, payload))

    def enqueue(self, connection: int, peer: str, size: int = 2) -> list[Effect]:
        at_ms = round(self.now_s * 1000)
        return self.do(Enqueue(kind="ask", connection=connection, dialect="match", peer=peer, size=size, at_ms=at_ms))

    def end(self, connection: int, ending: Ending = Ending.LOST) -> list[Effect]:
        return self.do(End(connection, ending))

    def pass_time(self, seconds: float) -> list[Effect]:
        """Let time pass from deadline to deadline, as the server does."""
        until_s, done = self.now_s + seconds, list[Effect]()
        while (next_s := self.hub.next_deadline_s) is not None and next_s <= until_s:
            self.now_s = max(self.now_s, next_s)
            done += self.do(Tick())
        self.now_s = until_s
        return done


def told(effects: list[Effect], connection: int, kind: type[M]) -> list[M]:
    """Return the messages of this type that were sent to the connection."""
    return [
        each.message
        for each in effects
        if isinstance(each, Send) and connection in each.connections and isinstance(each.message, kind)
    ]


def types(effects: list[Effect]) -> list[str]:
    return [effect.type for effect in effects if isinstance(effect, Record)]
