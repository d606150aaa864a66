"""Checks the commands of clients against their tokens, and closes connections when their tokens expire.

This module is only used if the sidecar requires tokens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from signaling_sidecar.auth import Claims
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.errors import Code
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.messages import EXPIRED, REVOKED, CloseCode
from signaling_sidecar.server.authorisation.access import Access
from signaling_sidecar.server.authorisation.command_checks import CommandChecks
from signaling_sidecar.server.authorisation.gate import Gate
from signaling_sidecar.server.sockets.connection import CloseConnection, Connection

LOOK_AFTER_S = 60.0
"""The longest time in seconds between two checks whether a token has expired. One long timer would not be enough,
because the clock can be set, and timers stop while the machine sleeps."""


class TokenHolders:
    """Must be created in a running event loop."""

    def __init__(self, gate: Gate, checks: CommandChecks, close: CloseConnection) -> None:
        self._gate = gate
        self._checks = checks
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._open: dict[int, Connection] = {}
        self._anonymous: dict[int, Connection] = {}
        """The connections whose clients have not sent a valid token yet, the oldest first."""

    def begin(self, connection: Connection, claims: Claims | None, dialect: Dialect | None) -> None:
        """Must be called when a connection has opened, with the claims of its handshake's token.

        If `dialect` is None, `recognised` must be called later.
        """
        verify, arm = partial(self._verify, connection), partial(self._arm, connection)
        connection.access = access = Access(claims, time.time(), verify, arm)
        access.one_room = dialect is None or self._checks.takes_one_room(dialect.name)
        self._open[connection.id] = connection
        if claims is None:
            self._anonymous[connection.id] = connection
        self._arm(connection)

    def recognised(self, connection: Connection, dialect: Dialect) -> bool:
        """Must be called when the first frame has shown the dialect. Returns False if the connection is closed, because
        the handshake should have had a token."""
        access = connection.access
        assert access is not None  # `begin` has set it
        if access.own is None and not dialect.tokens_in_frames:
            self._close(connection, CloseCode.UNAUTHORISED, Code.UNAUTHORISED)
            return False
        access.one_room = self._checks.takes_one_room(dialect.name)
        return True

    def close_all_of(self, is_revoked: Callable[[Claims], bool]) -> int:
        """Close the connections that use a revoked token, and return their number.

        Their sessions continue for the grace period, so a client with another token of the same subject can resume.
        """
        found = [each for each in self._open.values() if each.access is not None and each.access.uses(is_revoked)]
        for connection in found:
            self._close(connection, CloseCode.UNAUTHORISED, REVOKED)
        return len(found)

    def ended(self, connection: Connection) -> None:
        self._open.pop(connection.id, None)
        self._anonymous.pop(connection.id, None)

    def close_an_anonymous_one(self) -> None:
        """Close the oldest connection without a token, to make room for another client when there are too many."""
        oldest = next(iter(self._anonymous.values()), None)
        if oldest is not None:
            self._turn_out(oldest)

    def check(self, connection: Connection, command: Command) -> Command:
        """Return the command to carry out, which may be a refusal. `close_spent` must be called after the command
        was carried out."""
        access = connection.access
        assert access is not None  # `begin` has set it
        was_anonymous = access.own is None
        checked = self._checks.check(command, access)
        if was_anonymous and access.own is not None:
            self._anonymous.pop(connection.id, None)
        return checked

    def close_spent(self, connection: Connection) -> None:
        """Close the connection of a client that has shown too many invalid tokens."""
        if connection.access is not None and connection.access.is_spent:
            self._turn_out(connection)

    def _verify(self, connection: Connection, token: str) -> Claims:
        return self._gate.claims_of_frame(token, connection.id, connection.address)

    def _turn_out(self, connection: Connection) -> None:
        self._anonymous.pop(connection.id, None)
        self._close(connection, CloseCode.UNAUTHORISED, Code.UNAUTHORISED)

    def _arm(self, connection: Connection) -> None:
        """Close the connection if its time is over. Otherwise, set a timer that checks this again."""
        connection.cancel_expiry()
        ends_at_s = connection.access.ends_at_s if connection.access is not None else None
        if ends_at_s is None or connection.end is not None:
            return
        left_s = ends_at_s - time.time()
        if left_s > 0:
            connection.expiry = self._loop.call_later(min(left_s, LOOK_AFTER_S), self._arm, connection)
        else:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        assert connection.access is not None  # `_arm` has checked this
        if connection.access.own is None:
            self._turn_out(connection)
        else:
            self._gate.expired(connection.id, connection.access.own.claims)
            self._close(connection, CloseCode.UNAUTHORISED, EXPIRED)
