"""Creates the messages that tell peers about other peers and about their room, and selects the sessions that get
them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from signaling_sidecar.hub import commands, messages, records
from signaling_sidecar.hub.effects import Effect, Mark, Record, Send
from signaling_sidecar.hub.membership import Away, Room, Session
from signaling_sidecar.hub.messages import Message, Numbered
from signaling_sidecar.hub.views import RoomState, Ticket


def tell(receivers: Iterable[Session], message: Message) -> list[Effect]:
    """Send a message to those of the sessions that are connected."""
    connections = tuple(session.connection for session in receivers if session.connection is not None)
    return [Send(connections, message)] if connections else []


def announce(record: Record, receivers: Iterable[Session], message: Numbered) -> list[Effect]:
    """Write a record of an event, and send the receivers a message about it.

    In a resumable session, the message has a number, which is written to the record. The message is kept until the
    client acknowledges it. If the peer is away, the message is sent when the peer resumes the session.
    """
    connections: list[int] = []
    marks: dict[int, Mark] = {}
    numbers: dict[str, int] = {}
    for session in receivers:
        connection, resumption = session.connection, session.resumption
        if resumption is not None:
            mark = resumption.keep(message)
            numbers[session.id] = mark.s
            if connection is not None:
                marks[connection] = mark
                resumption.reached = mark.s
        if connection is not None:
            connections.append(connection)
    if numbers:
        record = msgspec.structs.replace(record, numbers={**(record.numbers or {}), **numbers})
    if not connections:
        return [record]
    return [record, Send(tuple(connections), message, marks or None)]


def peer_list(session: Session, join: commands.Join, now_s: float, ticket: Ticket | None) -> Send:
    """Answer a join with the list of the other peers.

    The list shows which peers are away, so the session need not be told this by another message. The list replaces all
    earlier messages, so all frames that were kept for the session count as acknowledged.
    """
    room, resumption = session.room, session.resumption
    others = room.audience(session)
    for other in others:
        if other.away is not None:
            other.away.told.add(session.id)
    message = messages.PeerList(
        kind=join.kind,
        room=room.key.room,
        peer=session.peer,
        joined_at_ms=session.joined_at_ms,
        peers=tuple(other.view() for other in others),
        room_name=room.name,
        state=room_state(room, now_s),
        ticket=ticket,
        ref=join.ref or UNSET,
    )
    if resumption is not None:
        message = msgspec.structs.replace(message, handled=resumption.handled, sent=resumption.sent)
        resumption.acknowledged(resumption.sent)
        resumption.reached = resumption.sent
        resumption.take_ack()
    assert session.connection is not None
    return Send((session.connection,), message)


def told_by_list(session: Session) -> list[Record]:
    """Return a record for each away peer of which the session learns only from its next peer list that it is away.

    These records let a restarted sidecar know what the session was told. They are needed only when the join neither
    creates nor continues a session. Otherwise the record `peer.joined` or `peer.resumed` shows that a list was sent.
    """
    others = session.room.audience(session)
    unaware = (other for other in others if other.away is not None and session.id not in other.away.told)
    return [records.of_session("peer.away_told", other, {"told": [session.id]}) for other in unaware]


def joined_notice(session: Session, now_s: float) -> messages.PeerJoined:
    room = session.room
    return messages.PeerJoined(session.view(), room.name, room_state(room, now_s), room.key.room)


def announce_join(record: Record, session: Session, now_s: float) -> list[Effect]:
    return announce(record, session.room.audience(session), joined_notice(session, now_s))


def announce_away(session: Session, away: Away) -> list[Effect]:
    """Tell the other peers that a session is away, if it has not returned since `away` began. Called after
    `away_notice_s`."""
    if session.away is not away:
        return []
    unaware = [other for other in session.room.audience(session) if _can_hear(other) and other.id not in away.told]
    if not unaware:
        return []
    away.told.update(other.id for other in unaware)
    record = records.of_session("peer.away_told", session, {"told": [other.id for other in unaware]})
    notice = messages.PeerUpdated(peer=session.peer, away=True, room=session.room.key.room)
    return announce(record, unaware, notice)


def tell_durability(room: Room, *, is_durable: bool) -> list[Effect]:
    """Tell the clients with resumable sessions in a room whether these sessions now survive a restart of the
    sidecar."""
    resumable = [session for session in room.sessions.values() if session.resumption is not None]
    return tell(resumable, messages.Durability(is_durable))


def _can_hear(session: Session) -> bool:
    return session.connection is not None or session.resumption is not None


def room_state(room: Room, now_s: float) -> RoomState | None:
    """Return the state of the whole room if the dialect's announcements contain it (`tells_state`). Otherwise None."""
    if not room.rules.announcements.tells_state:
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
