"""Checks each command of a client against its tokens, before the user's hooks and the hub see the command.

The hub checks the permissions that depend on rooms and sessions, which are passed to it in the command (`Grant`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import assert_never

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.auth import Claims, Scope
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import RoomKey, RoomRules, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.server.authorisation.access import Access, Held, held
from signaling_sidecar.server.authorisation.gate import NotLetIn
from signaling_sidecar.server.refused_commands import refused, refused_relay


class CommandChecks:
    """`rules` has the room rules of each dialect. `conceal` returns the keyed hash of the name of a secret room.

    `wait_of_subject_s` counts a join for the rate limit of its subject, and returns the seconds that the subject must
    wait, or 0.
    """

    def __init__(
        self,
        rules: Mapping[str, RoomRules],
        conceal: Callable[[str], str],
        wait_of_subject_s: Callable[[str | None], float],
    ) -> None:
        self._wait_of_subject_s = wait_of_subject_s
        self._secret = frozenset(name for name, each in rules.items() if each.entry.secret)
        self._one_room = frozenset(name for name, each in rules.items() if each.joining.rooms_per_connection == 1)
        self._conceal = conceal

    def takes_one_room(self, dialect: str) -> bool:
        """Whether a connection of the dialect can be in one room only."""
        return dialect in self._one_room

    def check(self, command: Command, access: Access) -> Command:
        """Return the command to carry out, which may be a refusal."""
        match command:
            case commands.Relay(room=None, call=None) if access.own is not None:
                # This case is the first because most commands are relays without a room or a call. They need no check:
                # the hub refuses the frame if the connection is in no room, and the client needed a token to join its
                # room.
                return command
            case commands.Numbered():
                inner = self.check(command.command, access)
                assert isinstance(inner, commands.Carried)
                return msgspec.structs.replace(command, command=inner)
            case commands.Several():
                if command.refusal is not None:
                    return command  # because of this refusal, the hub refuses the whole frame
                checked = tuple(self._of_single(each, access) for each in command.commands)
                return msgspec.structs.replace(command, commands=checked)
            case commands.Opened():
                return self._of_opened(command, access)
            case commands.Alive() | commands.TellSecrets() | commands.End():
                return command  # these commands come from the sidecar itself, and need no token
            case commands.SetRules() | commands.SetLogState() | commands.Tick():
                return command
            case _:
                return self._of_single(command, access)

    def _of_single(self, command: commands.Single, access: Access) -> commands.Single:
        match command:
            case commands.Join():
                return self._of_counted_join(command, access)
            case commands.Relay():
                return self._of_relay(command, access)
            case commands.Enqueue():
                return self._of_enqueue(command, access)
            case commands.ListRooms() | commands.WatchRooms():
                return self._of_list(command, access)
            case commands.Leave() | commands.Update() | commands.UpdateRoom() | commands.Trace() | commands.Refuse():
                if access.own is not None:
                    return command
                return _without_token(command.connection, command.kind, command.ref)
            case commands.UnwatchRooms():
                if access.own is not None:
                    access.watches(None)
                return _if_shown(access, command)
            case commands.Acknowledge() | commands.Greet():
                return _if_shown(access, command)
            case commands.Ping():
                return command  # pings need no token
            case _:
                assert_never(command)

    def _of_counted_join(self, join: commands.Join, access: Access) -> commands.Single:
        """Count the join for the rate limit of its subject. A join with its own token is counted by `verify`."""
        if join.credential is None and access.own is not None:
            wait_s = self._wait_of_subject_s(access.own.claims.subject)
            if wait_s > 0:
                return refused(join, errors.too_many_joins(wait_s))
        return self._of_join(join, access)

    def _of_join(self, join: commands.Join, access: Access) -> commands.Single:
        token = self._token(join.credential, access)
        if isinstance(token, Refusal):
            return refused(join, token)
        refusal = self._refuse_room(token.claims, join.room) or _refuse_peer(token.claims, join.peer)
        if refusal is not None:
            return refused(join, refusal)
        if join.credential is not None:
            access.asks(join.room.room, token)
        return msgspec.structs.replace(join, peer=token.claims.peer or join.peer, grant=token.grant)

    def _of_list(self, command: commands.ListRooms | commands.WatchRooms, access: Access) -> commands.Single:
        token = self._token(command.credential, access)
        if isinstance(token, Refusal):
            kind = "list_rooms" if isinstance(command, commands.ListRooms) else "watch_rooms"
            return commands.Refuse(connection=command.connection, refusal=token, kind=kind, ref=command.ref)
        if isinstance(command, commands.WatchRooms):
            access.watches(token)
        return msgspec.structs.replace(command, only=token.claims.rooms)

    def _token(self, credential: str | None, access: Access) -> Held | Refusal:
        """Verify and return the token in a frame or, if the frame has none, return that of the connection."""
        if credential is None or access.is_spent:
            return access.own or errors.no_token()
        try:
            token = held(access.verify(credential))
        except NotLetIn as error:
            access.failures += error.wait_s == 0
            return error.refusal
        access.show(token)
        return token

    def _of_enqueue(self, ask: commands.Enqueue, access: Access) -> commands.Single:
        if access.own is None:
            return refused(ask, errors.no_token())
        claims, grant = access.own
        refusal = _refuse_scopes(claims, (Scope.JOIN, Scope.CREATE)) or _refuse_peer(claims, ask.peer)
        if refusal is None and claims.rooms is not None:
            refusal = errors.not_for_room()  # the sidecar chooses the room, and the token might not allow that room
        if refusal is not None:
            return refused(ask, refusal)
        return msgspec.structs.replace(ask, peer=claims.peer or ask.peer, grant=grant)

    def _of_opened(self, opened: commands.Opened, access: Access) -> Command:
        """Check that the token allows the peer that the handshake names, because the hub may continue the session of
        that peer."""
        if access.own is None:
            return _without_token(opened.connection, None, None)
        claims, grant = access.own
        refusal = _refuse_scopes(claims, (Scope.JOIN,)) or _refuse_peer(claims, opened.peer)
        if refusal is not None:
            return commands.Refuse(connection=opened.connection, refusal=refusal, peer=opened.peer)
        return msgspec.structs.replace(opened, grant=grant)

    def _of_relay(self, relay: commands.Relay, access: Access) -> commands.Single:
        if access.own is None:
            return refused_relay(relay, relay.room, errors.no_token())
        if relay.call is not None:
            call = self._of_join(relay.call, access)
            if isinstance(call, commands.Refuse):
                return msgspec.structs.replace(call, kind=relay.kind, to=relay.to, ref=relay.ref)
            assert isinstance(call, commands.Join)
            relay = msgspec.structs.replace(relay, call=call)
        if relay.room is None:
            return relay
        token = access.of_room(relay.room.room) or access.own
        refusal = self._refuse_room(token.claims, relay.room)
        if refusal is not None:
            return refused_relay(relay, relay.room, refusal)
        return msgspec.structs.replace(relay, grant=token.grant) if relay.to is None else relay

    def _refuse_room(self, claims: Claims, room: RoomKey) -> Refusal | None:
        refusal = _refuse_scopes(claims, (Scope.JOIN,))
        if refusal is not None or claims.rooms is None:
            return refusal
        ids = map(self._conceal, claims.rooms) if room.dialect in self._secret else claims.rooms
        return None if room.room in ids else errors.not_for_room()


def _refuse_scopes(claims: Claims, scopes: Collection[Scope]) -> Refusal | None:
    missing = next((scope for scope in scopes if scope not in claims.scopes), None)
    return None if missing is None else errors.out_of_scope(missing)


def _refuse_peer(claims: Claims, peer: str | None) -> Refusal | None:
    return None if claims.peer is None or peer in (None, claims.peer) else errors.not_for_peer()


def _if_shown(
    access: Access, command: commands.UnwatchRooms | commands.Acknowledge | commands.Greet
) -> commands.Single:
    return command if access.own is not None else _without_token(command.connection, None, None)


def _without_token(connection: int, kind: str | None, ref: msgspec.Raw | None) -> commands.Refuse:
    return commands.Refuse(connection=connection, refusal=errors.no_token(), kind=kind, ref=ref)
