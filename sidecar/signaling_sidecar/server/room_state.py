"""Converts a room into the JSON object that the admin API and the inspector send."""

from __future__ import annotations

from typing import Any

from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.records import present


def room_state(room: Room) -> dict[str, Any]:
    more = present(name=None if room.rules.entry.secret else room.name, mode=room.mode, rules=room.own)
    return {
        "dialect": room.key.dialect,
        "room": room.key.room,
        "capacity": room.capacity,
        "listed": room.listed,
        "createdAt": room.created_at_ms,
        "peers": [_peer(session, room) for session in room.sessions.values()],
        **more,
    }


def _peer(session: Session, room: Room) -> dict[str, Any]:
    return {
        "peer": session.peer,
        "session": session.id,
        "joinedAt": session.joined_at_ms,
        "away": session.away is not None,
        "host": room.host is session,
        **present(name=session.name, connection=session.connection),
    }
