"""Evaluates the signaling between two peers."""

from __future__ import annotations

from signaling_sidecar.counted import counted
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Signal
from signaling_sidecar.diagnosis.pair import Pair
from signaling_sidecar.diagnosis.reasons import JUST_MET, Finding, Reason
from signaling_sidecar.diagnosis.reports import Connection

_PEERJS_CALL = "mc_"  # PeerJS begins the ids of its calls with this; it answers other connections by itself
_ANSWER_THE_CALL = (
    "the page that should answer must call call.answer() in the event `call` of its Peer; a Peer that the page has "
    "replaced by another one, as in React's StrictMode, answers no calls"
)


def by_signaling(pair: Pair) -> Finding:
    """Return the finding about the signaling alone. If the signaling is complete, the finding is that the transport is
    unknown."""
    if pair.meeting.room is None:
        return _elsewhere(pair)
    offers, answers = pair.attempt.offers, pair.attempt.answers
    if not offers:
        return _without_offer(pair)
    answered = any(answer.sender != offers[0].sender for answer in answers) or bool(answers and pair.attempt.crossing)
    return _answered(pair, offers, answers) if answered else _unanswered(pair, offers)


def _elsewhere(pair: Pair) -> Finding:
    """Evaluate two pages whose signals are unknown, by the signaling states that their browsers have reported."""
    if pair.meeting.shared is not None:
        return _in_use(pair, pair.meeting.shared)
    offers = [_unanswered_elsewhere(connections) for connections in pair.meeting.connections]
    if all(offers) and not any(pair.has_time(each[0]) for each in offers):
        sentence = "both have made an offer, and neither has set the offer of the other"
        return Finding(Reason.GLARE, sentence, tuple(each[0] for each in offers))
    for side, offered in enumerate(offers):
        if offered:
            return _offered_elsewhere(pair, side, offered)
    return Finding(Reason.UNKNOWN, "their signaling did not pass through this sidecar", (pair.meeting.met,))


def _unanswered_elsewhere(connections: list[Connection]) -> list[Entry]:
    """Return the reports of the offers of one side, or an empty list if it has set a description of the other side."""
    if any(each.remote_ufrags for each in connections):
        return []
    return [entry for each in connections for entry in each.when("signaling", "have-local-offer")]


def _in_use(pair: Pair, side: int) -> Finding:
    if pair.has_time(pair.meeting.met):
        return pair.parted_or("the browsers may still connect", pair.meeting.met)
    name, other = pair.names[side], pair.names[1 - side]
    has_received = any(each.when("signaling", "have-remote-offer") for each in pair.meeting.connections[1 - side])
    what = "received an offer of" if has_received else "sent an offer to"
    sentence = f"{other} has {what} an RTCPeerConnection that {name} already uses for another connection"
    return Finding(Reason.SHARED_CONNECTION, sentence, (pair.meeting.met,))


def _offered_elsewhere(pair: Pair, side: int, offered: list[Entry]) -> Finding:
    name, other = pair.names[side], pair.names[1 - side]
    if pair.has_time(offered[0]):
        return pair.parted_or("an offer was made, and may still be answered", offered[0])
    if any(each.is_negotiated for each in pair.meeting.connections[1 - side]):
        sentence = f"{other} has made an answer to the offer of {name}, and {name} has not set it"
        return Finding(Reason.ANSWER_NOT_RECEIVED, sentence, (offered[0],))
    if pair.meeting.connections[1 - side]:
        reached = f"the offer of {name} has reached {other}, and no answer has come back"
        return Finding(Reason.OFFER_UNANSWERED, reached, (offered[0],))
    count = len(pair.meeting.connections[side])
    unanswered = f"the offer of {name} has" if count == 1 else f"{count} offers of {name} have"
    received = "it" if count == 1 else "one of them"
    sentence = f"{unanswered} not been answered, and no other page has reported that it received {received}"
    return Finding(Reason.OFFER_NOT_RECEIVED, sentence, (offered[0],))


def _without_offer(pair: Pair) -> Finding:
    has_time = pair.has_time(pair.meeting.met)
    refused = pair.refused(at_once=not has_time)
    if refused is not None:
        return refused
    unread = pair.attempt.unread
    if unread and (pair.parted is not None or not has_time):
        return _unrecognised(unread)
    if has_time:
        return pair.parted_or(JUST_MET, pair.meeting.met)
    return Finding(Reason.NOBODY_OFFERED, "neither has sent an offer", (pair.meeting.met,))


def _unrecognised(unread: list[Signal]) -> Finding:
    passed = counted(len(unread), "signal")
    kept = " (the log keeps no payloads)" if not any(signal.has_frame for signal in unread) else ""
    sentence = f"{passed} passed between them, and none is an offer in a known form{kept}"
    return Finding(Reason.UNRECOGNISED, sentence, (unread[0].entry, unread[-1].entry)[: len(unread)])


def _unanswered(pair: Pair, offers: list[Signal]) -> Finding:
    # The deadline for the answer begins with the first offer, even if the offer was sent again later.
    offer, crossing = offers[0], pair.attempt.crossing
    offerer, answerer = pair.names[offer.sender], pair.names[1 - offer.sender]
    refused = pair.refused(lacking=(1 - offer.sender,))
    if refused is not None:
        return refused
    if pair.has_time(offer.entry):
        if pair.parted is not None and any(s.sender != offer.sender for s in pair.attempt.unread):
            return pair.unwatched(f"{offerer} has sent an offer", offer.entry)
        return pair.parted_or(f"{offerer} has sent an offer, and {answerer} may still answer", offer.entry)
    if crossing is not None:
        evidence = tuple(signal.entry for signal in crossing)
        return Finding(Reason.GLARE, "both sent an offer at the same time, and neither answered", evidence)
    away = pair.meeting.sessions[1 - offer.sender].away
    was_away = f" ({answerer} was away)" if away and away[-1].ts <= offer.entry.ts else ""
    sentence = f"{answerer} has not answered the offer of {offerer}{was_away}"
    next_step = _ANSWER_THE_CALL if (offer.call or "").startswith(_PEERJS_CALL) else None
    return Finding(Reason.OFFER_UNANSWERED, sentence, (offer.entry,), next_step=next_step)


def _answered(pair: Pair, offers: list[Signal], answers: list[Signal]) -> Finding:
    evidence = (offers[-1].entry, answers[-1].entry)
    # Without payloads, the log does not show whether a description contains candidates.
    unseen = {signal.sender for signal in pair.attempt.signals if not signal.has_frame}
    silent = [side for side in (0, 1) if not pair.attempt.candidates[side] and side not in unseen]
    if not silent:
        return pair.unwatched("the signaling is complete", *evidence)
    refused = pair.refused(lacking=silent)
    if refused is not None:
        return refused
    if pair.has_time(answers[0].entry):
        return _cut_short(pair, silent, evidence)
    who = "neither" if len(silent) == 2 else pair.names[silent[0]]
    sentence = f"the offer was answered, but {who} has {'' if len(silent) == 2 else 'not '}sent a candidate"
    return Finding(Reason.NO_CANDIDATES, sentence, evidence)


def _cut_short(pair: Pair, silent: list[int], evidence: tuple[Entry, ...]) -> Finding:
    """Evaluate an answered offer whose deadline for candidates has not passed.

    If one peer has left, and only one of the two has sent candidates, these may have been enough for a connection.
    """
    if pair.parted is None:
        return pair.parted_or("the offer was answered, and candidates may still arrive", *evidence)
    if len(silent) == 1 or pair.attempt.unread:
        return pair.unwatched("the offer was answered", *evidence)
    sentence = f"{pair.parted.label} {pair.parted.departure} before either had sent a candidate"
    return Finding(Reason.LEFT, sentence, (*evidence, *pair.parted.ends))
