"""Decides which messages in the owner's inbox are accepted. Redis may contain messages that no sidecar has sent."""

from __future__ import annotations

from typing import assert_never

from signaling_sidecar.cluster.messages import (
    Ask,
    Call,
    Check,
    Ended,
    Gone,
    Note,
    Opened,
    Recognised,
    Remind,
    ToOwner,
    connections_of,
)
from signaling_sidecar.cluster.numbers import instance_of

NOTES = frozenset(
    {
        "auth.expired",
        "auth.failed",
        "auth.revoked",
        "hook.failed",
        "hooks.kept",
        "hooks.swapped",
        "instance.joined",
        "server.reloaded",
        "settings.changed",
    }
)
"""The types of records that a front may add to the log. None of them is about a room or a peer."""


def may_send(sender: int, message: ToOwner) -> bool:
    """Whether the sender may send this message. An instance may only report about itself and its connections. The
    scripts in Redis, which are sender 0, report that an instance is gone."""
    match message:
        case Ask(command) | Remind(command) | Call(request=Check(command)):
            return {instance_of(each) for each in connections_of(command)} == {sender}
        case Opened() | Recognised() | Ended():
            return instance_of(message.connection) == sender
        case Gone():
            return sender == 0
        case Note():
            return sender > 0 and message.record.type in NOTES
        case Call():
            return sender > 0
        case _:
            assert_never(message)
