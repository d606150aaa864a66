"""Why a pair is connected, or is not: one reason, with the records that show it.

1. A reason is named only where the records show it. Where they cannot, it says so: signaling alone never knows that two
   browsers are connected.
2. Nothing waits for a browser's `failed`: some faults stay at `new` for ever. So each step has a deadline.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from signaling_sidecar.diagnosis.attempts import Attempt, attempts_of
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meetings import Meeting, Signal
from signaling_sidecar.diagnosis.reports import Connection, Connections

SIGNALING_WITHIN_S = 5.0  # seconds for an answer, or for the first candidate: a slow phone takes some 100 ms
TRANSPORT_WITHIN_S = 15.0  # seconds from the answer: Chromium gives up an address that nobody answers after 15 s


class Reason(StrEnum):
    """What became of a pair. Programs compare these; sentences are for people."""

    CONNECTED = "connected"
    IN_PROGRESS = "in-progress"
    NOBODY_OFFERED = "nobody-offered"
    OFFER_UNANSWERED = "offer-unanswered"
    GLARE = "glare"
    LEFT = "left"
    REFUSED = "refused"
    NO_CANDIDATES = "no-candidates"
    EARLY_CANDIDATES = "candidates-before-description"
    ONLY_MDNS = "only-mdns"
    SUBNETS = "different-subnets"
    RELAY_ONLY = "relay-only"
    INSECURE_PAGE = "insecure-page"
    ICE_FAILED = "ice-failed"
    DTLS_FAILED = "dtls-failed"
    UNKNOWN = "transport-unknown"
    """The signaling is complete; whether the browsers reached each other, nobody has reported."""


class Finding(NamedTuple):
    """A reason, a sentence without the names of the pair, and the entries that show it."""

    reason: Reason
    sentence: str
    evidence: tuple[Entry, ...] = ()


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


def judge(meeting: Meeting, connections: Connections, now_ts: float) -> Verdict:
    """Say what became of a pair by `now_ts` (seconds since the epoch): the log's end, or now for a running sidecar."""
    attempts = attempts_of(meeting)
    verdict = _judge(meeting, attempts[-1], connections, now_ts)
    for attempt, later in zip(attempts[-2::-1], attempts[:0:-1], strict=True):
        if verdict.finding.reason not in _UNDECIDED:
            break
        before = _judge(meeting, attempt, connections, later.signals[0].entry.ts)
        if before.finding.reason in (Reason.CONNECTED, Reason.UNKNOWN):
            break
        if before.finding.reason not in _UNDECIDED:
            again = Finding(
                before.finding.reason, f"{before.finding.sentence}; they try again", before.finding.evidence
            )
            return before._replace(finding=again)
    return verdict


_UNDECIDED = (Reason.IN_PROGRESS, Reason.GLARE)
"""Two sides that both try again make offers that cross: what was before them says more."""


def _judge(meeting: Meeting, attempt: Attempt, connections: Connections, now_ts: float) -> Verdict:
    pair = _Pair(meeting, attempt, connections, now_ts)
    signaling = pair.by_signaling()
    return Verdict(meeting, attempt, signaling, pair.with_reports(signaling), tuple(pair.notes()))


class _Pair:
    def __init__(self, meeting: Meeting, attempt: Attempt, connections: Connections, now_ts: float) -> None:
        self.meeting, self.attempt, self.pages = meeting, attempt, connections
        self.names = [stay.label for stay in meeting.stays]
        self.parted = meeting.parted()
        self.until_ts = min(now_ts, self.parted.ts) if self.parted is not None else now_ts
        """The pair could do something until then."""
        self.connections = [each for side in meeting.connections for each in _of_attempt(side, attempt)]

    # --- what the signaling alone tells ------------------------------------------------------------------------------

    def by_signaling(self) -> Finding:
        if self.meeting.room is None:
            return self._elsewhere()
        offers, answers = self.attempt.offers, self.attempt.answers
        if not offers:
            return self._without_offer()
        answered = any(answer.sender != offers[0].sender for answer in answers) or bool(
            answers and self.attempt.crossing
        )
        return self._answered(offers, answers) if answered else self._unanswered(offers)

    def _elsewhere(self) -> Finding:
        """Without the signals there are the states that they led to."""
        own = self.meeting.connections[0][0]
        offered = own.when("signaling", "have-local-offer")
        if own.remote_ufrags or not offered:
            return Finding(Reason.UNKNOWN, "their signaling went another way than by this sidecar", (self.meeting.met,))
        if self.until_ts - offered[0].ts < SIGNALING_WITHIN_S:
            return Finding(Reason.IN_PROGRESS, "an offer is made, and may still be answered", (offered[0],))
        return Finding(Reason.OFFER_UNANSWERED, f"the offer of {self.names[0]} was never answered", (offered[0],))

    def _without_offer(self) -> Finding:
        refused = self._refused()
        if refused is not None:
            return refused
        if self.until_ts - self.meeting.met.ts < SIGNALING_WITHIN_S:
            return self._parted_or("they have only just met", self.meeting.met)
        return Finding(Reason.NOBODY_OFFERED, "neither has sent an offer", (self.meeting.met,))

    def _unanswered(self, offers: list[Signal]) -> Finding:
        offer, crossing = offers[-1], self.attempt.crossing
        offerer, answerer = self.names[offer.sender], self.names[1 - offer.sender]
        refused = self._refused()
        if refused is not None:
            return refused
        if self.until_ts - offer.entry.ts < SIGNALING_WITHIN_S:
            return self._parted_or(f"{offerer} has sent an offer, and {answerer} may still answer", offer.entry)
        if crossing is not None:
            evidence = tuple(signal.entry for signal in crossing)
            return Finding(Reason.GLARE, "both sent an offer at the same time, and neither answered", evidence)
        away = self.meeting.stays[1 - offer.sender].away
        was_away = f" ({answerer} was away)" if away and away[-1].ts <= offer.entry.ts else ""
        sentence = f"{answerer} never answered the offer of {offerer}{was_away}"
        return Finding(Reason.OFFER_UNANSWERED, sentence, (offer.entry,))

    def _answered(self, offers: list[Signal], answers: list[Signal]) -> Finding:
        evidence = (offers[-1].entry, answers[-1].entry)
        silent = [side for side in (0, 1) if not self.attempt.candidates(side)]
        if silent:
            refused = self._refused()
            if refused is not None:
                return refused
            if self.until_ts - answers[-1].entry.ts < SIGNALING_WITHIN_S:
                return self._parted_or("the offer is answered, and candidates may still come", *evidence)
            who = "neither" if len(silent) == 2 else self.names[silent[0]]
            sentence = f"the offer is answered, but {who} {'has' if len(silent) == 2 else 'never'} sent a candidate"
            return Finding(Reason.NO_CANDIDATES, sentence, evidence)
        return Finding(
            Reason.UNKNOWN, "the signaling is complete; no browser has said whether they are connected", evidence
        )

    def _parted_or(self, meanwhile: str, *evidence: Entry) -> Finding:
        if self.parted is None:
            return Finding(Reason.IN_PROGRESS, meanwhile, evidence)
        who = next(stay.label for stay in self.meeting.stays if stay.gone is self.parted)
        return Finding(Reason.LEFT, f"{who} left before they were connected", (*evidence, self.parted))

    def _refused(self) -> Finding | None:
        """The last refusal of a frame of this negotiation, which then is not complete."""
        since_ts = self.attempt.signals[0].entry.ts if self.attempt.signals else self.meeting.met.ts
        refusals = [each for each in self.meeting.refusals if each.entry.ts >= since_ts]
        if not refusals:
            return None
        last = refusals[-1]
        other = self.meeting.stays[1 - last.sender]
        if other.gone is not None and other.gone.ts <= last.entry.ts:
            return Finding(Reason.LEFT, f"{other.label} left before they were connected", (other.gone, last.entry))
        what = last.entry.kind or "frame"
        sentence = f"the {what} of {self.names[last.sender]} was refused: {last.code} ({last.message})"
        return Finding(Reason.REFUSED, sentence, (last.entry,))

    # --- what the browsers add ---------------------------------------------------------------------------------------

    def with_reports(self, signaling: Finding) -> Finding:
        insecure = [
            (side, entry)
            for side, stay in enumerate(self.meeting.stays)
            if (entry := self.pages.insecure_sessions.get(stay.session)) is not None
        ]
        connected = self._entries("connection", "connected")
        if connected:
            return self._was_connected(connected)
        if signaling.reason in (Reason.NOBODY_OFFERED, Reason.OFFER_UNANSWERED) and insecure:
            side, entry = insecure[0]
            sentence = f"the page of {self.names[side]} is not secure, so it has no camera: {signaling.sentence}"
            return Finding(Reason.INSECURE_PAGE, sentence, (entry, *signaling.evidence))
        if signaling.reason not in (Reason.UNKNOWN, Reason.NO_CANDIDATES) or not self.connections:
            return signaling
        return self._transport(signaling)

    def _was_connected(self, connected: list[Entry]) -> Finding:
        pair = next((pair for each in self.connections if (pair := each.last("pair")) is not None), None)
        way = f" ({pair.local.get('type')} to {pair.remote.get('type')})" if pair is not None else ""
        lost = [each for each in self.connections if each.last("connection") == "failed"]
        if lost and not any(each.last("connection") == "connected" for each in self.connections):
            entries = (connected[-1], *self._entries("connection", "failed")[-1:])
            return Finding(Reason.ICE_FAILED, f"they were connected{way}, and lost each other", entries)
        return Finding(Reason.CONNECTED, f"connected{way}", (connected[-1],))

    def _transport(self, signaling: Finding) -> Finding:
        dtls = self._entries("dtls", "failed") or [
            entry
            for each in self.connections
            if each.when("ice", "connected", "completed")
            for entry in each.when("connection", "failed")
        ]
        if dtls:
            sentence = "ICE found a way, but the DTLS handshake failed: a fingerprint or certificate does not match"
            return Finding(Reason.DTLS_FAILED, sentence, (dtls[-1],))
        failed = self._entries("connection", "failed") + self._entries("ice", "failed")
        began_ts = signaling.evidence[-1].ts
        if not failed and self.until_ts - began_ts < TRANSPORT_WITHIN_S:
            return self._parted_or("the signaling is complete, and the browsers are trying", *signaling.evidence)
        return self._ice(signaling, failed)

    def _ice(self, signaling: Finding, failed: list[Entry]) -> Finding:
        evidence = (*signaling.evidence, *failed[-1:])
        for side, name in enumerate(self.names):
            types = {each.type for each in self.attempt.candidates(side)}
            policies = {each.policy_is_relay for each in self.meeting.connections[side] if each in self.connections}
            if True in policies and "relay" not in types:
                sentence = f"{name} may use a relay only (iceTransportPolicy), and has found none"
                return Finding(Reason.RELAY_ONLY, sentence, evidence)
        too_early = [
            entry
            for each in self.connections
            for entry, report in each.reports
            if report.event == "error" and report.operation == "addIceCandidate" and report.name == "InvalidStateError"
        ]
        if too_early:
            sender = next((side for side in (0, 1) if self.attempt.early(side)), None)
            who = "candidates" if sender is None else f"candidates of {self.names[sender]}"
            sent = () if sender is None else tuple(signal.entry for signal in self.attempt.early(sender))
            sentence = f"{who} were sent before the description, and the other browser threw them away"
            return Finding(Reason.EARLY_CANDIDATES, sentence, (*sent, too_early[-1]))
        if signaling.reason is Reason.NO_CANDIDATES:
            return signaling
        if self.attempt.only_mdns:
            sentence = "each names itself by a .local name only, and the other could not resolve it"
            return Finding(Reason.ONLY_MDNS, sentence, evidence)
        subnets = self.attempt.subnets
        if subnets is not None:
            one, other = (f"{name} in {network}" for name, network in zip(self.names, subnets, strict=True))
            return Finding(
                Reason.SUBNETS, f"they are in different networks without a way between: {one}, {other}", evidence
            )
        sentence = "ICE found no way between them" if failed else "ICE has found no way between them for 15 s"
        return Finding(Reason.ICE_FAILED, sentence, evidence)

    def _entries(self, name: str, *values: str) -> list[Entry]:
        found: Iterable[Entry] = (entry for each in self.connections for entry in each.when(name, *values))
        return sorted(found, key=lambda entry: (entry.ts, entry.seq))

    # --- what else is worth knowing ----------------------------------------------------------------------------------

    def notes(self) -> Iterable[str]:
        crossing = self.attempt.crossing
        if crossing is not None and self.attempt.answers:
            winner = self.names[1 - self.attempt.answers[-1].sender]
            yield f"both sent an offer at the same time; that of {winner} was answered"
        for side, name in enumerate(self.names):
            if self.attempt.early(side):
                yield f"{name} sent candidates before its description: who adds them at once loses them"
        if self.attempt.only_mdns:
            yield "all candidates are .local names, which only the same network resolves"
        if self.attempt.subnets is not None:
            yield f"the candidates are of different networks: {' and '.join(self.attempt.subnets)}"


def _of_attempt(connections: list[Connection], attempt: Attempt) -> list[Connection]:
    """The connection that this attempt was made with; the last one, when the log does not tell them apart."""
    own = [each for each in connections if each.ufrags & attempt.ufrags]
    unsaid = [each for each in connections if not each.ufrags]
    return (own or unsaid or ([] if attempt.ufrags else connections))[-1:]
