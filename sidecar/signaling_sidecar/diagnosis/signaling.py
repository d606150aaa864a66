"""What the signaling of a pair alone can tell."""

from __future__ import annotations

from signaling_sidecar.diagnosis.meeting import Signal
from signaling_sidecar.diagnosis.pair import Pair
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S, Finding, Reason


def by_signaling(pair: Pair) -> Finding:
    """Say how far it came. Complete signaling is no cause of anything: then the transport is unknown."""
    if pair.meeting.room is None:
        return _elsewhere(pair)
    offers, answers = pair.attempt.offers, pair.attempt.answers
    if not offers:
        return _without_offer(pair)
    answered = any(answer.sender != offers[0].sender for answer in answers) or bool(answers and pair.attempt.crossing)
    return _answered(pair, offers, answers) if answered else _unanswered(pair, offers)


def _elsewhere(pair: Pair) -> Finding:
    """Without the signals there are the states that they led to."""
    own = pair.meeting.connections[0][0]
    offered = own.when("signaling", "have-local-offer")
    if own.remote_ufrags or not offered:
        return Finding(Reason.UNKNOWN, "their signaling went another way than by this sidecar", (pair.meeting.met,))
    if pair.until_ts - offered[0].ts < SIGNALING_WITHIN_S:
        return pair.parted_or("an offer is made, and may still be answered", offered[0])
    return Finding(Reason.OFFER_UNANSWERED, f"the offer of {pair.names[0]} has not been answered", (offered[0],))


def _without_offer(pair: Pair) -> Finding:
    refused = pair.refused()
    if refused is not None:
        return refused
    if pair.until_ts - pair.meeting.met.ts < SIGNALING_WITHIN_S:
        return pair.parted_or("they have only just met", pair.meeting.met)
    return Finding(Reason.NOBODY_OFFERED, "neither has sent an offer", (pair.meeting.met,))


def _unanswered(pair: Pair, offers: list[Signal]) -> Finding:
    # The first: who sends it again has not been answered since then.
    offer, crossing = offers[0], pair.attempt.crossing
    offerer, answerer = pair.names[offer.sender], pair.names[1 - offer.sender]
    refused = pair.refused()
    if refused is not None:
        return refused
    if pair.until_ts - offer.entry.ts < SIGNALING_WITHIN_S:
        return pair.parted_or(f"{offerer} has sent an offer, and {answerer} may still answer", offer.entry)
    if crossing is not None:
        evidence = tuple(signal.entry for signal in crossing)
        return Finding(Reason.GLARE, "both sent an offer at the same time, and neither answered", evidence)
    away = pair.meeting.stays[1 - offer.sender].away
    was_away = f" ({answerer} was away)" if away and away[-1].ts <= offer.entry.ts else ""
    sentence = f"{answerer} has not answered the offer of {offerer}{was_away}"
    return Finding(Reason.OFFER_UNANSWERED, sentence, (offer.entry,))


def _answered(pair: Pair, offers: list[Signal], answers: list[Signal]) -> Finding:
    evidence = (offers[-1].entry, answers[-1].entry)
    silent = [side for side in (0, 1) if not pair.attempt.candidates(side)]
    if not silent:
        sentence = "the signaling is complete; no browser has said whether they are connected"
        return Finding(Reason.UNKNOWN, sentence, evidence)
    refused = pair.refused()
    if refused is not None:
        return refused
    if pair.until_ts - answers[0].entry.ts < SIGNALING_WITHIN_S:
        return pair.parted_or("the offer is answered, and candidates may still come", *evidence)
    who = "neither" if len(silent) == 2 else pair.names[silent[0]]
    sentence = f"the offer is answered, but {who} has {'' if len(silent) == 2 else 'not '}sent a candidate"
    return Finding(Reason.NO_CANDIDATES, sentence, evidence)
