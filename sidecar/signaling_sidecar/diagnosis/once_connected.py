"""Evaluates two browsers that were connected, by their reports: whether they still are, and if not, who has ended the
connection."""

from __future__ import annotations

import math

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.pair import Pair
from signaling_sidecar.diagnosis.reasons import Finding, Reason

_CLOSED = "if a user has ended the call, nothing is wrong; otherwise look for the code of that page that closes it"


def was_connected(pair: Pair, connected: list[Entry]) -> Finding:
    """Return the finding about two browsers of which one has sent the reports `connected`."""
    way = _way(pair)
    failed = [entry for entry in pair.reported("connection", "failed") if entry.ts > connected[-1].ts][:1]
    if not failed:
        if pair.parted is not None:
            # A peer may leave the room and keep its connections, so this sentence does not say that they have ended.
            sentence = f"they were connected{way} when {pair.parted.label} {pair.parted.departure}"
            return Finding(Reason.CONNECTED, sentence, (connected[-1], *pair.parted.ends))
        still = Finding(Reason.CONNECTED, f"connected{way}", (connected[-1],))
        return _ended(pair, way, connected[-1], math.inf) or _interrupted(pair, way, connected[-1]) or still
    # When a page is closed, the other browser is not informed, and its connection fails only some time later.
    gone = [session for session in pair.meeting.sessions if session.ends and session.ends[0].ts <= failed[0].ts]
    if gone:
        sentence = f"they were connected{way}, until {gone[0].label} {gone[0].departure}"
        return Finding(Reason.CONNECTED, sentence, (connected[-1], *gone[0].ends))
    if pair.meeting.room is None and not pair.meeting.connections[1]:
        sentence = f"they were connected{way}, until the other page, which reports nothing, stopped answering"
        return Finding(Reason.UNKNOWN, sentence, (connected[-1], *failed))
    ended = _ended(pair, way, connected[-1], failed[0].ts)
    if ended is not None:
        return ended
    lost = f"they were connected{way}, and then lost the connection"
    if pair.absent is not None and pair.parted is None:
        return pair.parted_or(lost, connected[-1], *failed)
    return Finding(Reason.ICE_FAILED, lost, (connected[-1], *failed))


def _way(pair: Pair) -> str:
    """Return the kinds of the two candidates that ICE has selected, in the order of the sessions, if a browser has
    reported them."""
    for side, connections in enumerate(pair.meeting.connections):
        for each in connections:
            selected = each.last("pair") if each in pair.connections else None
            if selected is not None:
                ends = (selected.local.get("type"), selected.remote.get("type"))
                return " ({} to {})".format(*(ends if side == 0 else reversed(ends)))
    return ""


def _interrupted(pair: Pair, way: str, connected: Entry) -> Finding | None:
    """Return the finding if one of the browsers gets no answer from the other, and has not given up yet."""
    gaps = [
        each.when("connection", "disconnected")[-1]
        for each in pair.connections
        if each.last("connection") == "disconnected"
    ]
    if not gaps:
        return None
    return pair.parted_or(f"they were connected{way}; the connection is interrupted, and may recover", connected, *gaps)


def _ended(pair: Pair, way: str, connected: Entry, until_ts: float) -> Finding | None:
    """Return the finding if one of two connected peers has ended their connection by `until_ts`, because it reloaded
    its page and is back, or because its page closed its RTCPeerConnection.

    No offer has been sent since, because an offer would have begun another attempt."""
    if pair.absent is not None and pair.parted is None:
        return None
    reloads = [(each, f"{it.label} reloaded its page") for it in pair.meeting.sessions for each in it.reloads]
    # A page may close its RTCPeerConnection because it is being reloaded, or because the other page was.
    for ends, next_step in ((reloads, None), (_closes(pair), _CLOSED)):
        found = [each for each in ends if connected.ts < each[0].ts <= until_ts]
        if found:
            return _was_ended(pair, way, connected, *min(found, key=lambda each: each[0].ts), next_step)
    return None


def _was_ended(pair: Pair, way: str, connected: Entry, end: Entry, what: str, next_step: str | None) -> Finding:
    if pair.parted is not None:
        return Finding(Reason.CONNECTED, f"they were connected{way}, until {what}", (connected, end))
    sentence = f"they were connected until {what}, and neither has sent an offer since"
    if pair.has_time(end):
        return Finding(Reason.IN_PROGRESS, sentence, (connected, end))
    return Finding(Reason.NOBODY_OFFERED, sentence, (connected, end), next_step=next_step)


def _closes(pair: Pair) -> list[tuple[Entry, str]]:
    """Return the reports of pages that have closed their RTCPeerConnection, and have no other one to the peer."""
    if pair.meeting.room is None:
        return []
    return [
        (entry, f"{name} closed its RTCPeerConnection")
        for name, connections in zip(pair.names, pair.meeting.connections, strict=True)
        if all(each.when("event", "closed") for each in connections)
        for each in connections
        if each in pair.connections
        for entry in each.when("event", "closed")
    ]
