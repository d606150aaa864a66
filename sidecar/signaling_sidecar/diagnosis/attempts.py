"""Splits the signals of two peers into attempts to connect. A new offer begins a new attempt."""

from __future__ import annotations

import ipaddress
import math
from functools import lru_cache

from signaling_sidecar.diagnosis.meeting import Meeting, Signal
from signaling_sidecar.eventlog.payload import Candidate

ANSWERS = frozenset({"answer", "pranswer"})
DESCRIPTIONS = ANSWERS | {"offer"}
CROSSING_WITHIN_S = 5.0  # seconds; a later offer of the other side does not cross the first one, but begins an attempt
# Seconds. If one side sends several offers within this time, they are one attempt: a library may make a pool of offers
# in advance, and a page may start its connection twice.
TOGETHER_WITHIN_S = 1.0
# The prefix length of most home and office networks. The log does not show the prefix length of a peer's network, so a
# conclusion from two addresses is a guess.
SUBNET_BITS = 24


class Attempt:
    """The signals of one negotiation, and a list of the signals of each kind. The lists are made once, because a
    verdict reads them many times. Each list is in the order of the signals."""

    __slots__ = ("answers", "candidates", "offers", "signals", "ufrags", "unread", "with_candidates")

    def __init__(self, signals: list[Signal]) -> None:
        self.signals = signals
        self.offers = [signal for signal in signals if signal.what == "offer"]
        self.answers = [signal for signal in signals if signal.what in ANSWERS]
        """The answers, including provisional ones."""
        self.unread = [signal for signal in signals if signal.what == "other"]
        """The signals in an unknown form: an app's own messages, or encrypted descriptions and candidates."""
        self.with_candidates = [signal for signal in signals if signal.candidates]
        """The signals that contain candidates, on their own or in a description."""
        self.candidates: tuple[list[Candidate], list[Candidate]] = ([], [])
        """The candidates of each side."""
        for signal in self.with_candidates:
            self.candidates[signal.sender].extend(signal.candidates)
        described = {signal.ufrag for signal in (*self.offers, *self.answers)}
        self.ufrags = {ufrag for ufrag in described if ufrag is not None}
        """The ICE ufrags of the descriptions."""

    @property
    def crossing(self) -> tuple[Signal, Signal] | None:
        """Two offers that crossed (glare): each side sent an offer before it answered the offer of the other side."""
        if len({offer.sender for offer in self.offers}) < 2:
            return None
        pending: dict[int, Signal] = {}
        for signal in self.signals:
            if signal.what == "offer":
                pending[signal.sender] = signal
                if len(pending) == 2:
                    return pending[1 - signal.sender], signal
            elif signal.what == "answer":
                pending.clear()
        return None

    @property
    def both_answered(self) -> tuple[Signal, ...] | None:
        """Two crossing offers and both answers to them, if no other description was sent in between."""
        if self.crossing is None:
            return None
        crossing = self.crossing
        later = self.signals[self.signals.index(crossing[1]) + 1 :]
        next_two = [signal for signal in later if signal.what in DESCRIPTIONS][:2]
        if [signal.what for signal in next_two] != ["answer", "answer"] or len({s.sender for s in next_two}) < 2:
            return None
        return (*crossing, *next_two)

    def early(self, sender: int) -> list[Signal]:
        """Return the candidates that one side sent before its description. The other browser could not use them yet."""
        found: list[Signal] = []
        for signal in self.signals:
            if signal.sender == sender and signal.what in DESCRIPTIONS:
                return found
            if signal.sender == sender and signal.what == "candidate":
                found.append(signal)
        return []

    @property
    def only_mdns(self) -> bool:
        """Whether both sides have sent only `.local` addresses."""
        return all(_classes(candidates) == {"mdns"} for candidates in self.candidates)

    @property
    def subnets(self) -> tuple[str, str] | None:
        """The private networks of each side. None if the sides have a network in common, or if one of them has a
        candidate that is not a host candidate with a private address."""
        networks: list[set[str]] = []
        for candidates in self.candidates:
            if {each.type for each in candidates} != {"host"} or _classes(candidates) != {"private"}:
                return None
            networks.append({network for each in candidates if (network := _network(each.address)) is not None})
        ours, theirs = networks
        return None if ours & theirs or not (ours and theirs) else (", ".join(sorted(ours)), ", ".join(sorted(theirs)))


def attempts_of(meeting: Meeting) -> list[Attempt]:
    """Split the signals of two peers at each new offer, such as one after a reload or an ICE restart.

    The result has at least one attempt. Offers that one side makes at the same time, such as a pool of offers, are one
    attempt, because the other side answers only one of them. A candidate belongs to the attempt whose description has
    the same ufrag, whether the description was sent before the candidate or after it. If signals name their
    RTCPeerConnection, all signals of one RTCPeerConnection are one attempt. Two peers can make several
    RTCPeerConnections at the same time, such as one for data and one for a call.
    """
    begins = [signal for signal in meeting.signals if signal.what == "offer" or signal.call is not None]
    if len(begins) <= 1:
        return [Attempt([*meeting.signals])]
    numbers: list[int] = []
    number_of: dict[tuple[int, str | None], int] = {}
    """By sender and ufrag, the number of the attempt that contains the sender's first description with this ufrag."""
    pending: dict[int, float] = {}
    calls: dict[str, int] = {}
    number, begun = 0, False
    for signal in meeting.signals:
        if signal.call is not None:
            if signal.call not in calls:
                number += begun
                calls[signal.call], begun = number, True
            numbers.append(calls[signal.call])
            continue
        if signal.what == "offer":
            ts, key = signal.entry.ts, (signal.sender, signal.ufrag)
            crosses = any(by != signal.sender and ts - since < CROSSING_WITHIN_S for by, since in pending.items())
            is_together = ts - pending.get(signal.sender, -math.inf) < TOGETHER_WITHIN_S
            if begun and not crosses and not is_together and (signal.ufrag is None or key not in number_of):
                number += 1
                pending.clear()
            pending[signal.sender], begun = ts, True
        elif signal.what == "answer":
            pending.clear()
        if signal.what in DESCRIPTIONS and signal.ufrag is not None:
            number_of.setdefault((signal.sender, signal.ufrag), number)
        numbers.append(number)
    if number == 0:
        return [Attempt([*meeting.signals])]
    found: list[list[Signal]] = [[] for _ in range(number + 1)]
    for signal, at in zip(meeting.signals, numbers, strict=True):
        is_to_find = signal.what not in DESCRIPTIONS and signal.call is None
        found[number_of.get((signal.sender, signal.ufrag), at) if is_to_find else at].append(signal)
    return [*map(Attempt, found)]


def _classes(candidates: list[Candidate]) -> set[str | None]:
    return {each.address_class for each in candidates}


@lru_cache  # the candidates of a peer have the same addresses in each of its connections
def _network(address: str | None) -> str | None:
    return str(ipaddress.ip_network(f"{address}/{SUBNET_BITS}", strict=False)) if address is not None else None
