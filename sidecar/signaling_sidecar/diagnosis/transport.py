"""Evaluates the connection between two browsers, by their reports."""

from __future__ import annotations

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.once_connected import was_connected
from signaling_sidecar.diagnosis.pair import Pair
from signaling_sidecar.diagnosis.reasons import TRANSPORT_WITHIN_S, Finding, Reason

_OPEN = (Reason.UNKNOWN, Reason.UNRECOGNISED, Reason.NO_CANDIDATES)
"""If the signals alone lead to one of these reasons, the browsers' reports may show a better one."""
_WITHOUT_ANSWER = (
    Reason.NOBODY_OFFERED,
    Reason.OFFER_NOT_RECEIVED,
    Reason.OFFER_UNANSWERED,
    Reason.ANSWER_NOT_RECEIVED,
)
_LACKING = (*_WITHOUT_ANSWER, Reason.NO_CANDIDATES, Reason.GLARE, Reason.LEFT)
"""The reasons in a finding from the signaling which say that signals are missing."""
_CONNECTED = ("connection", "connected")
_WITHOUT_OFFER = (Reason.NOBODY_OFFERED, Reason.LEFT)
"""The reasons which may say that no offer was sent."""


def with_reports(pair: Pair, signaling: Finding) -> Finding:
    """Return the finding from the signaling and the browsers' reports together."""
    connected = pair.reported(*_CONNECTED)
    # If a browser refuses the certificate of the other one, the other may report that it is connected for an instant.
    if connected and any(each.when("dtls", "failed") and not each.when(*_CONNECTED) for each in pair.connections):
        return _dtls(pair) or was_connected(pair, connected)
    if connected:
        return was_connected(pair, connected)
    if signaling.reason in _LACKING and pair.gap is not None and _may_last_since(pair, pair.gap):
        why = "the log could not be written for some time, and does not show whether they are connected"
        return _unlogged(pair, signaling, why, pair.gap)
    is_unlogged = pair.meeting.is_older_than_log and not pair.attempt.offers and _may_last_since(pair, pair.meeting.met)
    if signaling.reason in _WITHOUT_OFFER and is_unlogged:
        why = "they met before this part of the log, which does not show whether they are connected"
        return _unlogged(pair, signaling, why)
    if signaling.reason in _WITHOUT_ANSWER:
        return _insecure(pair, signaling) or signaling
    if signaling.reason not in _OPEN or not pair.connections:
        return signaling
    return _transport(pair, signaling)


def _may_last_since(pair: Pair, entry: Entry) -> bool:
    """Whether a connection that was made before an entry may be open, or may have been open until a peer left. After a
    reload, a page needs another offer, which the log would show."""
    if pair.attempt.offers or pair.parted is not None:
        return True
    reloads = [reload for session in pair.meeting.sessions for reload in session.reloads if reload.ts > entry.ts]
    return not reloads or pair.has_time(max(reloads, key=lambda reload: reload.ts))


def _unlogged(pair: Pair, signaling: Finding, sentence: str, *evidence: Entry) -> Finding:
    """Evaluate two peers whose missing signals may have been sent while no log was written."""
    if _failures(pair):
        return _transport(pair, signaling)
    return Finding(Reason.UNKNOWN, sentence, (*signaling.evidence, *evidence))


def _insecure(pair: Pair, signaling: Finding) -> Finding | None:
    for session in pair.meeting.sessions:
        if session.insecure is not None:
            sentence = f"the page of {session.label} is not a secure context, so it has no camera: {signaling.sentence}"
            return Finding(Reason.INSECURE_PAGE, sentence, (session.insecure, *signaling.evidence))
    return None


def _transport(pair: Pair, signaling: Finding) -> Finding:
    failed = _failures(pair)
    # The deadline begins with the first answer, because later ones belong to repeated offers or to changes of tracks.
    answers = (answer.entry for answer in pair.attempt.answers)
    began = min(answers, key=lambda entry: entry.ts, default=signaling.evidence[-1])
    if not failed and pair.has_time(began, TRANSPORT_WITHIN_S):
        if pair.parted is not None and not pair.is_watched_to_the_end:
            return signaling
        return pair.parted_or("the signaling is complete, and the browsers are trying to connect", *signaling.evidence)
    evidence = (*signaling.evidence, *failed[-1:])
    found = _both_answered(pair) or _dtls(pair) or _no_relay(pair, evidence) or _too_early(pair)
    if found is not None:
        return found
    if signaling.reason is Reason.NO_CANDIDATES:
        return signaling
    return _no_candidate(pair, evidence) or _no_way(pair, failed, evidence)


def _failures(pair: Pair) -> list[Entry]:
    """Return the reports of a failure. A failure after one of the peers has left does not count."""
    failed = pair.reported("connection", "failed") + pair.reported("ice", "failed")
    until_ts = pair.parted.ends[0].ts if pair.parted is not None else None
    return [entry for entry in failed if until_ts is None or entry.ts <= until_ts]


def _both_answered(pair: Pair) -> Finding | None:
    """Return the finding if each side answered the other's offer. To do so, each browser withdrew its own offer by
    itself (an implicit rollback), so no answer belongs to an offer that is still valid."""
    signals = pair.attempt.both_answered
    if signals is None:
        return None
    sentence = "both sent an offer at the same time, and each then answered the other's instead of waiting"
    return Finding(Reason.GLARE, sentence, tuple(signal.entry for signal in signals))


def _dtls(pair: Pair) -> Finding | None:
    failed = pair.reported("dtls", "failed") or [
        entry
        for each in pair.connections
        if each.when("ice", "connected", "completed")
        for entry in each.when("connection", "failed")
    ]
    if not failed:
        return None
    sentence = "ICE found a path, but the DTLS handshake failed: a fingerprint or certificate does not match"
    # The handshake also fails when the other side ends it, as libraries do that run without a browser.
    for name, connections in zip(pair.names, pair.meeting.connections, strict=True):
        if not connections:
            sentence += f", or {name}, which reports nothing, has ended the handshake"
    return Finding(Reason.DTLS_FAILED, sentence, (failed[-1],))


def _no_relay(pair: Pair, evidence: tuple[Entry, ...]) -> Finding | None:
    for side, name in enumerate(pair.names):
        types = {each.type for each in pair.attempt.candidates[side]}
        own = [each for each in pair.meeting.connections[side] if each in pair.connections]
        if "relay" not in types and any(each.policy_is_relay for each in own):
            sentence = f"{name} may use only relay candidates (iceTransportPolicy), and found none"
            return Finding(Reason.RELAY_ONLY, sentence, evidence)
    return None


def _too_early(pair: Pair) -> Finding | None:
    thrown_away = [
        entry
        for each in pair.connections
        for entry, report in each.reports
        if report.event == "error" and report.operation == "addIceCandidate" and report.name == "InvalidStateError"
    ]
    if not thrown_away:
        return None
    sender = next((side for side in (0, 1) if pair.attempt.early(side)), None)
    who = "candidates" if sender is None else f"candidates of {pair.names[sender]}"
    sent = () if sender is None else tuple(signal.entry for signal in pair.attempt.early(sender))
    sentence = f"{who} were sent before the description, and the other browser discarded them"
    return Finding(Reason.EARLY_CANDIDATES, sentence, (*sent, thrown_away[-1]))


def _no_candidate(pair: Pair, evidence: tuple[Entry, ...]) -> Finding | None:
    """Return the finding if a browser has found no candidate, or if a page has added no candidate of the other page.
    The signals do not show this, because a page may fail to send or to add candidates."""
    own = [[each for each in side if each in pair.connections] for side in pair.meeting.connections]
    for name, connections in zip(pair.names, own, strict=True):
        if any(each.ever("has_local") is False for each in connections):
            sentence = f"the browser of {name} found no candidate, so there was no address to signal"
            return Finding(Reason.NO_CANDIDATES, sentence, evidence)
    lacking = [side for side in (0, 1) if any(each.ever("has_remote") is False for each in own[side])]
    if not lacking:
        return None
    to, of = pair.names[lacking[0]], pair.names[1 - lacking[0]]
    if len(lacking) == 2:
        sentence = "no candidate was signaled: neither page has added one from the other"
    elif pair.attempt.candidates[1 - lacking[0]]:
        sentence = f"candidates of {of} were relayed, and the page of {to} has added none of them"
    else:
        sentence = f"no candidate of {of} was signaled to {to}"
    return Finding(Reason.NO_CANDIDATES, sentence, evidence)


def _no_way(pair: Pair, failed: list[Entry], evidence: tuple[Entry, ...]) -> Finding:
    if pair.attempt.only_mdns:
        sentence = "both sent only .local addresses, which the other could not resolve"
        return Finding(Reason.ONLY_MDNS, sentence, evidence)
    subnets = pair.attempt.subnets
    if subnets is not None:
        one, other = (f"{name} in {network}" for name, network in zip(pair.names, subnets, strict=True))
        sentence = f"they are in different networks without a route between them: {one}, {other}"
        return Finding(Reason.SUBNETS, sentence, evidence)
    waited = "" if failed else f" for {TRANSPORT_WITHIN_S:g} s"
    sentence = f"ICE found no path between them{waited}"
    return Finding(Reason.ICE_FAILED, sentence, evidence)
