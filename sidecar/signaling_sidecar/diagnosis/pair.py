"""One attempt of a pair, with all that is known of it and until when."""

from __future__ import annotations

from collections.abc import Iterable

from signaling_sidecar.diagnosis.attempts import Attempt
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S, Finding, Reason
from signaling_sidecar.diagnosis.reports import Connection
from signaling_sidecar.errors import Code

MADE_GOOD = (Code.TOO_FAST, Code.OUT_OF_ORDER)
"""What a client that counts its frames sends again by itself (PROTOCOLS.md, "Resuming a session")."""


class Pair:
    """What the rules ask about one attempt; `now_ts`: seconds since the epoch."""

    def __init__(self, meeting: Meeting, attempt: Attempt, now_ts: float) -> None:
        self.meeting, self.attempt = meeting, attempt
        self.names = [stay.label for stay in meeting.stays]
        self.parted = meeting.parted()
        self.absent = next((stay for stay in meeting.stays if stay.absent is not None), None)
        ends = [stay.absent or stay.gone for stay in meeting.stays]
        self.until_ts = min([now_ts, *(entry.ts for entry in ends if entry is not None)])
        """The pair could do something until then."""
        self.connections = [each for side in meeting.connections for each in _of_attempt(side, attempt)]

    def parted_or(self, meanwhile: str, *evidence: Entry) -> Finding:
        """What is said while there is still time: that one of the two has none any more, or what they are doing."""
        if self.parted is not None:
            sentence = f"{self.parted.label} {self.parted.departure} before they were connected"
            return Finding(Reason.LEFT, sentence, (*evidence, *self.parted.ends))
        if self.absent is not None and self.absent.absent is not None:
            meanwhile = f"{self.absent.label} has lost its connection to the sidecar, and may come back"
            evidence = (*evidence, self.absent.absent)
        return Finding(Reason.IN_PROGRESS, meanwhile, evidence)

    def unwatched(self, how_far: str, *evidence: Entry) -> Finding:
        """What is said when nothing is missing in the signaling: nobody knows more, also when one has left since."""
        if self.parted is None:
            sentence = f"{how_far}; no browser has said whether they are connected"
            return Finding(Reason.UNKNOWN, sentence, evidence)
        left = f"{self.parted.label} {self.parted.departure}"
        sentence = f"{how_far}; no browser has said whether they were connected before {left}"
        return Finding(Reason.UNKNOWN, sentence, (*evidence, *self.parted.ends))

    @property
    def is_watched_to_the_end(self) -> bool:
        """Whether a browser would have said that they were connected, had they been.

        That of who stayed would. The last words of a page that is closed may be lost, unless it closed its connection.
        """
        for side, stay in enumerate(self.meeting.stays):
            own = [each for each in self.meeting.connections[side] if each in self.connections]
            if any(stay is not self.parted or each.when("event", "closed") for each in own):
                return True
        return False

    def refused(self) -> Finding | None:
        """The last refusal of a frame of this negotiation, which then is not complete."""
        since_ts = self.attempt.offers[0].entry.ts if self.attempt.offers else self.meeting.met.ts
        refusals = [each for each in self.meeting.refusals if each.entry.ts >= since_ts]
        if not refusals:
            return None
        # What was refused when it was too late to send it again says nothing new: some are only counted at the end.
        settled = [each for each in refusals if each.code not in MADE_GOOD or self._had_time_since(each.entry)]
        last = (settled or refusals)[-1]
        other = self.meeting.stays[1 - last.sender]
        end = other.absent or other.gone
        if end is not None and end.ts <= last.entry.ts:
            return self.parted_or("", last.entry)
        what = last.entry.kind or "frame"
        sentence = f"the {what} of {self.names[last.sender]} was refused: {last.code} ({last.message})"
        if not settled:
            return self.parted_or(f"{sentence}, and may be sent again", last.entry)
        return Finding(Reason.REFUSED, sentence, (last.entry,), last.code)

    def _had_time_since(self, entry: Entry) -> bool:
        return self.until_ts - entry.ts >= SIGNALING_WITHIN_S

    def reported(self, name: str, *values: str) -> list[Entry]:
        """The reports of both sides that gave the field one of the values, in order of time."""
        found: Iterable[Entry] = (entry for each in self.connections for entry in each.when(name, *values))
        return sorted(found, key=lambda entry: (entry.ts, entry.seq))


def _of_attempt(connections: list[Connection], attempt: Attempt) -> list[Connection]:
    """The connection that this attempt was made with; the last one, when the log does not tell them apart."""
    own = [each for each in connections if each.ufrags & attempt.ufrags]
    own = [each for each in own if each.remote_ufrags & attempt.ufrags] or own  # of a pool the one that was answered
    unsaid = [each for each in connections if not each.ufrags]
    return (own or unsaid or ([] if attempt.ufrags else connections))[-1:]
