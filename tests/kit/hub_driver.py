"""Gives commands to a hub. The test controls the clock, and generated ids are numbered."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Hub, RoomKey, RoomRules
from signaling_sidecar.hub.commands import Command, End, Join, Leave, Relay, Tick
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.messages import PeerList, Refused
from signaling_sidecar.hub.rules import Ending, Endings, Entry, Joining

M = TypeVar("M")
GRACE_S = {Ending.CLOSED: 0.0, Ending.UNLOADED: 5.0, Ending.LOST: 30.0, Ending.STOPPED: 30.0}


class CountedIds:
    def __init__(self, earlier: CountedIds | None = None) -> None:
        """If `earlier` is given, count on from its numbers, and leave `earlier` unchanged."""
        self._counts: Counter[str] = Counter() if earlier is None else earlier._counts.copy()

    def session(self) -> str:
        return self._next("session")

    def peer(self) -> str:
        return self._next("peer")

    def token(self) -> str:
        return self._next("token")

    def room(self) -> str:
        return self._next("room")

    def _next(self, name: str) -> str:
        self._counts[name] += 1
        return f"{name}-{self._counts[name]}"


class Driver:
    def __init__(self, capacity: int = 100, max_rooms: int = 100, rooms_per_connection: int = 1) -> None:
        rules = RoomRules(
            joining=Joining(
                capacity=capacity,
                rooms_per_connection=rooms_per_connection,
                replacements=3,
                replacement_window_s=20.0,
            ),
            endings=Endings(grace_s=GRACE_S, away_notice_s=1.0),
            entry=Entry(listed=True),
        )
        self.hub = Hub({"rooms": rules, "other": rules}, max_rooms, CountedIds())
        self.now_s = 1000.0

    def handle(self, command: Command) -> list[Effect]:
        return self.hub.handle(command, self.now_s)

    def join(self, connection: int, peer: str | None, room: str = "bar", at_ms: int = 0, **more: Any) -> list[Effect]:
        return self.handle(Join(connection=connection, room=RoomKey("rooms", room), at_ms=at_ms, peer=peer, **more))

    def leave(self, connection: int, **more: Any) -> list[Effect]:
        return self.handle(Leave(connection=connection, **more))

    def relay(self, connection: int, to: str | None, claimed: str | None = None, kind: str = "offer") -> list[Effect]:
        return self.handle(Relay(connection, kind, to, claimed, b"{}"))

    def end(self, connection: int, ending: Ending) -> list[Effect]:
        return self.handle(End(connection, ending))

    def pass_time(self, seconds: float) -> list[Effect]:
        """Let time pass from deadline to deadline, as the server does, and return the sent messages."""
        until_s, done = self.now_s + seconds, []
        while (next_s := self.hub.next_deadline_s) is not None and next_s <= until_s:
            self.now_s = max(self.now_s, next_s)
            done += self.sent(self.handle(Tick()))
        self.now_s = until_s
        return done

    @staticmethod
    def sent(effects: list[Effect]) -> list[Effect]:
        return [effect for effect in effects if not isinstance(effect, Record)]

    @staticmethod
    def only(effects: list[Effect], kind: type[M]) -> M:
        (found,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]
        return found

    def refused(self, effects: list[Effect]) -> Code:
        """Return the code of a refusal, and check that the only effects are one record and one message."""
        record, answer = effects
        assert isinstance(record, Record)
        assert record.type == "signal.refused"
        assert isinstance(answer, Send)
        assert isinstance(answer.message, Refused)
        return answer.message.refusal.code

    def listed(self, connection: int, peer: str, *, away: bool | None = None, names: bool = False) -> list[Any]:
        """Join, and return the ids or names of the peers in the list."""
        views = self.only(self.join(connection, peer), PeerList).peers
        return [view.name if names else view.peer for view in views if away in (None, view.away)]

    def present(self, room: str = "bar") -> dict[str, int | None]:
        found = self.hub.membership.room(RoomKey("rooms", room))
        return {} if found is None else {s.peer: s.connection for s in found.sessions.values()}

    def views(self) -> dict[RoomKey, dict[str, tuple[int | None, bool]]]:
        """Return everything that peers can see, for each room."""
        return {
            room.key: {s.peer: (s.connection, s.away is not None) for s in room.sessions.values()}
            for room in self.hub.membership.rooms
        }
