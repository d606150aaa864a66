"""What all verbs of the hub work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.lobby import Lobby
from signaling_sidecar.hub.mailbox import Mailboxes
from signaling_sidecar.hub.membership import Membership, Session
from signaling_sidecar.hub.rules import RoomKey, RoomRules

BARRED_S = 60.0  # seconds; PROTOCOLS.md, "Close codes": a client that reconnects by itself must not be back at once


class Ids(Protocol):
    """Where new names come from: random ones when it serves, counted ones in a test."""

    def session(self) -> str:
        """A session id that never was, in any run."""

    def peer(self) -> str:
        """A peer id, for a peer that brought none."""

    def token(self) -> str:
        """A secret of 43 or more characters that may stand in a URL."""

    def room(self) -> str:
        """A room id that never was, for a room that the hub makes."""


@dataclass(slots=True)
class State:
    """All but `rules`, `max_rooms` and `log_is_written` is the same for the hub's whole life."""

    rules: Mapping[str, RoomRules]
    """By dialect name."""
    max_rooms: int
    ids: Ids
    deadlines: Deadlines
    membership: Membership
    lobby: Lobby
    mailboxes: Mailboxes
    log_is_written: bool = True
    """Whether the event log has what happens now."""
    barred: set[tuple[RoomKey, str]] = field(default_factory=set)
    """Peers that were removed from a room, and may not be back yet."""

    def bar(self, room: RoomKey, peer: str, now_s: float) -> None:
        self.barred.add((room, peer))

        def end(_: float) -> list[Effect]:
            self.barred.discard((room, peer))
            return []

        self.deadlines.at(now_s + BARRED_S, end)

    def is_durable(self, rules: RoomRules) -> bool:
        """Whether a session in a room with these rules outlives this process, with all that is kept for it."""
        return rules.endings.durable and self.log_is_written

    def refuse_room(self, leaving: Session | None) -> Refusal | None:
        """Whether one more room can be made, when `leaving` gives up its place for it."""
        ending = 1 if leaving is not None and len(leaving.room.sessions) == 1 else 0
        full = len(self.membership) - ending >= self.max_rooms
        return errors.too_many_rooms(self.max_rooms) if full else None
