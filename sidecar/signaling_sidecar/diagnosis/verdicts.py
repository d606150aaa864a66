"""The verdict on a pair: what its last attempt came to, or why the one before it failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from signaling_sidecar.diagnosis.advice import next_step
from signaling_sidecar.diagnosis.attempts import Attempt, attempts_of
from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.pair import Pair
from signaling_sidecar.diagnosis.reasons import Finding, Reason
from signaling_sidecar.diagnosis.signaling import by_signaling
from signaling_sidecar.diagnosis.transport import with_reports

_UNDECIDED = (Reason.IN_PROGRESS, Reason.GLARE)
"""Two sides that both try again make offers that cross: what was before them says more."""


class Verdict(NamedTuple):
    """`signaling` is what the signaling alone can tell, `finding` what it can tell with the browsers' reports."""

    meeting: Meeting
    attempt: Attempt
    signaling: Finding
    finding: Finding
    notes: tuple[str, ...]
    """What is worth knowing and is not the reason."""

    @property
    def sentence(self) -> str:
        one, other = (stay.label for stay in self.meeting.stays)
        return f"{one} and {other}: {self.finding.sentence}"

    @property
    def next_step(self) -> str | None:
        """What to do about it; None: nothing."""
        return next_step(self.finding.reason, self.finding.code)


def judge(meeting: Meeting, now_ts: float) -> Verdict:
    """Say what became of a pair by `now_ts` (seconds since the epoch): the log's end, or now for a running sidecar."""
    attempts = attempts_of(meeting)
    verdict = _judge(meeting, attempts[-1], now_ts)
    for attempt, later in zip(attempts[-2::-1], attempts[:0:-1], strict=True):
        if verdict.finding.reason not in _UNDECIDED:
            break
        before = _judge(meeting, attempt, later.signals[0].entry.ts)
        if before.finding.reason in (Reason.CONNECTED, Reason.UNKNOWN):
            break
        if before.finding.reason not in _UNDECIDED:
            again = before.finding._replace(sentence=f"{before.finding.sentence}; they try again")
            return before._replace(finding=again)
    return verdict


def _judge(meeting: Meeting, attempt: Attempt, now_ts: float) -> Verdict:
    pair = Pair(meeting, attempt, now_ts)
    signaling = by_signaling(pair)
    finding = with_reports(pair, signaling)
    return Verdict(meeting, attempt, signaling, finding, tuple(_notes(pair, finding.reason)))


def _notes(pair: Pair, reason: Reason) -> Iterable[str]:
    attempt = pair.attempt
    for side, name in enumerate(pair.names):
        unread = sum(signal.sender == side for signal in attempt.unread())
        if unread and reason in (Reason.OFFER_UNANSWERED, Reason.NO_CANDIDATES):
            yield f"{name} has sent {unread} signal{'' if unread == 1 else 's'} in no form that is known here"
        answered = any(answer.sender == side for answer in attempt.answers)
        if reason is Reason.NOBODY_OFFERED and (answered or attempt.candidates(side)):
            sent = "an answer" if answered else "candidates"
            yield f"{name} has sent {sent} all the same: the offer was not sent, or went another way"
    if attempt.crossing is not None and attempt.answers and attempt.both_answered is None:
        winner = pair.names[1 - attempt.answers[-1].sender]
        yield f"both sent an offer at the same time; that of {winner} was answered"
    for side, name in enumerate(pair.names):
        if attempt.early(side):
            yield f"{name} sent candidates before its description: who adds them at once loses them"
    if attempt.only_mdns:
        yield "all candidates are .local names, which only the same network resolves"
    if attempt.subnets is not None:
        yield f"the candidates are of different networks: {' and '.join(attempt.subnets)}"
