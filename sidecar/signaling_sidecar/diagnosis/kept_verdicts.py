"""Keeps the verdicts on meetings while the log grows, and evaluates a meeting again only if its verdict may change."""

from __future__ import annotations

from signaling_sidecar.diagnosis.meeting import Meeting, Session
from signaling_sidecar.diagnosis.verdicts import Verdict, evaluate

Facts = tuple[object, ...]


class KeptVerdicts:
    """The verdicts on the meetings that a `MeetingFinder` has found so far."""

    def __init__(self) -> None:
        self._kept: dict[Meeting, tuple[Facts, Verdict]] = {}

    def evaluate(self, meeting: Meeting, now_ts: float) -> Verdict:
        """Return the same as `verdicts.evaluate`. `now_ts` must not be earlier than at the last call."""
        facts = _facts(meeting)
        kept = self._kept.get(meeting)
        if kept is not None and kept[0] == facts and now_ts < kept[1].changes_ts:
            return kept[1]
        verdict = evaluate(meeting, now_ts)
        if meeting.room is not None:  # `MeetingFinder.found` makes meetings without a room anew each time
            self._kept[meeting] = facts, verdict
        return verdict


def _facts(meeting: Meeting) -> Facts:
    """Return the facts that the verdict on a meeting depends on. Signals, refusals and reports are only ever added, so
    their number shows whether there are new ones. Which of the two sessions a connection belongs to depends only on its
    reports and on the signals."""
    return (
        len(meeting.signals),
        len(meeting.refusals),
        meeting.gap,
        sum(each.may_be_signal for each in meeting.refusals),
        *map(_facts_of_session, meeting.sessions),
        *((each, len(each.reports)) for side in meeting.connections for each in side),
    )


def _facts_of_session(session: Session) -> Facts:
    absences = len(session.away), len(session.absences), len(session.pages)
    return session.label, session.gone, session.absent, absences, session.end_of_token, session.insecure
