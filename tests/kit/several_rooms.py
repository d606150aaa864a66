"""A hub for tests with one dialect, in which a connection can be in two rooms."""

from __future__ import annotations

from signaling_sidecar.hub import Hub, RoomKey, RoomRules
from signaling_sidecar.hub.commands import Join
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.rules import Ending, Endings, Joining
from tests.kit.hub_driver import CountedIds, Driver

BAR, DEN, ATTIC = (RoomKey("many", room) for room in ("bar", "den", "attic"))
GRACE_S = {Ending.CLOSED: 0.0, Ending.UNLOADED: 0.0, Ending.LOST: 30.0, Ending.STOPPED: 30.0}


class Rooms(Driver):
    """A hub with one dialect, in which a connection can be in two rooms."""

    def __init__(self, **groups: object) -> None:
        super().__init__()
        groups.setdefault("joining", Joining(capacity=2, rooms_per_connection=2))
        groups.setdefault("endings", Endings(grace_s=GRACE_S, idle_s=100.0))
        self.rules = RoomRules(**groups)  # type: ignore[arg-type]
        self.hub = Hub({"many": self.rules}, 100, CountedIds())

    def enter(self, connection: int, peer: str | None, room: RoomKey) -> list[Effect]:
        return self.handle(Join(connection=connection, room=room, at_ms=0, peer=peer))

    def in_rooms(self, connection: int) -> dict[str, str]:
        return {each.room.key.room: each.peer for each in self.hub.membership.sessions(connection)}

    def heard(self, effects: list[Effect], connection: int) -> list[object]:
        return [each.message for each in effects if isinstance(each, Send) and connection in each.connections]
