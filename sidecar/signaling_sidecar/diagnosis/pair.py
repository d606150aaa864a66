"""One attempt of two peers to connect, with everything that is known about it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from signaling_sidecar.diagnosis.attempts import Attempt
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting, Refusal
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S, Finding, Reason
from signaling_sidecar.diagnosis.reports import Connection
from signaling_sidecar.errors import Code

RETRIED_BY_CLIENTS = (Code.TOO_FAST, Code.OUT_OF_ORDER)
"""Error codes after which a resumable client sends the frame again by itself (PROTOCOLS.md, "Resuming a session")."""


class Pair:
    """The facts about one attempt that the verdict depends on. `now_ts` is in seconds since the epoch."""

    def __init__(self, meeting: Meeting, attempt: Attempt, now_ts: float) -> None:
        self.meeting, self.attempt = meeting, attempt
        self.names = [session.label for session in meeting.sessions]
        self.parted = meeting.parted()
        self.absent = next((session for session in meeting.sessions if session.absent is not None), None)
        ends = [session.absent or session.gone for session in meeting.sessions]
        self._now_ts = now_ts
        self._until_ts = min([now_ts, *(entry.ts for entry in ends if entry is not None)])
        """The time until which both peers were able to act."""
        self._absences = sorted(each for session in meeting.sessions for each in session.absences)
        self.changes_ts = math.inf
        """The earliest time at which a call of `has_time` will return another value than before."""
        self.connections = connections_of(meeting, attempt)

    def parted_or(self, meanwhile: str, *evidence: Entry) -> Finding:
        """Return the finding for an attempt whose deadline has not passed: one peer left, or the attempt continues."""
        if self.parted is not None:
            sentence = f"{self.parted.label} {self.parted.departure} before they were connected"
            return Finding(Reason.LEFT, sentence, (*evidence, *self.parted.ends))
        if self.absent is not None and self.absent.absent is not None:
            meanwhile = f"{self.absent.label} {self.absent.absence}, and may return"
            evidence = (*evidence, self.absent.absent)
        return Finding(Reason.IN_PROGRESS, meanwhile, evidence)

    def unwatched(self, how_far: str, *evidence: Entry) -> Finding:
        """Return the finding for complete signaling without a report of a browser: the transport is unknown."""
        if self.parted is None:
            sentence = f"{how_far}; no browser has reported whether they are connected"
            return Finding(Reason.UNKNOWN, sentence, evidence)
        left = f"{self.parted.label} {self.parted.departure}"
        sentence = f"{how_far}; no browser has reported whether they were connected before {left}"
        return Finding(Reason.UNKNOWN, sentence, (*evidence, *self.parted.ends))

    @property
    def gap(self) -> Entry | None:
        """The entry which reports that records of this attempt may be missing from the log, or None."""
        began = self.attempt.offers[0].entry if self.attempt.offers else self.meeting.met
        gap = self.meeting.gap
        return gap if gap is not None and began.ts <= gap.ts else None

    @property
    def is_watched_to_the_end(self) -> bool:
        """Whether a browser would certainly have reported a connection between the two peers, if there had been one.

        This is true if one of the browsers reports its connections, and its own peer did not leave. The last report of
        a page that was closed may be lost, unless the page had closed its RTCPeerConnection before.
        """
        for side, session in enumerate(self.meeting.sessions):
            own = [each for each in self.meeting.connections[side] if each in self.connections]
            if any(session is not self.parted or each.when("event", "closed") for each in own):
                return True
        return False

    def refused(self, lacking: Collection[int] = (0, 1), *, at_once: bool = False) -> Finding | None:
        """Return the last refusal of a frame of this negotiation, or None. A refused frame leaves the negotiation
        incomplete.

        `lacking` contains the sides whose frames are missing. If it is not certain that a refused frame was a signal,
        the frame counts only if one of these sides has sent it, and has then had time enough to send another frame. If
        `at_once` is true, the frame counts even before that time has passed.
        """
        since_ts = self.attempt.offers[0].entry.ts if self.attempt.offers else self.meeting.met.ts
        refusals = [
            each
            for each in self.meeting.refusals
            if each.entry.ts >= since_ts
            and not self._was_for_another(each)
            and (each.is_signal or (each.may_be_signal and self._was_lacking(each, lacking, at_once=at_once)))
        ]
        if not refusals:
            return None
        # A client may repeat a frame that was refused a moment ago. So an earlier refusal takes precedence, because the
        # client no longer repeats that frame.
        settled = [each for each in refusals if each.code not in RETRIED_BY_CLIENTS or not self.has_time(each.entry)]
        last = (settled or refusals)[-1]
        other = self.meeting.sessions[1 - last.sender]
        end = other.absent or other.gone
        if end is not None and end.ts <= last.entry.ts:
            return self.parted_or("", last.entry)
        what = last.entry.kind or "frame"
        sentence = f"the {what} of {self.names[last.sender]} was refused: {last.code} ({last.message})"
        if not settled:
            return self.parted_or(f"{sentence}, and the client may send it again", last.entry)
        return Finding(Reason.REFUSED, sentence, (last.entry,), last.code)

    def _was_for_another(self, refusal: Refusal) -> bool:
        """Whether a refused frame without a valid receiver was for another peer, because the sender has sent this one a
        frame of the same kind."""
        if refusal.entry.to is not None or refusal.code != Code.BAD_FIELD:
            return False
        kind = refusal.sender, refusal.entry.kind
        return any((signal.sender, signal.entry.kind) == kind for signal in self.attempt.signals)

    def _was_lacking(self, refusal: Refusal, lacking: Collection[int], *, at_once: bool) -> bool:
        return refusal.sender in lacking and (at_once or not self.has_time(refusal.entry))

    def has_time(self, entry: Entry, within_s: float = SIGNALING_WITHIN_S) -> bool:
        """Whether less than `within_s` has passed since an entry. The time during which a peer is away or has left does
        not count."""
        deadline_ts, counted_ts = entry.ts + within_s, entry.ts
        for away_ts, back_ts in self._absences:
            if away_ts < deadline_ts and counted_ts < back_ts:
                deadline_ts += back_ts - max(away_ts, counted_ts)
                counted_ts = back_ts
        if self._until_ts >= deadline_ts:
            return False
        if self._until_ts == self._now_ts:
            self.changes_ts = min(self.changes_ts, deadline_ts)
        return True

    def reported(self, name: str, *values: str) -> list[Entry]:
        """Return the reports of both sides whose field `name` has one of `values`, in order of time."""
        found: Iterable[Entry] = (entry for each in self.connections for entry in each.when(name, *values))
        return sorted(found, key=lambda entry: (entry.ts, entry.seq))

    def made_offer(self, side: int) -> bool:
        """Whether the browser of one side has reported, since the two met, an offer that led to no connection."""
        own = [each for each in self.meeting.connections[side] if each in self.connections]
        offers = [entry for each in own for entry in each.when("signaling", "have-local-offer")]
        return any(self.meeting.met.ts <= entry.ts for entry in offers) and not self.reported("connection", "connected")


def connections_of(meeting: Meeting, attempt: Attempt) -> list[Connection]:
    """Return the RTCPeerConnections of both sides that belong to this attempt."""
    found = [each for side in meeting.connections for each in of_attempt(side, attempt)]
    reloads = [reload.ts for session in meeting.sessions for reload in session.reloads]
    if not reloads:
        return found
    # If the log has no payloads, only the times show that a connection is older than an offer.
    before_ts = max((ts for ts in reloads if any(ts < offer.entry.ts for offer in attempt.offers)), default=-math.inf)
    return [each for each in found if not _was_connected_only_before(each, before_ts)]


def _was_connected_only_before(connection: Connection, ts: float) -> bool:
    connected = connection.when("connection", "connected")
    return bool(connected) and connected[-1].ts < ts


def of_attempt(connections: list[Connection], attempt: Attempt) -> list[Connection]:
    """Return one side's RTCPeerConnection of this attempt, as a list with one item, or an empty list if there is none.
    If the log does not show which RTCPeerConnection it is, return the last one that it may be."""
    own = [each for each in connections if each.ufrags.keys() & attempt.ufrags]
    # If the page has sent a pool of offers, only the RTCPeerConnection of the answered offer belongs to the attempt.
    own = [each for each in own if each.remote_ufrags.keys() & attempt.ufrags] or own
    unsaid = [each for each in connections if not each.ufrags]
    return (own or unsaid or ([] if attempt.ufrags else connections))[-1:]
