"""The hub's state as one object, so that a checkpoint and the records after it give the state at any moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.records import present


def checkpoint(hub: Hub, now_s: float) -> dict[str, Any]:
    """All rooms, sessions and queues, as plain JSON values. Of times it says how long ago: hub time ends here."""
    return {
        "rooms": [_room(room, now_s) for room in hub.membership.rooms],
        "waiting": [asdict(waiting) for waiting in hub.matchmaking],
    }


def _room(room: Room, now_s: float) -> dict[str, Any]:
    return present(
        dialect=room.key.dialect,
        room=room.key.room,
        name=None if room.rules.secret else room.name,
        capacity=room.capacity,
        listed=room.listed,
        mode=room.mode,
        host=room.host.peer if room.host is not None else None,
        matched=room.matched or None,
        created_at_ms=room.created_at_ms,
        idle_s=round(now_s - room.active_s, 3),
        sessions=[_session(session, now_s) for session in room.sessions.values()],
    )


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
