"""The attempts of a pair to connect: each from an offer that begins something new to whatever came of it."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field

from signaling_sidecar.diagnosis.meeting import Meeting, Signal
from signaling_sidecar.eventlog.payload import Candidate

DESCRIPTIONS = ("offer", "answer", "pranswer")
CROSSING_WITHIN_S = 5.0  # seconds between two offers of one glare: later, the second side has given up on the first
TOGETHER_WITHIN_S = (
    1.0  # seconds between two offers of one side that are one attempt: a pool, or a page that begins twice
)
SUBNET_BITS = 24  # what home and office networks have; a larger one makes the guess wrong, so it stays a guess


@dataclass(eq=False)
class Attempt:
    """The signals of one negotiation, in order."""

    signals: list[Signal] = field(default_factory=list)

    @property
    def ufrags(self) -> set[str]:
        return {signal.ufrag for signal in self.signals if signal.what in DESCRIPTIONS and signal.ufrag is not None}

    @property
    def offers(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.what == "offer"]

    @property
    def answers(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.what in ("answer", "pranswer")]

    @property
    def crossing(self) -> tuple[Signal, Signal] | None:
        """Two offers of which neither was an answer's consequence: glare."""
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
        """Crossing offers and the answers of both sides to them, when nobody waited or offered again in between."""
        if self.crossing is None:
            return None
        crossing = self.crossing
        later = self.signals[self.signals.index(crossing[1]) + 1 :]
        next_two = [signal for signal in later if signal.what in DESCRIPTIONS][:2]
        if [signal.what for signal in next_two] != ["answer", "answer"] or len({s.sender for s in next_two}) < 2:
            return None
        return (*crossing, *next_two)

    def candidates(self, sender: int) -> list[Candidate]:
        return [each for signal in self.signals if signal.sender == sender for each in signal.candidates]

    def unread(self) -> list[Signal]:
        """Those that say nothing here: an app's own messages, or descriptions and candidates in an unknown form."""
        return [signal for signal in self.signals if signal.what == "other"]

    def early(self, sender: int) -> list[Signal]:
        """Its candidates that were sent before its description, to a browser that could not use them yet."""
        found: list[Signal] = []
        for signal in self.signals:
            if signal.sender == sender and signal.what in DESCRIPTIONS:
                return found
            if signal.sender == sender and signal.what == "candidate":
                found.append(signal)
        return []

    @property
    def only_mdns(self) -> bool:
        """Whether each side names itself by `.local` names only."""
        return all(_classes(self.candidates(side)) == {"mdns"} for side in (0, 1))

    @property
    def subnets(self) -> tuple[str, str] | None:
        """The private networks of the two sides, when they have none in common and no other way."""
        networks: list[set[str]] = []
        for side in (0, 1):
            candidates = self.candidates(side)
            if {each.type for each in candidates} != {"host"} or _classes(candidates) != {"private"}:
                return None
            networks.append({network for each in candidates if (network := _network(each.address)) is not None})
        ours, theirs = networks
        return None if ours & theirs or not (ours and theirs) else (", ".join(sorted(ours)), ", ".join(sorted(theirs)))


def attempts_of(meeting: Meeting) -> list[Attempt]:
    """Split a pair's signals at each offer that begins something new: a new page's, an ICE restart's. At least one.

    Offers that one side makes at once, such as a pool of them, are one attempt: the other answers one of them.
    A candidate belongs to the description with its ufrag, also when that comes later, or the next offer came before it.
    """
    numbers: list[int] = []
    number_of: dict[tuple[int, str], int] = {}
    pending: dict[int, float] = {}
    number, begun = 0, False
    for signal in meeting.signals:
        key = (signal.sender, signal.ufrag or "")
        if signal.what == "offer":
            ts = signal.entry.ts
            crosses = any(by != signal.sender and ts - since < CROSSING_WITHIN_S for by, since in pending.items())
            is_together = ts - pending.get(signal.sender, -math.inf) < TOGETHER_WITHIN_S
            if begun and not crosses and not is_together and (signal.ufrag is None or key not in number_of):
                number += 1
                pending.clear()
            pending[signal.sender], begun = ts, True
        elif signal.what == "answer":
            pending.clear()
        if signal.what in DESCRIPTIONS and signal.ufrag is not None:
            number_of.setdefault(key, number)
        numbers.append(number)
    attempts = [Attempt() for _ in range(number + 1)]
    for signal, at in zip(meeting.signals, numbers, strict=True):
        is_description = signal.what in DESCRIPTIONS
        attempts[at if is_description else number_of.get((signal.sender, signal.ufrag or ""), at)].signals.append(
            signal
        )
    return attempts


def _classes(candidates: list[Candidate]) -> set[str | None]:
    return {each.address_class for each in candidates}


def _network(address: str | None) -> str | None:
    return str(ipaddress.ip_network(f"{address}/{SUBNET_BITS}", strict=False)) if address is not None else None
