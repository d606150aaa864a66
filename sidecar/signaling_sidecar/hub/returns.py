"""How a peer that has a place takes it again, and what it and the others are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.announcements import announce, announce_join, joined_notice, peer_list, tell
from signaling_sidecar.hub.effects import Effect, Mark, Record, Send, Ticket
from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.resumption import Resumption, token_hash
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.hub.state import State


class Returns:
    def __init__(self, state: State) -> None:
        self._state = state

    def ticket(self, session: Session, shown: str | None = None) -> Ticket | None:
        """A token for the session, which is resumable from now on; None where none can be.

        It is a new one. While the log cannot be written it is the good one that was `shown`, if there was one: after a
        restart nobody would know a new one.
        """
        rules, resumption = session.room.rules, session.resumption
        if rules.endings.resumable_grace_s is None:
            return None
        is_good = shown is not None and resumption is not None and resumption.knows(token_hash(shown))
        token = shown if shown is not None and is_good and not self._state.log_is_written else self._state.ids.token()
        if resumption is None:
            session.resumption = Resumption(token_hash(token))
        else:
            proven = token_hash(shown) if shown is not None and is_good else resumption.proven
            resumption.issue(token_hash(token), proven)
        return Ticket(token, rules.endings.resumable_grace_s[Ending.LOST], self._state.is_durable(rules))

    def take_back(self, session: Session, connection: int, now_s: float, **data: Any) -> tuple[list[Effect], Record]:
        """Give a session another connection; the one it had is closed as replaced. The record is still to be told."""
        older = self._state.membership.attach(session, connection)
        done: list[Effect] = []
        if older is not None:
            if session.room.rules.joining.replacements is not None:
                session.replaced_s.append(now_s)
            done.append(effects.Close(older, effects.CloseCode.REPLACED, "replaced"))
        return done, records.of_session("peer.resumed", session, records.present(**data, replaced=older))

    def repeat(self, session: Session, join: commands.Join, now_s: float) -> list[Effect]:
        """A second join of the same peer: a fresh list, and no notice unless returns are announced."""
        session.room.active_s = now_s
        ticket = self.ticket(session, join.token) if join.resumable or join.token is not None else None
        recorded: list[Effect] = []
        if ticket is not None and session.resumption is not None:
            tokens = records.present(token=session.resumption.issued, proven=session.resumption.proven)
            recorded.append(records.of_session("peer.resumed", session, tokens))
        # What is announced here is not recorded: nobody's place has changed.
        tells = session.room.rules.announcements.announces_returns
        notices = tell(session.room.others(session), joined_notice(session, now_s)) if tells else []
        return [*recorded, peer_list(session, join.kind, now_s, ticket), *notices]

    def come_back(self, session: Session, join: commands.Join, now_s: float) -> list[Effect]:
        """A known id comes back, within its grace or on a newer connection that replaces the older."""
        if session.room.rules.entry.secret:
            session.room.name = join.room_name  # after a restart nothing else knows it
        ticket = self.ticket(session) if join.resumable else None
        return self._come_back(session, join, now_s, lambda: [peer_list(session, join.kind, now_s, ticket)])

    def resume(self, session: Session, join: commands.Join, now_s: float) -> list[Effect]:
        """The session's own client comes back, with its token: for what it missed, or for a fresh list."""
        resumption = session.resumption
        assert resumption is not None  # it knows the token
        missed = resumption.after(join.after) if join.after is not None else None
        ticket = self.ticket(session, join.token)
        assert ticket is not None  # it is resumable
        connection = join.connection

        def answer() -> list[Effect]:
            if missed is None:
                gap: list[Effect] = [Send((connection,), effects.NotResumed("gap"))] if join.after is not None else []
                return [*gap, peer_list(session, join.kind, now_s, ticket)]
            resumption.acknowledged(join.after or 0)
            resumption.take_ack()
            resumption.reached = resumption.sent
            resumed = effects.Resumed(session.room.key.room, session.peer, resumption.handled, ticket)
            again = [Send((connection,), kept.message, {connection: Mark(kept.s)}) for kept in missed]
            return [Send((connection,), resumed), *again]

        return self._come_back(session, join, now_s, answer, replayed=missed is not None)

    def _come_back(
        self,
        session: Session,
        join: commands.Join,
        now_s: float,
        answer: Callable[[], list[Effect]],
        *,
        replayed: bool = False,
    ) -> list[Effect]:
        """`answer` says what the peer itself is told when it has its place again."""
        room = session.room
        room.active_s = now_s
        told = session.away.told if session.away is not None else set()
        changes = apply_changes(session, name=join.name, metadata=join.metadata, instance=join.instance)
        token = session.resumption.issued if session.resumption is not None else None
        proven = session.resumption.proven if session.resumption is not None else None
        data = changes | {"token": token, "proven": proven, "unlisted": replayed or None}
        done, record = self.take_back(session, join.connection, now_s, **data)
        if room.rules.announcements.announces_returns:
            announced = announce_join(record, session, now_s)
        else:
            announced = _announce_return(record, session, told, changes)
        return [*done, announced[0], *answer(), *announced[1:]]


def apply_changes(session: Session, **wanted: Any) -> dict[str, Any]:
    """Give the session what is wanted (None: unchanged), and say what that changed."""
    changes = {name: value for name, value in wanted.items() if value not in (None, getattr(session, name))}
    for name, value in changes.items():
        setattr(session, name, value)
    return changes


def _announce_return(record: Record, session: Session, told: set[str], changes: Mapping[str, Any]) -> list[Effect]:
    """Those who saw it away hear that it is back; the others only what is new of it."""
    others = session.room.others(session)
    saw_it_away = [other for other in others if other.id in told]
    back = announce(record, saw_it_away, effects.PeerUpdated(peer=session.peer, away=False, **changes))
    if not changes:
        return back
    saw_nothing = [other for other in others if other.id not in told]
    recorded, *sends = back
    assert isinstance(recorded, Record)
    return [*announce(recorded, saw_nothing, effects.PeerUpdated(peer=session.peer, **changes)), *sends]
