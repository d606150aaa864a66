"""Takes the place of `Owner` for the front of an instance: forwards commands and events to the owner of the cluster."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.cluster.messages import (
    Administer,
    Administered,
    Ask,
    Call,
    Check,
    Checked,
    Ended,
    Failed,
    Note,
    Opened,
    Recognised,
    Remind,
    Reply,
    Snapshot,
    TakeSnapshot,
    ToOwner,
    singles,
    without_credentials,
)
from signaling_sidecar.cluster.numbers import connection_number, instance_of
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub, RoomKey, commands
from signaling_sidecar.hub.commands import Command, OfAdmin
from signaling_sidecar.hub.effects import Record, Send
from signaling_sidecar.hub.messages import PeerJoined, PeerLeft, PeerList, Relayed
from signaling_sidecar.server.clustered.member import Member
from signaling_sidecar.server.clustered.snapshot import HubCopies, hub_of
from signaling_sidecar.server.refused_commands import instead_of
from signaling_sidecar.server.rooms_access import RoomsUnavailable
from signaling_sidecar.server.tell import ConnectionEnded, ConnectionOpened

_NAMED = PeerJoined | PeerLeft | PeerList | Relayed
ANSWER_WITHIN_S = 10.0  # seconds for the owner to reply; a client waits as long for an answer to its join


class ClusterSide:
    """`member` must be set before the first connection is opened. `secret_dialects` are the dialects in which the names
    of rooms are secret."""

    def __init__(self, new_hub: Callable[[], Hub], secret_dialects: Collection[str]) -> None:
        self.has_hooks = False
        self.member: Member
        self._new_hub = new_hub
        self._copies = HubCopies(self._new_copy)
        self._last_number: int | None = None
        """The number of this instance in its last membership, which may not have ended yet."""
        # The count goes on in the next membership, because an instance may get the same number again after Redis has
        # lost its data. Otherwise, the end of an old connection would count as the end of a new one.
        self._connections = itertools.count(1)
        self._call_ids = itertools.count(1)
        self._calls: dict[int, tuple[Call, asyncio.Future[Reply]]] = {}
        self._secret_dialects = secret_dialects
        self._dialects: dict[int, str] = {}
        """The dialect of each connection."""
        # For each connection, the commands and the names of rooms that a new owner cannot restore from the log.
        self._watches: dict[int, commands.WatchRooms] = {}
        self._secrets: dict[int, dict[RoomKey, str]] = {}

    # --- what the front asks and tells -------------------------------------------------------------------------------

    async def checked(self, command: Command) -> Command:
        """Let the owner call the hooks for this command."""
        if self.member.term is not None:
            return await self.member.term.owner.checked(command)
        try:
            reply = await self._call(Check(command))
        except RoomsUnavailable:
            return instead_of(command, errors.internal())
        answer = reply.answer
        if isinstance(answer, Checked):
            return answer.command
        return instead_of(command, answer.refusal if isinstance(answer, Failed) else errors.internal())

    def ask(self, command: Command) -> None:
        if not self._is_current(command.connection):
            return
        # Most commands are relays without a call. They contain nothing that must be removed or remembered.
        if type(command) is not commands.Relay or command.call is not None:
            command = without_credentials(command)
            self._remember(command)
        dialect, term = self._dialects.get(command.connection), self.member.term
        if term is not None:
            term.ask(command, dialect)  # skips the dispatch in `Member.tell`: most messages are commands
        else:
            self.member.tell(Ask(command, dialect))

    def _remember(self, command: Command) -> None:
        """Remember the parts of a command that must be sent again to a new owner."""
        for each in singles(command):
            if isinstance(each, commands.WatchRooms):
                self._watches[each.connection] = each
            elif isinstance(each, commands.UnwatchRooms):
                self._watches.pop(each.connection, None)
            elif isinstance(each, commands.Join | commands.Relay):
                self._note_secret(each)

    def _note_secret(self, command: commands.Join | commands.Relay) -> None:
        """Remember the name of a secret room that a client wants to enter."""
        join = command if isinstance(command, commands.Join) else command.call
        if join is not None and join.room_name is not None and join.room.dialect in self._secret_dialects:
            self._secrets.setdefault(join.connection, {})[join.room] = join.room_name

    def opened(self, opened: ConnectionOpened) -> None:
        if not self._is_current(opened.connection):
            return
        dialect = opened.dialect.name if opened.dialect is not None else None
        if dialect is not None:
            self._dialects[opened.connection] = dialect
        client = opened.address, opened.origin, opened.user_agent, opened.subject
        self.member.tell(Opened(opened.connection, dialect, *client, opened.request))

    def recognised(self, connection: int, dialect: Dialect) -> None:
        if not self._is_current(connection):
            return
        self._dialects[connection] = dialect.name
        self.member.tell(Recognised(connection, dialect.name))

    def ended(self, ended: ConnectionEnded) -> None:
        for kept in (self._dialects, self._watches, self._secrets):
            kept.pop(ended.connection, None)
        if not self._is_current(ended.connection):
            return
        dialect = ended.dialect.name if ended.dialect is not None else None
        self.member.tell(Ended(ended.connection, ended.ending, ended.by, ended.code, ended.reason, dialect))

    def _is_current(self, connection: int) -> bool:
        """Whether the connection has the current number of this instance. If the connection has an
        earlier number, the other instances treat it as ended, because this instance was declared dead under that
        number."""
        return instance_of(connection) == self.member.number

    def record(self, record: Record) -> None:
        self.member.tell(Note(record))

    def new_connection_id(self) -> int:
        """Return a number that no other connection of the cluster has. This instance must have joined the cluster
        before. While this instance joins again, the number is one of its earlier membership, so the connection is
        closed after the join."""
        assert self._last_number is not None
        return connection_number(self._last_number, next(self._connections))

    # --- what the HTTP routes ask ------------------------------------------------------------------------------------

    async def hub(self) -> Hub:
        """Return the hub, or a copy of it. Raises RoomsUnavailable."""
        if self.member.term is not None:
            return self.member.term.hub
        return await self._copies.get()

    async def _new_copy(self) -> Hub:
        reply = await self._call(TakeSnapshot())
        if not isinstance(reply.answer, Snapshot):
            raise RoomsUnavailable("this sidecar is not in its cluster at the moment")
        return hub_of(reply.answer.state, self._new_hub())

    async def administer(self, command: OfAdmin) -> Refusal | None:
        """Carry out an admin command. Returns the refusal if it cannot be carried out. Raises RoomsUnavailable."""
        self._copies.forget()
        reply = await self._call(Administer(command))
        self._copies.forget()
        return reply.answer.refusal if isinstance(reply.answer, Administered | Failed) else None

    # --- what the member tells ---------------------------------------------------------------------------------------

    def joined(self, number: int) -> None:
        self._last_number = number

    def lost(self) -> None:
        """Forget the connections and calls of the membership that has ended."""
        self._copies.forget()
        for kept in (self._dialects, self._watches, self._secrets):
            kept.clear()
        for _, reply in self._calls.values():
            if not reply.done():
                reply.set_exception(RoomsUnavailable("this sidecar is not in its cluster at the moment"))

    def owner_changed(self) -> None:
        """Send the new owner what the log does not contain.

        This includes the calls for hooks that have no reply yet, because the hooks may still have been running at the
        last owner. All other calls are replied to in the step in which they are handled, so the new owner either finds
        them in the inbox, or the reply is on its way.
        """
        secrets = (commands.TellSecrets(each, tuple(names.items())) for each, names in self._secrets.items())
        again: list[ToOwner] = [*map(Remind, secrets), *map(Remind, self._watches.values())]
        waiting = (call for call, reply in self._calls.values() if not reply.done())
        again += (call for call in waiting if isinstance(call.request, Check))
        if again:
            self.member.tell(*again)

    def named(self, send: Send) -> Send:
        """Add the name of a secret room to a message that lacks it. A new owner does not know the name while it handles
        the commands in its inbox."""
        names, message = self._secrets.get(send.connections[0]), send.message
        if names is None or not isinstance(message, _NAMED) or message.room_name is not None:
            return send
        name = next((name for key, name in names.items() if key.room == message.room), None)
        return Send(send.connections, msgspec.structs.replace(message, room_name=name), send.marks)

    def replied(self, reply: Reply) -> None:
        call = self._calls.get(reply.call)
        if call is not None and not call[1].done():
            call[1].set_result(reply)

    async def _call(self, request: Administer | Check | TakeSnapshot) -> Reply:
        call = Call(next(self._call_ids), request)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._calls[call.id] = call, reply
        try:
            if self.member.number is None:
                raise RoomsUnavailable("this sidecar is not in its cluster at the moment")
            self.member.tell(call)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await reply
        except TimeoutError:
            raise RoomsUnavailable("the sidecar that has the rooms does not answer") from None
        finally:
            del self._calls[call.id]
