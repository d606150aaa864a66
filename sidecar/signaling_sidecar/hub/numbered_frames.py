"""Processes the sequence numbers on the frames of clients with resumable sessions, so that each frame is handled once
and in order."""

from __future__ import annotations

from collections.abc import Callable

from signaling_sidecar import errors
from signaling_sidecar.hub import commands, records
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.membership import Membership, Session
from signaling_sidecar.hub.messages import Ack
from signaling_sidecar.hub.refusals import Refusals
from signaling_sidecar.hub.resumption import Resumption

ACK_WITHIN_S = 1.0  # seconds; PROTOCOLS.md, "Resuming a session"
CarryOut = Callable[[commands.Carried, float, int | None], list[Effect]]
"""A function that carries out a command. Its arguments are the command, `now_s`, and the number of the command's frame.
The number is None if the frame has no number, or if the session is not resumable."""


class NumberedFrames:
    def __init__(self, membership: Membership, deadlines: Deadlines, refusals: Refusals, carry_out: CarryOut) -> None:
        self._membership = membership
        self._deadlines = deadlines
        self._refusals = refusals
        self._carry_out = carry_out

    def is_next(self, numbered: commands.Numbered) -> bool:
        """Whether the command will be carried out: its `c` is None or the next number, and its `a` and `c` are valid.

        Returns True if the session is not resumable, because the numbers on its frames are then ignored.
        """
        resumption, _ = self._resumable(numbered)
        if resumption is None:
            return True
        return numbered.refusal is None and numbered.c in (None, resumption.handled + 1)

    def handle(self, numbered: commands.Numbered, now_s: float) -> list[Effect]:
        """Process the numbers on a frame, and carry out its command if its number is the next one. A repeated frame is
        dropped, and a frame with a higher number is refused."""
        resumption, session = self._resumable(numbered)
        if session is None or resumption is None:
            return self._carry_out(numbered.command, now_s, None)
        if numbered.a is not None:
            resumption.acknowledged(numbered.a)
            if resumption.take_unrecorded():
                a = min(numbered.a, resumption.sent)
                acknowledged = records.of_session("frame.acknowledged", session, {"a": a})
                return [acknowledged, *self._handle_once(numbered, session, resumption, now_s)]
        return self._handle_once(numbered, session, resumption, now_s)

    def _handle_once(
        self, numbered: commands.Numbered, session: Session, resumption: Resumption, now_s: float
    ) -> list[Effect]:
        command, c = numbered.command, numbered.c
        if c is None:
            return self._do(numbered, now_s)
        if c <= resumption.handled:
            return []
        if c > resumption.handled + 1:
            return self._refusals.answer(command, errors.out_of_order(c, resumption.handled))
        resumption.handled = c
        self._owe_ack(session, resumption, now_s)
        try:
            done = self._do(numbered, now_s)
        except Exception:
            resumption.handled = c - 1  # so that the refusal that the server now passes to the hub can have this number
            raise
        return records.numbered(done, session, c)

    def _do(self, numbered: commands.Numbered, now_s: float) -> list[Effect]:
        if numbered.refusal is not None:
            return self._refusals.answer(numbered.command, numbered.refusal, numbered.c)
        return self._carry_out(numbered.command, now_s, numbered.c)

    def _resumable(self, numbered: commands.Numbered) -> tuple[Resumption, Session] | tuple[None, None]:
        """Return the `Resumption` and the session of a connection with a resumable session, which has no other session.
        For any other connection, return None for both."""
        session = self._membership.session(numbered.connection)
        if session is None or session.resumption is None:
            return None, None
        return session.resumption, session

    def _owe_ack(self, session: Session, resumption: Resumption, now_s: float) -> None:
        if not resumption.owes_ack:
            resumption.owes_ack = True
            self.acknowledge_later(session, resumption, now_s)

    def acknowledge_later(self, session: Session, resumption: Resumption, now_s: float) -> None:
        """Acknowledge the client's frames after `ACK_WITHIN_S`, unless another frame to the client acknowledges them
        earlier."""
        self._deadlines.at(now_s + ACK_WITHIN_S, lambda _: _ack(session, resumption))


def _ack(session: Session, resumption: Resumption) -> list[Effect]:
    """Acknowledge the client's frames, unless another frame to the client has acknowledged them in the meantime."""
    if session.connection is None or session.resumption is not resumption:
        return []
    handled = resumption.take_ack()
    return [Send((session.connection,), Ack(handled))] if handled is not None else []
