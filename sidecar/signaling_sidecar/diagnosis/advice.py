"""What each reason means and what to do about it: one source for the terminal, the doctor and the notebook."""

from __future__ import annotations

from typing import NamedTuple

from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.errors import Code


class Advice(NamedTuple):
    """Sentences for people who know WebRTC from MDN."""

    meaning: str
    next_step: str | None
    """None: there is nothing to do."""


_REPORTS = (
    "let the browsers say it: a Mesh does by itself, client.observe(pc, peerId) does for a connection of your own, and "
    "signaling({ trace: true }) in vite.config does for any library"
)
ADVICE: dict[Reason, Advice] = {
    Reason.CONNECTED: Advice("a browser has said that they are connected", None),
    Reason.IN_PROGRESS: Advice("it is too early to say more", "ask again in some seconds"),
    Reason.NOBODY_OFFERED: Advice(
        "neither has sent an offer",
        "decide who begins: in a mesh the newcomer sends an offer to everybody who is in its peer list",
    ),
    Reason.UNRECOGNISED: Advice(
        "signals passed, and none is an offer in a form that is known here (encrypted or packed, perhaps)", _REPORTS
    ),
    Reason.OFFER_UNANSWERED: Advice(
        "the offer was relayed, and no answer came back",
        "look at the console of the page that should answer: does it handle `offer`, and send its answer?",
    ),
    Reason.GLARE: Advice(
        "both sent an offer at the same time, and both gave way, or neither did",
        "use perfect negotiation, in which one of the two is polite (MDN has it; Mesh does it)",
    ),
    Reason.LEFT: Advice(
        "one of them left, or lost its connection to the sidecar, before they could be connected",
        "open both pages again; if a page leaves by itself, look at its console for a reload or an exception",
    ),
    Reason.REFUSED: Advice("the sidecar refused a frame, and the code says why", "look up the code that is named"),
    Reason.NO_CANDIDATES: Advice(
        "no candidate of one side was signaled, so the other has no address to try",
        "does each `icecandidate` event of that page send its candidate, and does the other page call addIceCandidate?",
    ),
    Reason.EARLY_CANDIDATES: Advice(
        "candidates arrived before the description, and the browser threw them away",
        "keep candidates that arrive early until setRemoteDescription() is done, and add them then",
    ),
    Reason.ONLY_MDNS: Advice(
        "each side named itself by .local names only, and the other could not resolve them",
        "let the page use the camera once, so that browsers name addresses; or let UDP port 5353 pass; or use a STUN "
        "server",
    ),
    Reason.SUBNETS: Advice(
        "each side named private addresses of another network, and there is no way between the two",
        "put both devices into the same Wi-Fi (a guest network or a VPN is another), or use a TURN server",
    ),
    Reason.RELAY_ONLY: Advice(
        "iceTransportPolicy is 'relay', and there is no relay",
        "configure a TURN server that answers, or take iceTransportPolicy: 'relay' away",
    ),
    Reason.INSECURE_PAGE: Advice(
        "the page is neither https nor localhost, so it has no camera and no microphone",
        "open it over https (signaling({ lan: true }) does that), or on localhost",
    ),
    Reason.ICE_FAILED: Advice(
        "addresses were tried, and none of them answered",
        "does a firewall block UDP, or the Wi-Fi keep its devices apart (client isolation)? If so, use a TURN server",
    ),
    Reason.DTLS_FAILED: Advice(
        "ICE found a way, and the DTLS handshake on it failed",
        "does something change the SDP on its way, or does a page use the answer of another connection?",
    ),
    Reason.UNKNOWN: Advice("the signaling is complete, and no browser has said what came of it", _REPORTS),
}
_SEND_SLOWER = "send less at once: the sidecar takes a limited number of frames a second (--max-frames-per-s)"
_BY_CODE: dict[str, str] = {
    Code.BAD_JSON: "send each frame as one JSON object in a text frame",
    Code.BAD_FIELD: "correct the field that the message names",
    Code.UNKNOWN_TYPE: "use a frame type of this dialect: in `rooms` your own data goes into `signal` or `broadcast`",
    Code.NOT_JOINED: "send `join`, and wait for its answer, before anything else",
    Code.FORGED_FROM: "leave `from` out, or put this connection's own peer id there",
    Code.NO_SUCH_PEER: "send only to peers of the newest peer list: who has another id after a reload is another peer",
    Code.PEER_AWAY: "wait until that peer is back (`peer_updated` says so); a resumable client gets what it has missed",
    Code.NO_SUCH_ROOM: "send `join` for that room first",
    Code.ROOM_FULL: "raise the room's capacity, or close a tab that is still in it",
    Code.ID_TAKEN: "let each tab have a peer id of its own (leave `peerId` out), or come back with the token",
    Code.TOO_FAST: _SEND_SLOWER,
    Code.OUT_OF_ORDER: _SEND_SLOWER,
    Code.TOO_LARGE: "make the frame smaller, or raise the limit (--max-frame-bytes)",
    Code.BARRED: "an admin has removed this id from the room: wait a minute, or join under another id",
    Code.TOO_MANY_ROOMS: "end rooms that nobody uses, or raise the limit (--max-rooms)",
    Code.REFUSED_BY_HOOK: "look at your own hooks file: it refused this",
    Code.UNAUTHORISED: "send the token that your hooks ask for",
    Code.INTERNAL: "look at the sidecar's terminal: this is a fault of the sidecar",
}


def next_step(reason: Reason, code: str | None = None) -> str | None:
    """Say what to do next; of a refusal by its code."""
    return _BY_CODE.get(code or "", ADVICE[reason].next_step)
