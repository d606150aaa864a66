"""The reasons why a pair is connected, or is not.

1. A reason is named only where the records show it. Where they cannot, it says so: signaling alone never knows that two
   browsers are connected.
2. Nothing waits for a browser's `failed`: some faults stay at `new` for ever. So each step has a deadline.
3. Nobody is blamed for what he could not do: the deadlines of a pair stop when one of the two is away or has left.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from signaling_sidecar.diagnosis.entries import Entry

SIGNALING_WITHIN_S = 5.0  # seconds for an answer, or for the first candidate: a slow phone takes some 100 ms
# Seconds from the answer. After 15 s Chromium gives up an address that nobody answers, and our own client, which
# counts from the offer, tries again: until then it must be clear what the first try failed of.
TRANSPORT_WITHIN_S = 14.0


class Reason(StrEnum):
    """What became of a pair. Programs compare these; sentences are for people."""

    CONNECTED = "connected"
    IN_PROGRESS = "in-progress"
    NOBODY_OFFERED = "nobody-offered"
    UNRECOGNISED = "signals-unrecognised"
    """Signals passed, and none is an offer in a form that is known here: that is no proof that there was none."""
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
    code: str | None = None
    """Of a refusal: the code that it had."""
