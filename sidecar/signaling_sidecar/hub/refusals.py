"""Refuses frames: tells the client why its frame was not carried out, and records the refusal."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from signaling_sidecar import errors
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import commands, effects, messages, records
from signaling_sidecar.hub.announcements import announce
from signaling_sidecar.hub.commands import OfMember, Refusable
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.entry_limits import LimitedDialects
from signaling_sidecar.hub.membership import Membership, Session

NOT_COUNTED = frozenset((Code.OUT_OF_ORDER, Code.TOO_FAST))
"""After a refusal with one of these codes, the frame does not count as handled, and the client sends it again under the
same number."""


class Refusals:
    def __init__(self, membership: Membership, entry_limits: LimitedDialects) -> None:
        self._membership = membership
        self._entry_limits = entry_limits

    def answer(
        self, command: commands.Carried, refusal: Refusal, c: int | None = None, *, is_told: bool = True
    ) -> list[Effect]:
        """Record a refusal and, if `is_told`, send it to the client. `c` is the number of the frame, or None if the
        frame does not count as handled."""
        refused = _refused_command(command, refusal)
        session = self._session(refused)
        record = records.of_refusal(refused, refusal, session)
        done: list[Effect] = [record]
        if is_told and (not isinstance(refused, commands.Refuse) or refused.is_told):
            done = self._tell(refused, record, refusal, c)
        if self._entry_limits.is_exhausted(command.connection):
            done.append(effects.Close(command.connection, messages.CloseCode.REFUSED, refusal.code))
        return done

    def of_member(self, command: OfMember) -> Refusal:
        """Return the refusal of a command whose sender is not in the room that it names, or has another peer id
        there."""
        sessions = self._membership.sessions(command.connection)
        if not sessions:
            return errors.not_joined(command.kind)
        claimed = command.claimed_from
        if claimed is not None and all(claimed != session.peer for session in sessions):
            return errors.forged_from(claimed, sessions[0].peer)
        session = self._membership.session(command.connection, command.room)
        if session is not None:
            return errors.forged_from(claimed or "", session.peer)
        return errors.which_room(command.kind) if command.room is None else errors.other_room(command.room.room)

    def _tell(self, command: Refusable, record: effects.Record, refusal: Refusal, c: int | None) -> list[Effect]:
        answer = messages.Refused(
            refusal,
            command.kind,
            joined=bool(self._membership.sessions(command.connection)),
            ref=command.ref or UNSET,
            c=c,
            room=record.room,
            to=record.to,
            peer=record.peer,
        )
        # A connection with a resumable session has no other session.
        session = self._membership.session(command.connection)
        if session is not None and session.resumption is not None:
            if c is not None:
                return announce(record, [session], answer)
            if refusal.code in NOT_COUNTED:
                answer = msgspec.structs.replace(answer, handled=session.resumption.handled)
        return [record, Send((command.connection,), answer)]

    def _session(self, command: Refusable) -> Session | None:
        """Return the session for the record of a refusal: the sender's session in the room that the command names.

        If the sender is not in that room, and connections can be in one room only, return the sender's only session.
        """
        named = self._membership.session(command.connection, records.room_of_member(command))
        only = self._membership.session(command.connection)
        is_only_one = only is not None and only.room.rules.joining.rooms_per_connection == 1
        return only if named is None and is_only_one else named


def _refused_command(command: commands.Carried, refusal: Refusal) -> Refusable:
    """Return the command for the record of a refusal.

    If the command itself can never be refused, such as a ping, the refusal is about the number of its frame. It is then
    recorded as a `Refuse`.
    """
    if isinstance(command, commands.Several):
        command = next((each for each in command.commands if isinstance(each, Refusable)), command)
    if isinstance(command, Refusable):
        return command
    return commands.Refuse(connection=command.connection, refusal=refusal)
