"""Replaces the rules of all dialects or of one room, also for rooms that exist. No peer is removed because of the new
rules."""

from __future__ import annotations

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, records
from signaling_sidecar.hub.announcements import tell_durability
from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.entry_limits import LimitedDialects
from signaling_sidecar.hub.idle_rooms import IdleRooms
from signaling_sidecar.hub.state import State


class RuleChanges:
    def __init__(self, state: State, entry_limits: LimitedDialects, idle_rooms: IdleRooms) -> None:
        self._state = state
        self._entry_limits = entry_limits
        self._idle_rooms = idle_rooms

    def of_dialects(self, change: commands.SetRules, now_s: float) -> list[Effect]:
        state = self._state
        state.rules, state.max_rooms = change.rules, change.max_rooms
        done: list[Effect] = []
        for room in state.membership.rooms:
            was_durable = state.is_durable(room.rules)
            room.set_rules(state.rules[room.key.dialect], room.own)
            for session in room.sessions.values():
                state.membership.remember_id(session)
            state.lobby.mark_changed(room)
            if state.is_durable(room.rules) is not was_durable:
                done += tell_durability(room, is_durable=not was_durable)
        self._entry_limits.use(state.rules)
        self._idle_rooms.restart(now_s)
        return done

    def of_room(self, change: commands.SetOwnRules, now_s: float) -> list[Effect] | Refusal:
        room = self._state.membership.room(change.room)
        if room is None:
            return errors.no_such_room(change.room.room)
        before = room.own
        room.set_rules(self._state.rules[room.key.dialect], change.own)
        if room.own == before:
            return []
        room.ruled_by_admin = change.by_admin
        self._state.lobby.mark_all_changed(room.key.dialect)
        return [records.of_own_rules(room)]
