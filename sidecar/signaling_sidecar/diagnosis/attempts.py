"""The attempts of a pair to connect: each from an offer that begins something new to whatever came of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from signaling_sidecar.diagnosis.meetings import Meeting, Signal
from signaling_sidecar.eventlog.payload import Candidate

DESCRIPTIONS = ("offer", "answer", "pranswer")
CROSSING_WITHIN_S = 5.0  # seconds between two offers of one glare: later, the second side has given up on the first
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

    def candidates(self, sender: int) -> list[Candidate]:
        return [each for signal in self.signals if signal.sender == sender for each in signal.candidates]

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
    """Split a pair's signals at each offer that begins something new: a new page's, an ICE restart's. At least one."""
    attempts = [attempt := Attempt()]
    known = (set[str](), set[str]())
    pending: dict[int, float] = {}
    for signal in meeting.signals:
        if signal.what == "offer":
            is_new = signal.ufrag is None or signal.ufrag not in known[signal.sender]
            crosses = any(
                sender != signal.sender and signal.entry.ts - ts < CROSSING_WITHIN_S for sender, ts in pending.items()
            )
            if attempt.offers and is_new and not crosses:
                attempts.append(attempt := Attempt(_since_description(attempt)))
                pending.clear()
            pending[signal.sender] = signal.entry.ts
        elif signal.what == "answer":
            pending.clear()
        if signal.what in DESCRIPTIONS and signal.ufrag is not None:
            known[signal.sender].add(signal.ufrag)
        attempt.signals.append(signal)
    return attempts


def _since_description(attempt: Attempt) -> list[Signal]:
    """What came after the attempt's last description, and may have been meant for the next one: early candidates."""
    kept: list[Signal] = []
    ufrags = attempt.ufrags
    for signal in reversed(attempt.signals):
        if signal.what in DESCRIPTIONS:
            break
        if signal.ufrag is not None and signal.ufrag not in ufrags:
            kept.append(signal)
    return kept[::-1]


def _classes(candidates: list[Candidate]) -> set[str | None]:
    return {each.address_class for each in candidates}


def _network(address: str | None) -> str | None:
    return str(ipaddress.ip_network(f"{address}/{SUBNET_BITS}", strict=False)) if address is not None else None
