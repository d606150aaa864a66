"""Continues sessions on other connections, and tells the client and the other peers about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET

from signaling_sidecar.hub import commands, messages, records
from signaling_sidecar.hub.announcements import announce, announce_join, joined_notice, peer_list, tell, told_by_list
from signaling_sidecar.hub.departures import close_or_tell
from signaling_sidecar.hub.effects import Effect, Mark, Record, Send
from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.resumption import Resumption, token_hash
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.hub.state import State
from signaling_sidecar.hub.views import Ticket


class Returns:
    def __init__(self, state: State) -> None:
        self._state = state

    def ticket(self, session: Session, connection: int, shown: str | None = None) -> Ticket | None:
        """Issue a token with which the client can resume the session later. The caller must send it on `connection`.
        Returns None in dialects without resumption.

        `shown` is the token that the client has presented. While the log cannot be written, that token is issued again
        if it is valid, because a new one would be unknown after a restart.
        """
        endings, resumption = session.room.rules.endings, session.resumption
        if endings.resumable_grace_s is None:
            return None
        is_good = shown is not None and resumption is not None and resumption.knows(token_hash(shown))
        token = shown if shown is not None and is_good and not self._state.log_is_written else self._state.ids.token()
        if resumption is None:
            session.resumption = Resumption(token_hash(token))
        else:
            proven = token_hash(shown) if shown is not None and is_good else resumption.proven
            resumption.issue(token_hash(token), proven)
        self._state.unconfirmed.add(connection)
        return Ticket(token, endings.resumable_grace_s[Ending.LOST], self._state.is_durable(session.room.rules))

    def attach(self, session: Session, connection: int, now_s: float, **data: Any) -> tuple[list[Effect], Record]:
        """Continue a session on another connection. If the session still has an older connection, that connection loses
        the session, with the reason "replaced".

        Returns the effects for the older connection, and a record with `data`, which the caller must write.
        """
        membership = self._state.membership
        older = membership.attach(session, connection)
        done: list[Effect] = []
        if older is not None:
            if session.room.rules.joining.replacements is not None:
                session.replaced_s = (*session.replaced_s, now_s)
            done.append(close_or_tell(membership, older, session, messages.CloseCode.REPLACED, "replaced"))
        return done, records.of_session("peer.resumed", session, records.present(**data, replaced=older))

    def repeat(self, session: Session, join: commands.Join, now_s: float) -> list[Effect]:
        """Send a new list of peers to a connection that joins a room in which it already has a session.

        The other peers get a message only in dialects whose rules have `announces_returns`.
        """
        session.room.active_s = now_s
        is_resumable = session.resumption is not None or join.resumable or join.token is not None
        ticket = self.ticket(session, join.connection, join.token) if is_resumable else None
        recorded: list[Effect] = []
        if ticket is not None and session.resumption is not None:
            tokens = records.present(token=session.resumption.issued, proven=session.resumption.proven)
            recorded.append(records.of_session("peer.resumed", session, tokens))
        else:
            recorded += told_by_list(session)
        # The announcement needs no record, because no session has changed.
        tells = session.room.rules.announcements.announces_returns
        notices = tell(session.room.audience(session), joined_notice(session, now_s)) if tells else []
        return [*recorded, peer_list(session, join, now_s, ticket), *notices]

    def come_back(self, session: Session, join: commands.Join, now_s: float) -> list[Effect]:
        """Continue the session of a peer id that joins again without a token.

        Either the session was away, or the new connection replaces the session's connection.
        """
        ticket = self.ticket(session, join.connection) if join.resumable else None
        return self._come_back(session, join, now_s, lambda: [peer_list(session, join, now_s, ticket)])

    def resume(self, session: Session, join: commands.Join, now_s: float) -> list[Effect]:
        """Continue the session of a client that has presented a valid token.

        The client is sent the frames that it has missed. If the client does not ask for these frames, or not all of
        them are kept, the client is sent a list of peers.
        """
        resumption = session.resumption
        assert resumption is not None  # the session was found by its token
        missed = resumption.after(join.after) if join.after is not None else None
        ticket = self.ticket(session, join.connection, join.token)
        assert ticket is not None  # the session is resumable
        connection, ref = join.connection, join.ref or UNSET

        def answer() -> list[Effect]:
            if missed is None:
                gap = Send((connection,), messages.NotResumed("gap", ref))
                return [*([gap] if join.after is not None else []), peer_list(session, join, now_s, ticket)]
            resumption.acknowledged(join.after or 0)
            resumption.take_ack()
            resumption.reached = resumption.sent
            resumed = messages.Resumed(session.room.key.room, session.peer, resumption.handled, ticket, ref)
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
        """Continue the session on the connection of the join, and announce that the peer is back.

        `answer` creates the messages to the peer itself, which are sent before the announcement. It is called when the
        session already has its new connection.
        """
        room = session.room
        room.active_s = now_s
        told = session.away.told if session.away is not None else set()
        changes = apply_changes(session, name=join.name, metadata=join.metadata, instance=join.instance)
        token = session.resumption.issued if session.resumption is not None else None
        proven = session.resumption.proven if session.resumption is not None else None
        data = changes | {"token": token, "proven": proven, "unlisted": replayed or None}
        done, record = self.attach(session, join.connection, now_s, **data)
        if room.rules.announcements.announces_returns:
            announced = announce_join(record, session, now_s)
        else:
            announced = _announce_return(record, session, told, changes)
        return [*done, announced[0], *answer(), *announced[1:], *self._state.mailboxes.deliver(session)]


def apply_changes(session: Session, **wanted: Any) -> dict[str, Any]:
    """Set fields of the session, and return those that have changed. A field whose new value is None keeps its
    value."""
    changes = {name: value for name, value in wanted.items() if value not in (None, getattr(session, name))}
    for name, value in changes.items():
        setattr(session, name, value)
    return changes


def _announce_return(record: Record, session: Session, told: set[str], changes: Mapping[str, Any]) -> list[Effect]:
    """Some peers were told that the session is away. Tell these that it is back, and what has changed. Tell the other
    peers only what has changed."""
    room = session.room
    others = room.audience(session)
    saw_it_away = [other for other in others if other.id in told]
    is_back = messages.PeerUpdated(peer=session.peer, away=False, **changes, room=room.key.room)
    back = announce(record, saw_it_away, is_back)
    if not changes:
        return back
    saw_nothing = [other for other in others if other.id not in told]
    recorded, *sends = back
    assert isinstance(recorded, Record)
    changed = messages.PeerUpdated(peer=session.peer, **changes, room=room.key.room)
    return [*announce(recorded, saw_nothing, changed), *sends]
