"""The refusals of commands that the hub is not asked about, because a hook or a token does not allow them."""

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
    """Return what the hub is asked instead of a command that cannot be carried out.

    It has the number of the command, because the client would otherwise send the frame again.
    """
    refuse = commands.Refuse(connection=command.connection, refusal=refusal)
    return msgspec.structs.replace(command, command=refuse) if isinstance(command, commands.Numbered) else refuse
