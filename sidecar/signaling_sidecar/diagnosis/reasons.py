"""The reasons why two peers are connected or not.

1. The records must prove a reason. Signaling alone cannot show that two browsers are connected, so without a
   browser's report the reason is `transport-unknown`.
2. Each step of a negotiation has a deadline, because not every fault makes a browser report the state `failed`: after
   some faults, the state stays `new`.
3. The deadlines of two peers stop when one of them is away or has left, because it cannot act any more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from signaling_sidecar.diagnosis.entries import Entry

SIGNALING_WITHIN_S = 5.0  # seconds for an answer, or for the first candidate; a slow phone takes about 100 ms
# Seconds from the answer until two browsers must be connected. After 15 s, Chromium reports an unreachable address as
# failed, and the client of this project makes another attempt. The verdict on the first attempt must come before the
# second attempt.
TRANSPORT_WITHIN_S = 14.0


class Reason(StrEnum):
    """The reason why two peers are connected or not. Programs compare these values; people read the sentence of a
    `Finding`."""

    CONNECTED = "connected"
    IN_PROGRESS = "in-progress"
    NOBODY_OFFERED = "nobody-offered"
    UNRECOGNISED = "signals-unrecognised"
    """Signals were relayed, and none is an offer in a known form. There may have been an offer in an unknown form."""
    OFFER_NOT_RECEIVED = "offer-not-received"
    """The offer did not pass through this sidecar, and no browser has reported that it received the offer."""
    OFFER_UNANSWERED = "offer-unanswered"
    ANSWER_NOT_RECEIVED = "answer-not-received"
    """A page with another signaling server has made an answer, and the page that made the offer has not set it."""
    SHARED_CONNECTION = "shared-connection"
    """A page uses one RTCPeerConnection for two others. Reports show it only of pages with another signaling server."""
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
    """The signaling is complete, or it was before the log begins, and no browser has reported whether they are
    connected."""


JUST_MET = "they have only just met"
"""The sentence about two peers that have had no time to signal. The testing tool of the npm
package contains a copy of this sentence."""


class Finding(NamedTuple):
    """A reason, a sentence about it, and the entries that show it."""

    reason: Reason
    sentence: str
    evidence: tuple[Entry, ...] = ()
    code: str | None = None
    """The error code, if the reason is a refusal."""
    next_step: str | None = None
    """Advice that is more exact than that about the reason, or None."""
