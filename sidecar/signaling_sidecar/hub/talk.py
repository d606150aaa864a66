"""Carries out the commands of peers in a room: relays frames between them, and changes their names, their metadata and
the room."""

from __future__ import annotations

from msgspec import UNSET

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, messages, records
from signaling_sidecar.hub.admission import InTheWay
from signaling_sidecar.hub.announcements import announce, room_state, tell
from signaling_sidecar.hub.arrivals import Arrivals
from signaling_sidecar.hub.contacts import remember
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.returns import apply_changes
from signaling_sidecar.hub.state import State


class Talk:
    def __init__(self, state: State, arrivals: Arrivals) -> None:
        self._known_ids = state.membership.known_ids
        self._mailboxes = state.mailboxes
        self._arrivals = arrivals

    def relay(self, relay: commands.Relay, session: Session, now_s: float) -> list[Effect] | Refusal | InTheWay:
        moves: list[Effect] | None = None
        if relay.call is not None and relay.call.room != session.room.key:
            if not session.room.rules.relays.to_other_rooms:
                return errors.other_room(relay.call.room.room)
            moved = self._arrivals.call(relay.call, now_s)
            if isinstance(moved, InTheWay):
                return moved._replace(relay=relay)
            if isinstance(moved, Refusal):
                return moved
            moves, session = moved
        receivers = _receivers(session, relay)
        if isinstance(receivers, list):
            room = session.room
            remember(session, relay.to)
            told = _count(receivers) if relay.to is None and room.rules.relays.publishes else None
            relayed = messages.Relayed(session.peer, relay.kind, relay.payload, room.name, room.key.room, told)
            done = announce(records.of_relay(session, relay), receivers, relayed)
            if relay.sender_name is not None and relay.sender_name != session.name:
                named = commands.Update(connection=relay.connection, name=relay.sender_name)
                done = [*self.update(named, session, now_s), *done]
        else:
            kept = self._keep(relay, session, now_s)
            if kept is None:
                return receivers
            done = kept
        if moves is not None:
            done = [*moves, *done]
        return done + _confirmation(relay) if relay.confirms else done

    def relay_from_outside(self, relay: commands.Relay, room: Room, now_s: float) -> list[Effect]:
        """Send a frame to all peers in a room. The sender of the frame is not in that room."""
        room.active_s = now_s
        receivers = list(room.sessions.values())
        relayed = messages.Relayed(
            relay.claimed_from or "", relay.kind, relay.payload, room.name, room.key.room, _count(receivers)
        )
        return announce(records.of_relay_from_outside(room, relay), receivers, relayed)

    def _keep(self, relay: commands.Relay, session: Session, now_s: float) -> list[Effect] | None:
        """Keep a frame whose receiver cannot be reached now. Returns None if the room's rules do not allow this."""
        room = session.room
        mailbox = room.rules.relays.mailbox
        if mailbox is None or not relay.may_wait or relay.to is None or relay.to == session.peer:
            return None
        is_known = relay.to in room.sessions or (room.key, relay.to) in self._known_ids
        if not mailbox.takes_unknown_ids and not is_known:
            return None
        return self._mailboxes.keep(relay, session, mailbox, now_s)

    def update(self, update: commands.Update, session: Session, now_s: float) -> list[Effect]:
        room = session.room
        changes = apply_changes(session, name=update.name, metadata=update.metadata)
        record = records.of_session("peer.updated", session, changes)
        done: list[Effect] = []
        if room.rules.announcements.echoes_updates:
            state = room_state(room, now_s)
            notice = messages.PeerUpdated(peer=session.peer, name=update.name, state=state, room=room.key.room)
            done = announce(record, [session, *room.audience(session)], notice)
        elif changes:
            notice = messages.PeerUpdated(peer=session.peer, **changes, room=room.key.room)
            done = announce(record, room.audience(session), notice)
        return done + _confirmation(update) if update.confirms else done

    def update_room(self, update: commands.UpdateRoom, session: Session, now_s: float) -> list[Effect] | Refusal:
        room = session.room
        if room.host is not session:
            return errors.unauthorised(update.kind)
        if update.mode is not None and update.mode not in room.rules.host.modes:
            return errors.bad_field("mode", "one of " + ", ".join(room.rules.host.modes))
        room.name, room.mode = update.name or room.name, update.mode or room.mode
        record = records.of_session("room.updated", session, records.present(name=update.name, mode=update.mode))
        state = room_state(room, now_s)
        notice = messages.RoomUpdated(
            peer=session.peer, name=update.name, mode=update.mode, state=state, room=room.key.room
        )
        done: list[Effect] = [record, *tell(room.sessions.values(), notice)]
        return done + _confirmation(update) if update.confirms else done


def _confirmation(command: commands.Relay | commands.Update | commands.UpdateRoom) -> list[Effect]:
    return [Send((command.connection,), messages.Confirmed(command.kind, command.ref or UNSET))]


def _count(receivers: list[Session]) -> int:
    return len(receivers) - [receiver.connection for receiver in receivers].count(None)


def _receivers(session: Session, relay: commands.Relay) -> list[Session] | Refusal:
    room = session.room
    if relay.to is None:
        if room.rules.relays.publishes:
            return list(room.sessions.values())
        others = room.others(session)
        if relay.must_arrive and not any(other.connection is not None for other in others):
            return errors.nobody_else()
        return others
    target = room.sessions.get(relay.to)
    if target is None or (target is session and not room.rules.relays.to_oneself):
        return errors.no_such_peer(relay.to)
    is_unreachable = target.connection is None and target.resumption is None
    return errors.peer_away(relay.to) if is_unreachable else [target]
