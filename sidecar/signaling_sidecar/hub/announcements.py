"""Who is told what, and how the room looks in it."""

from __future__ import annotations

from collections.abc import Iterable

from signaling_sidecar.hub import effects
from signaling_sidecar.hub.effects import Effect, Message, RoomState, Send
from signaling_sidecar.hub.membership import Away, Room, Session


def tell(receivers: Iterable[Session], message: Message) -> list[Effect]:
    """Send to those of the sessions that are connected."""
    connections = tuple(session.connection for session in receivers if session.connection is not None)
    return [Send(connections, message)] if connections else []


def peer_list(session: Session, kind: str, now_s: float) -> Send:
    """The list for `session`. Whom it shows as away, it was told of."""
    room = session.room
    others = room.others(session)
    for other in others:
        if other.away is not None:
            other.away.told.add(session.id)
    assert session.connection is not None
    views = tuple(other.view() for other in others)
    state = room_state(room, now_s)
    message = effects.PeerList(kind, room.key.room, session.peer, session.joined_at_ms, views, room.name, state)
    return Send((session.connection,), message)


def tell_joined(session: Session, now_s: float) -> list[Effect]:
    room = session.room
    return tell(room.others(session), effects.PeerJoined(session.view(), room.name, room_state(room, now_s)))


def tell_away(session: Session, away: Away) -> list[Effect]:
    """Tell the others of a peer that has been away for a while; nobody when it is back."""
    if session.away is not away:
        return []
    others = session.room.others(session)
    unaware = [other for other in others if other.connection is not None and other.id not in away.told]
    away.told.update(other.id for other in unaware)
    return tell(unaware, effects.PeerUpdated(peer=session.peer, away=True))


def room_state(room: Room, now_s: float) -> RoomState | None:
    if not room.rules.tells_state:
        return None
    return RoomState(
        room.key.room,
        room.name,
        room.host.peer if room.host is not None else None,
        room.mode,
        room.created_at_ms,
        now_s - room.active_s,
        tuple(session.view() for session in room.sessions.values()),
    )
