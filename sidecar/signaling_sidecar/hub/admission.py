"""Decides whether a joining peer may return to a session, and which connections must be challenged (pinged) before the
join is refused."""

from __future__ import annotations

import hmac
from typing import NamedTuple

from signaling_sidecar import errors
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import commands
from signaling_sidecar.hub.grant import subject_of
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.resumption import token_hash
from signaling_sidecar.hub.rules import Challenged


class InTheWay(NamedTuple):
    """A join that will be refused with `refusal` if the connections of `sessions` are still alive.

    `relay` is the frame that the join is part of (`Relay.call`), or None if the client has sent the join on its own.
    """

    join: commands.Join
    sessions: list[Session]
    refusal: Refusal
    relay: commands.Relay | None = None


def session_of(peer: str | None, room: Room | None, subject: str | None) -> Session | None:
    """Return the session that a joining peer would continue in the room, or None if the peer would get a new session.
    `subject` is the subject of the peer's access token."""
    if room is None:
        return None
    if peer is not None:
        return room.sessions.get(peer)
    if not room.rules.joining.anonymous_returns:
        return None
    away = (session for session in room.sessions.values() if session.away is not None)
    return next((session for session in away if session.subject == subject), None)


def refuse_return(session: Session, join: commands.Join, now_s: float) -> Refusal | None:
    """Return a refusal if the join may not continue the session, because the session belongs to another client, or
    because newer connections have replaced its connection too often. Otherwise return None."""
    joining, resumption = session.room.rules.joining, session.resumption
    if session.subject != subject_of(join.grant):
        return errors.of_another_subject(session.peer)
    if resumption is not None:
        # The answer that contained the resume token may have been lost. So until the page has sent a frame that proves
        # that it has the token, it may join again without a token.
        asks_again = join.resumable and resumption.proven is None and join.instance is not None
        return None if asks_again and join.instance == session.instance else errors.taken(session.peer)
    if join.resumable:
        return errors.taken(session.peer)
    if session.connection is None:
        return None
    asks_first = session.own_token is None and joining.challenged is Challenged.THE_ID
    if asks_first or is_another_client(session, join):
        return errors.connected(session.peer)
    if joining.replacements is None:
        return None
    session.replaced_s = tuple(at_s for at_s in session.replaced_s if at_s > now_s - joining.replacement_window_s)
    if len(session.replaced_s) < joining.replacements:
        return None
    return errors.replaced_too_often(session.peer, joining.replacements, joining.replacement_window_s)


def is_another_client(session: Session, join: commands.Join) -> bool:
    """Whether the session has a token that its client made up (`Join.own_token`), and the join has another token."""
    if session.own_token is None:
        return False
    return not hmac.compare_digest(session.own_token, token_hash(join.own_token or ""))


def in_the_way(room: Room | None, known: Session | None, refusal: Refusal) -> list[Session]:
    """Return the sessions whose connections must be challenged before the join is refused.

    `known` is the session to which the joining peer would return, or None if there is none. `refusal` is the refusal of
    the join.
    """
    if room is None:
        return []
    if known is not None:
        can_answer = known.connection is not None and room.rules.joining.challenged is Challenged.THE_ID
        return [known] if can_answer else []
    if room.rules.joining.challenged is Challenged.THE_ROOM and refusal.code is Code.ROOM_FULL:
        return [session for session in room.sessions.values() if session.connection is not None]
    return []
