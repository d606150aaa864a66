"""The hub's lines for the event log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.commands import Join, Refusable, Refuse, Relay
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.membership import Room, Session


def of_room(type_: str, room: Room, data: Mapping[str, Any] | None = None) -> Record:
    return Record(type_, room.key.dialect, room.key.room, data=data)


def of_session(
    type_: str,
    session: Session,
    data: bytes | Mapping[str, Any] | None = None,
    *,
    to: str | None = None,
    kind: str | None = None,
    size: int | None = None,
) -> Record:
    key = session.room.key
    return Record(type_, key.dialect, key.room, session.peer, to, session.connection, session.id, kind, size, data)


def of_refusal(command: Refusable, refusal: Refusal, session: Session | None) -> Record:
    """A refused join is recorded with the room it asked for, anything else with the room its sender is in."""
    count, size = (command.count, command.size) if isinstance(command, Refuse) else (1, None)
    data = {"code": refusal.code, "message": refusal.message, "count": count}
    to = command.to if isinstance(command, Relay) else None
    if isinstance(command, Join):
        key, peer, of = command.room, command.peer, None
    elif session is not None:
        key, peer, of = session.room.key, session.peer, session.id
    else:
        key, peer, of = None, None, None
    dialect, room = key if key is not None else (None, None)
    return Record("signal.refused", dialect, room, peer, to, command.connection, of, command.kind, size, data)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: an absent one is absent in the log too."""
    return {name: value for name, value in fields.items() if value is not None}
