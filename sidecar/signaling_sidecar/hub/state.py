"""The state that all parts of the hub share."""

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
    """Generates new ids, which are random in a running sidecar and numbered in tests."""

    def session(self) -> str:
        """A session id that has never been used, in any run of the sidecar."""

    def peer(self) -> str:
        """A peer id, for a client that did not choose one."""

    def token(self) -> str:
        """A secret of 43 or more characters that need no escape in a URL."""

    def room(self) -> str:
        """A room id that has never been used, for a room that the hub makes."""


@dataclass(slots=True)
class State:
    """Only the fields `rules`, `max_rooms` and `log_is_written` are ever assigned again. The other objects exist as
    long as the hub."""

    rules: Mapping[str, RoomRules]
    """By dialect name."""
    max_rooms: int
    ids: Ids
    deadlines: Deadlines
    membership: Membership
    lobby: Lobby
    mailboxes: Mailboxes
    log_is_written: bool = True
    """Whether the event log can be written at the moment."""
    unconfirmed: set[int] = field(default_factory=set)
    """The connections on which a token was sent, but no frame of the client has come since."""
    barred: dict[tuple[RoomKey, str], float] = field(default_factory=dict)
    """The peers that the admin has removed from a room a moment ago, and the time until which they may not join it
    again."""

    def bar(self, room: RoomKey, peer: str, until_s: float) -> None:
        """Refuse joins of the peer to the room until then."""
        self.barred[room, peer] = until_s

        def end(_: float) -> list[Effect]:
            if self.barred.get((room, peer)) == until_s:  # it may have been removed again since
                del self.barred[room, peer]
            return []

        self.deadlines.at(until_s, end)

    def is_published(self, relay: Relay) -> bool:
        """Whether a frame is for all in the room that it names, and may come from a connection outside of that room."""
        return relay.room is not None and relay.to is None and self.rules[relay.room.dialect].relays.publishes

    def is_durable(self, rules: RoomRules) -> bool:
        """Whether a session in a room with these rules, with all its kept frames, would survive a restart now."""
        return rules.endings.durable and self.log_is_written

    def refuse_room(self, leaving: Session | None) -> Refusal | None:
        """Return a refusal if no other room can be created. `leaving` is a session that would end before, and so would
        its room if it is empty then."""
        ending = 1 if leaving is not None and len(leaving.room.sessions) == 1 else 0
        full = len(self.membership) - ending >= self.max_rooms
        return errors.too_many_rooms(self.max_rooms) if full else None
