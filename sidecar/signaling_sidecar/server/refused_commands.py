"""Builds the `Refuse` commands that the hub gets in place of commands that a hook or a token does not allow."""

from __future__ import annotations

import msgspec

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import RoomKey, commands
from signaling_sidecar.hub.commands import Command


def refused(command: commands.Join | commands.Enqueue, refusal: Refusal) -> commands.Refuse:
    return commands.Refuse(
        connection=command.connection,
        refusal=refusal,
        kind=command.kind,
        room=command.room if isinstance(command, commands.Join) else None,
        peer=command.peer,
        name=command.name if isinstance(command, commands.Join) else None,
        ref=command.ref,
    )


def refused_relay(relay: commands.Relay, sent_in: RoomKey | None, refusal: Refusal) -> commands.Refuse:
    return commands.Refuse(
        connection=relay.connection, refusal=refusal, kind=relay.kind, sent_in=sent_in, to=relay.to, ref=relay.ref
    )


def instead_of(command: Command, refusal: Refusal) -> commands.Refuse | commands.Numbered:
    """Return the `Refuse` command that replaces a command that cannot be carried out.

    The new command keeps the number of the frame, because the client would otherwise send the frame again.
    """
    refuse = commands.Refuse(connection=command.connection, refusal=refusal)
    return msgspec.structs.replace(command, command=refuse) if isinstance(command, commands.Numbered) else refuse
