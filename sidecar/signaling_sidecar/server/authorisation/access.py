"""Keeps the access tokens of one connection, and decides which of them applies to a room and when the connection ends.

1. The token of the handshake, or else the first valid token in a frame, is the token of the connection. It is replaced
   when the client sends a token of the same subject that expires later.
2. A session keeps the token with which its peer has joined, until the peer joins again with another token. A
   subscription to the list of rooms keeps the token with which the client has subscribed. A new token of the same
   subject replaces the token of the subscription if the new one expires later and allows at least the same rooms.
3. The connection is closed when the first of these tokens has expired.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from signaling_sidecar.auth import Claims
from signaling_sidecar.auth.limits import LEEWAY_S
from signaling_sidecar.hub.grant import Grant

ANONYMOUS_FOR_S = 10.0  # seconds within which a client whose handshake has no token must send a valid one in a frame
MAX_FAILURES = 3  # invalid tokens after which a connection is closed
MAX_ASKED = 256  # the most unanswered joins whose tokens are stored; one frame cannot contain so many joins


class Held(NamedTuple):
    """A valid token."""

    claims: Claims
    grant: Grant


def held(claims: Claims) -> Held:
    return Held(
        claims, Grant(subject=claims.subject, may_create="create" in claims.scopes, peer=claims.peer, claims=claims.all)
    )


class Access:
    """`claims` are those of the handshake's token, or None if the client has yet to send its token in a frame.

    `opened_s` is the Unix time at which the connection has opened. `verify` verifies the token in a frame, or raises
    NotLetIn. `on_change` is called when `ends_at_s` may have become earlier.
    """

    def __init__(
        self,
        claims: Claims | None,
        opened_s: float,
        verify: Callable[[str], Claims],
        on_change: Callable[[], None],
    ) -> None:
        self.verify = verify
        self.own = held(claims) if claims is not None else None
        """The token of the connection. None as long as the client has not shown one."""
        self.failures = 0
        self.one_room = True
        """Whether the connection can be in one room only."""
        self._opened_s = opened_s
        self._on_change = on_change
        self._asked: dict[str, Held] = {}
        """For each room with an unanswered join, the token in the frame of the join."""
        self._joined: dict[str, Held] = {}
        """For each room that the connection is in, the token with which the client has joined."""
        self.watching: Held | None = None
        """The token with which the client has subscribed to the list of rooms."""

    @property
    def is_spent(self) -> bool:
        """Whether the client has shown so many invalid tokens that its connection should be closed."""
        return self.failures >= MAX_FAILURES

    @property
    def ends_at_s(self) -> float | None:
        """The Unix time at which the connection must be closed, or None if none of its tokens expires."""
        if self.own is None:
            return self._opened_s + ANONYMOUS_FOR_S
        used = (self.own, self.watching or self.own, *self._joined.values())
        times = [each.claims.expires_at_s for each in used]
        return min((time_s + LEEWAY_S for time_s in times if time_s is not None), default=None)

    def uses(self, is_revoked: Callable[[Claims], bool]) -> bool:
        """Whether one of the tokens of this connection is revoked."""
        used = (self.own, self.watching, *self._joined.values(), *self._asked.values())
        return any(is_revoked(each.claims) for each in used if each is not None)

    def of_room(self, room: str) -> Held | None:
        """Return the token that decides what the client may send to a room."""
        return self._joined.get(room, self.own)

    def show(self, token: Held) -> None:
        """Must be called when a frame has a valid token, which may replace that of the connection and that of the
        subscription to the list of rooms (rules 1 and 2)."""
        if self.own is None or _is_later(token.claims, self.own.claims):
            self.own = token
            self._on_change()
        if self.watching is not None and _replaces(token.claims, self.watching.claims):
            self.watching = token

    def watches(self, token: Held | None) -> None:
        """Must be called when the client subscribes to the list of rooms, and with None when it unsubscribes."""
        self.watching = token
        self._on_change()

    def asks(self, room: str, token: Held) -> None:
        """Keep the token in the frame of a join until the join is answered. Must be called for each join with a
        token."""
        self._asked.pop(room, None)
        self._asked[room] = token
        if len(self._asked) > MAX_ASKED:
            del self._asked[next(iter(self._asked))]

    def count_room(self, room: str, *, is_in: bool) -> None:
        """Must be called when the connection has entered or left a room."""
        if not is_in:
            self._joined.pop(room, None)
            return
        token = self._asked.pop(room, self._joined.get(room, self.own))
        if self.one_room:
            self._joined.clear()
        if token is not None:
            self._joined[room] = token
            if token is not self.own:
                self._on_change()


def has_expired(claims: Claims, now_s: float) -> bool:
    return claims.expires_at_s is not None and claims.expires_at_s + LEEWAY_S <= now_s


def _replaces(new: Claims, old: Claims) -> bool:
    """Whether the new token prolongs a subscription to the list of rooms: it expires later, and allows at least the
    rooms that the old token allows."""
    return _is_later(new, old) and (new.rooms is None or (old.rooms is not None and old.rooms <= new.rooms))


def _is_later(new: Claims, old: Claims) -> bool:
    if new.subject != old.subject or old.expires_at_s is None:
        return False
    return new.expires_at_s is None or new.expires_at_s > old.expires_at_s
