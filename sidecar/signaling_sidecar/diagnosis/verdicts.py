"""Find the verdict on two peers: the result of their last attempt to connect. While that attempt is undecided, the
verdict says why an earlier attempt failed, if one did."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from signaling_sidecar.counted import counted
from signaling_sidecar.diagnosis.advice import CALLS_ITSELF, UNKNOWN_UNREACHABLE, next_step
from signaling_sidecar.diagnosis.attempts import Attempt, attempts_of
from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.pair import Pair
from signaling_sidecar.diagnosis.reasons import Finding, Reason
from signaling_sidecar.diagnosis.reports import Connection
from signaling_sidecar.diagnosis.room_sessions import Hosts
from signaling_sidecar.diagnosis.signaling import by_signaling
from signaling_sidecar.diagnosis.transport import with_reports

_UNDECIDED = (Reason.IN_PROGRESS, Reason.GLARE)
"""If the last attempt has one of these results, an earlier attempt explains more. Glare is one of the results, because
in a second attempt both peers often send an offer at the same time."""

_SILENT = (Reason.NOBODY_OFFERED, Reason.INSECURE_PAGE, Reason.UNKNOWN)
"""The results of two peers without an offer that are not connected, as far as the browsers' reports show it."""


class Verdict(NamedTuple):
    """The verdict on one meeting. `signaling` is the finding from the signals alone. `finding` also takes the browsers'
    reports into account."""

    meeting: Meeting
    attempt: Attempt
    signaling: Finding
    finding: Finding
    notes: tuple[str, ...]
    """Further observations that do not explain the result."""
    connections: Sequence[Connection]
    """The RTCPeerConnections of both sides that belong to the attempt."""
    changes_ts: float
    """The time at which the verdict may change without a new record, because a deadline passes."""
    offered_in: Meeting | None = None
    """If neither peer has sent an offer in this room: their meeting in a room of another dialect, in which one of them
    has sent an offer."""
    has_no_host: bool = False
    """Whether the two have not sent an offer, their room has a host, and neither of them is the host."""
    is_cut_off: bool = False
    """Whether the log is finished, and ends before the result of the attempt."""

    @property
    def must_connect(self) -> bool:
        """Whether the two are a pair that should connect here."""
        return self.offered_in is None and not self.has_no_host

    @property
    def sentence(self) -> str:
        one, other = (session.label for session in self.meeting.sessions)
        return f"{one} and {other}: {self.finding.sentence}{self._parting}{self.end}"

    @property
    def _parting(self) -> str:
        """The part of the sentence that says which peer has left, if the finding does not say it."""
        parted = self.meeting.parted()
        if parted is None or self.finding.evidence[-1:] == parted.ends[-1:]:
            return ""
        return f"; {parted.label} {parted.departure} later"

    @property
    def end(self) -> str:
        """The end of the sentence, which says whether the log ends before the result."""
        return "; the log ends before the result" if self.is_cut_off else ""

    @property
    def next_step(self) -> str | None:
        """The advice about the reason, or None if there is nothing to do."""
        if not self.must_connect or self.is_cut_off:
            return None
        if self.meeting.is_of_one_page and self.finding.reason not in (Reason.CONNECTED, Reason.IN_PROGRESS):
            return CALLS_ITSELF
        if self.meeting.is_with_unknown and self.finding.reason is Reason.ICE_FAILED:
            return UNKNOWN_UNREACHABLE
        return self.finding.next_step or next_step(self.finding.reason, self.finding.code)


Evaluate = Callable[[Meeting, float], Verdict]
"""A function that evaluates a meeting at a given time, such as `evaluate`."""


class Verdicts:
    """Evaluates meetings. `meetings` are all meetings in the log.

    An app may use one protocol to find its peers and another one to call them, with the same peer ids. Then nothing is
    wrong if no offer was sent in the room of the first protocol. Nothing is wrong either if the room has a host,
    neither of the two peers is the host, and no offer was sent between them.
    """

    def __init__(self, meetings: Iterable[Meeting], hosts: Hosts, evaluate: Evaluate) -> None:
        self._evaluate, self._hosts = evaluate, hosts
        self._offered: dict[frozenset[str], Meeting] = {
            _peers(each): each
            for each in meetings
            if each.room is not None and any(signal.what == "offer" for signal in each.signals)
        }
        """By the ids of two peers, the last meeting in which one has sent an offer to the other."""

    def on(self, meeting: Meeting, now_ts: float) -> Verdict:
        verdict = self._evaluate(meeting, now_ts)
        if verdict.signaling.reason is not Reason.NOBODY_OFFERED or verdict.finding.reason not in _SILENT:
            return verdict
        if self._is_without_host(meeting):
            sentence = "neither has sent an offer, and neither is the host of the room"
            return verdict._replace(finding=verdict.signaling._replace(sentence=sentence), has_no_host=True)
        offered_in = self._offered.get(_peers(meeting))
        if verdict.finding.reason is Reason.INSECURE_PAGE or offered_in is None:
            return verdict
        if offered_in.dialect == meeting.dialect or offered_in.is_over_by(meeting.met.ts):
            return verdict
        sentence = f"neither has sent an offer here, but in the room {offered_in.room!r} of {offered_in.dialect}"
        return verdict._replace(finding=verdict.signaling._replace(sentence=sentence), offered_in=offered_in)

    def _is_without_host(self, meeting: Meeting) -> bool:
        """Whether neither peer is the host of the room or, if one of them has left, was the host at that time."""
        parted = meeting.parted()
        until_ts = parted.ends[0].ts if parted is not None else math.inf
        hosts = self._hosts.get((meeting.dialect or "", meeting.room or ""), [])
        # If the host leaves, the next host follows in the same moment.
        host = next((peer for since_ts, peer in reversed(hosts) if since_ts < until_ts), None)
        return host is not None and host not in _peers(meeting)


def _peers(meeting: Meeting) -> frozenset[str]:
    return frozenset(session.peer for session in meeting.sessions)


def evaluate(meeting: Meeting, now_ts: float) -> Verdict:
    """Return whether two peers are connected at `now_ts` (seconds since the epoch), and why not.

    `now_ts` is the end of the log, or the current time for a running sidecar.
    """
    attempts = attempts_of(meeting)
    verdict = _evaluate(meeting, attempts[-1], now_ts)
    if any(each.when("connection", "connected") for each in verdict.connections):
        return verdict
    for attempt, later in zip(attempts[-2::-1], attempts[:0:-1], strict=True):
        if verdict.finding.reason not in _UNDECIDED:
            break
        before = _evaluate(meeting, attempt, later.signals[0].entry.ts)
        if before.finding.reason in (Reason.CONNECTED, Reason.UNKNOWN, Reason.NOBODY_OFFERED):
            break
        if before.finding.reason not in _UNDECIDED:
            again = before.finding._replace(sentence=f"{before.finding.sentence}; they are trying again")
            return before._replace(finding=again, changes_ts=verdict.changes_ts)
    return verdict


def _evaluate(meeting: Meeting, attempt: Attempt, now_ts: float) -> Verdict:
    pair = Pair(meeting, attempt, now_ts)
    signaling = by_signaling(pair)
    finding = with_reports(pair, signaling)
    notes = tuple(_notes(pair, finding.reason))
    return Verdict(meeting, attempt, signaling, finding, notes, pair.connections, pair.changes_ts)


def _notes(pair: Pair, reason: Reason) -> Iterable[str]:
    attempt = pair.attempt
    for side, name in enumerate(pair.names):
        if reason in (Reason.OFFER_UNANSWERED, Reason.NO_CANDIDATES):
            unread = sum(signal.sender == side for signal in attempt.unread)
            if unread:
                yield f"{name} has sent {counted(unread, 'signal')} in an unknown form"
        if reason is Reason.NOBODY_OFFERED and not attempt.offers:
            if any(answer.sender == side for answer in attempt.answers):
                done = "sent an answer"
            elif attempt.candidates[side]:
                done = "sent candidates"
            elif pair.made_offer(side):
                done = "made an offer"
            else:
                continue
            yield f"{name} has {done} nevertheless: the offer was not sent, or did not pass through this sidecar"
    if attempt.crossing is not None and attempt.answers and attempt.both_answered is None:
        winner = pair.names[1 - attempt.answers[-1].sender]
        yield f"both sent an offer at the same time; that of {winner} was answered"
    for side, name in enumerate(pair.names):
        if attempt.early(side):
            yield f"{name} sent candidates before its description: a page that adds them at once loses them"
    for name, connections in zip(pair.names, pair.meeting.connections, strict=True):
        for error in dict.fromkeys(error for each in connections if each in pair.connections for error in each.errors):
            yield f"{error} in the page of {name}"
    if attempt.only_mdns:
        yield "all candidates have .local addresses, which can be resolved only within one network"
    if attempt.subnets is not None:
        yield f"the candidates belong to different networks: {' and '.join(attempt.subnets)}"
