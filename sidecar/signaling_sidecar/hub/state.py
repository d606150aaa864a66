"""Defines the state that all parts of the hub share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.commands import Relay
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.lobby import Lobby
from signaling_sidecar.hub.mailbox import Mailboxes
from signaling_sidecar.hub.membership import Membership, Session
from signaling_sidecar.hub.rules import RoomKey, RoomRules

BARRED_S = 60.0  # seconds in which a removed peer id cannot join again (PROTOCOLS.md, "Close codes")


class Ids(Protocol):
    """Generates new ids and tokens. They are random in a running sidecar, and numbered in tests."""

    def session(self) -> str:
        """Return a session id that no run of the sidecar has used before."""

    def peer(self) -> str:
        """Return a peer id for a client that did not choose one."""

    def token(self) -> str:
        """Return a secret of at least 43 characters that need no escape in a URL."""

    def room(self) -> str:
        """Return a room id that was not used before, for a room that matchmaking creates."""


@dataclass(slots=True)
class State:
    """The shared state. Only the fields `rules`, `max_rooms` and `log_is_written` get new values later, so the parts
    of the hub may keep references to the objects in the other fields."""

    rules: Mapping[str, RoomRules]
    """The rules of each dialect, by its name."""
    max_rooms: int
    ids: Ids
    deadlines: Deadlines
    membership: Membership
    lobby: Lobby
    mailboxes: Mailboxes
    log_is_written: bool = True
    """Whether the event log can be written at the moment."""
    unconfirmed: set[int] = field(default_factory=set)
    """The connections on which a resume token was sent, but whose clients have not shown yet that they have received
    it."""
    barred: dict[tuple[RoomKey, str], float] = field(default_factory=dict)
    """By room and peer id: until when a peer that the admin has removed from the room may not join it again."""

    def bar(self, room: RoomKey, peer: str, until_s: float) -> None:
        """Refuse joins of the peer to the room until the time `until_s`."""
        self.barred[room, peer] = until_s

        def end(_: float) -> list[Effect]:
            if self.barred.get((room, peer)) == until_s:  # otherwise a later removal has set another time
                del self.barred[room, peer]
            return []

        self.deadlines.at(until_s, end)

    def is_published(self, relay: Relay) -> bool:
        """Whether a frame is published to all peers in a room, so that its sender need not be in that room."""
        return relay.room is not None and relay.to is None and self.rules[relay.room.dialect].relays.publishes

    def is_durable(self, rules: RoomRules) -> bool:
        """Whether a restart now would restore the sessions in rooms with these rules, and their kept frames."""
        return rules.endings.durable and self.log_is_written

    def refuse_room(self, leaving: Session | None) -> Refusal | None:
        """Return a refusal if there are already `max_rooms` rooms. The session `leaving` ends before the new room is
        created, so its room does not count if no other session is in it."""
        ending = 1 if leaving is not None and len(leaving.room.sessions) == 1 else 0
        full = len(self.membership) - ending >= self.max_rooms
        return errors.too_many_rooms(self.max_rooms) if full else None
