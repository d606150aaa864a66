"""The hub's state as one object, so that a checkpoint and the records after it give the state at any moment."""

from __future__ import annotations

from typing import Any

from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.records import present


def checkpoint(hub: Hub, now_s: float) -> dict[str, Any]:
    """All rooms and sessions, as plain JSON values. Of a grace it says what is left: hub time ends here."""
    return {"rooms": [_room(room, now_s) for room in hub.membership.rooms]}


def _room(room: Room, now_s: float) -> dict[str, Any]:
    return {
        "dialect": room.key.dialect,
        "room": room.key.room,
        "capacity": room.capacity,
        "listed": room.listed,
        "created_at_ms": room.created_at_ms,
        "sessions": [_session(session, now_s) for session in room.sessions.values()],
    }


def _session(session: Session, now_s: float) -> dict[str, Any]:
    return present(
        session=session.id,
        peer=session.peer,
        connection=session.connection,
        joined_at_ms=session.joined_at_ms,
        name=session.name,
        metadata=session.metadata,
        instance=session.instance,
        away=None
        if session.away is None
        else {
            "ending": session.away.ending,
            "left_s": round(session.away.until_s - now_s, 3),
            "told": sorted(session.away.told),
        },
    )
