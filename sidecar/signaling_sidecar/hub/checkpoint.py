"""Converts the hub's state to a checkpoint: one object that is written to the log as JSON. Each segment of the log
begins with a checkpoint, and a restart reads the last checkpoint."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.mailbox import KeptFrame
from signaling_sidecar.hub.matchmaking import Waiting
from signaling_sidecar.hub.membership import Away, Room, Session
from signaling_sidecar.hub.messages import Numbered, Relayed
from signaling_sidecar.hub.payloads import from_json, to_json
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey
from signaling_sidecar.hub.views import JsonText

MAX_COUNT = 2**53  # larger integers are not exact in JSON readers that use doubles, as in JavaScript
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
FromOne = Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNT)]
MAX_S = 366 * 86_400.0  # seconds; no setting allows a longer time, so a longer time in a log is a damaged value
Seconds = Annotated[float, msgspec.Meta(ge=-MAX_S, le=MAX_S)]


class AwayState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The state of an `Away`: how a session lost its connection, and how long it still waits for its peer."""

    ending: Ending
    left_s: Seconds
    """The remaining grace period in seconds. It is not a time, because another process has another clock (`now_s`)."""
    told: list[str]
    away_s: Seconds = 0.0
    """The number of seconds since the session lost its connection."""


class KeptState(msgspec.Struct, frozen=True, gc=False):
    """The state of a `Kept`: a numbered message that the client has not acknowledged."""

    s: Count
    message: Numbered


class ResumptionState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The state of a `Resumption`, field by field."""

    issued: str
    proven: str | None = None
    sent: Count = 0
    handled: Count = 0
    reached: Count = 0
    kept: list[KeptState] = []
    owes_ack: bool = False


class SessionState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The state of a `Session`."""

    session: str
    peer: str
    joined_at_ms: Count
    connection: int | None = None
    name: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    away: AwayState | None = None
    resumption: ResumptionState | None = None
    own_token: str | None = None
    subject: str | None = None
    contacts: list[str] = []
    place: Count = 0
    """The index of the session among the sessions of its connection, which can be in several rooms."""
    awaits_request: bool = False
    replaced_s_ago: list[Seconds] = []
    """For each time in `Session.replaced_s`, how many seconds ago it was."""


class RoomInLog(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The state of a `Room`, with all its sessions."""

    dialect: str
    room: str
    capacity: Count
    listed: bool
    created_at_ms: Count
    idle_s: Seconds
    sessions: list[SessionState]
    name: str | None = None
    mode: str | None = None
    host: str | None = None
    matched: list[str] = []
    queue: str = ""
    announced: bool = True
    """Whether the peers in the room are told of each other (`Announcements.announces_members`)."""
    rules: OwnRules | None = None
    by_admin: bool = False
    """Whether the admin has set `rules`."""
    asked_listed: bool | None = None
    """Whether the room would be listed if it had no rules of its own. None means the same as `listed`."""
    asked_capacity: FromOne | None = None
    """The capacity that the first peer asked for. `capacity` is the minimum of this and of the limits in the rules."""
    group: FromOne | None = None
    complete: bool = False


class KeptFrameState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The state of a `KeptFrame`, which a mailbox keeps for a peer that cannot be reached."""

    dialect: str
    room: str
    to: str
    peer: str
    """The sender."""
    kind: str
    session: str | None = None
    """The id of the sender's session, or None if that session has ended."""
    payload: str | None = None
    """The payload of the frame. None if the rules are not `durable`: then a restarted hub cannot deliver it."""
    age_s: Seconds = 0.0
    """For how many seconds the frame has been kept."""


class TryState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The state of a `Try` to enter a room, in dialects that limit the number of tries (`entry_limits.py`)."""

    dialect: str
    connection: int
    s_ago: Seconds
    is_first: bool
    remote: str | None = None
    """The IP address of the client."""


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """All rooms with their sessions, the queues, the barred peers, the mailboxes, and the counted tries to enter
    rooms."""

    rooms: list[RoomInLog]
    waiting: list[Waiting]
    barred: list[tuple[RoomKey, str]] = []
    mailboxes: list[KeptFrameState] = []
    """The frames in the mailboxes. Frames for the same receiver are in the order in which they were sent."""
    known_ids: list[tuple[RoomKey, str]] = []
    barred_left_s: list[Seconds] = []
    """For each item of `barred`, how many more seconds the peer may not join."""
    tries: list[TryState] = []
    """The tries in the order in which they happened."""


def checkpoint(hub: Hub, now_s: float) -> Checkpoint:
    """Return the state of the hub. Times are stored relative to `now_s`."""
    barred = sorted(hub.state.barred.items())
    return Checkpoint(
        rooms=[_room(room, hub, now_s) for room in hub.membership.rooms],
        waiting=list(hub.matchmaking),
        barred=[room_and_peer for room_and_peer, _ in barred],
        mailboxes=[_kept_frame(frame, hub, now_s) for frame in hub.state.mailboxes],
        known_ids=list(hub.membership.known_ids),
        barred_left_s=[round(until_s - now_s, 3) for _, until_s in barred],
        tries=[
            TryState(dialect, each.connection, round(now_s - each.at_s, 3), each.is_first, each.address)
            for dialect, limits in hub.entry_limits
            for each in limits.recent
        ],
    )


def _kept_frame(frame: KeptFrame, hub: Hub, now_s: float) -> KeptFrameState:
    is_durable = hub.state.rules[frame.room.dialect].endings.durable
    return KeptFrameState(
        dialect=frame.room.dialect,
        room=frame.room.room,
        to=frame.receiver,
        peer=frame.sender,
        kind=frame.kind,
        session=frame.senders[0].id if frame.senders else None,
        payload=to_json(frame.payload).decode() if frame.payload is not None and is_durable else None,
        age_s=round(now_s - frame.at_s, 3),
    )


def _room(room: Room, hub: Hub, now_s: float) -> RoomInLog:
    return RoomInLog(
        dialect=room.key.dialect,
        room=room.key.room,
        capacity=room.capacity,
        listed=room.listed,
        created_at_ms=room.created_at_ms,
        idle_s=round(now_s - room.active_s, 3),
        sessions=[_session(session, hub, now_s) for session in room.sessions.values()],
        name=None if room.rules.entry.secret else room.name,
        mode=room.mode,
        host=room.host.peer if room.host is not None else None,
        matched=list(room.matched),
        queue=room.queue,
        announced=room.rules.announcements.announces_members,
        rules=room.own,
        by_admin=room.ruled_by_admin,
        asked_listed=room.overruled_listed,
        asked_capacity=room.asked_capacity,
        group=room.group,
        complete=room.is_complete,
    )


def _session(session: Session, hub: Hub, now_s: float) -> SessionState:
    connection, window_s = session.connection, session.room.rules.joining.replacement_window_s
    return SessionState(
        session=session.id,
        peer=session.peer,
        joined_at_ms=session.joined_at_ms,
        connection=connection,
        name=session.name,
        metadata=session.metadata or UNSET,
        instance=session.instance,
        away=_away(session.away, now_s),
        resumption=_resumption(session),
        own_token=session.own_token,
        subject=session.subject,
        contacts=list(session.contacts),
        place=hub.membership.sessions(connection).index(session) if connection is not None else 0,
        awaits_request=session.awaits_request,
        replaced_s_ago=[round(now_s - at_s, 3) for at_s in session.replaced_s if at_s > now_s - window_s],
    )


def _away(away: Away | None, now_s: float) -> AwayState | None:
    if away is None:
        return None
    left_s, away_s = round(away.until_s - now_s, 3), round(now_s - away.since_s, 3)
    return AwayState(away.ending, left_s, sorted(away.told), away_s)


def stored(message: Numbered) -> Numbered:
    """Return the message in a form that can be encoded as JSON. `restored` converts it back."""
    if isinstance(message, Relayed):
        return msgspec.structs.replace(message, payload=to_json(message.payload))
    return message


def restored(message: Numbered) -> Numbered | None:
    """Return the original of a message that `stored` has converted, or None if it is damaged."""
    if not isinstance(message, Relayed):
        return message
    payload = from_json(message.payload)
    return None if payload is None else msgspec.structs.replace(message, payload=payload)


def _resumption(session: Session) -> ResumptionState | None:
    """Return the state of the session's resumption. This state has no kept messages if the log must not contain
    payloads."""
    resumption = session.resumption
    if resumption is None:
        return None
    return ResumptionState(
        issued=resumption.issued,
        proven=resumption.proven,
        sent=resumption.sent,
        handled=resumption.handled,
        reached=resumption.reached,
        kept=[KeptState(kept.s, stored(kept.message)) for kept in resumption.kept]
        if session.room.rules.endings.durable
        else [],
        owes_ack=resumption.owes_ack,
    )
