"""Explain each reason of a verdict and what to do about it, for the terminal, `sidecar doctor` and the notebooks."""

from __future__ import annotations

from typing import NamedTuple

from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.errors import Code


class Advice(NamedTuple):
    """A reason in words, for people who know WebRTC from MDN."""

    meaning: str
    next_step: str | None
    """What people should do next, or None if there is nothing to do."""


_REPORTS = (
    "let the browsers report their connections: a Mesh does so by itself, client.observe(pc, peerId) does so for an "
    "RTCPeerConnection of your own, and signaling({ trace: true }) in vite.config does so for any library"
)
ADVICE: dict[Reason, Advice] = {
    Reason.CONNECTED: Advice("a browser has reported that they are connected, or were", None),
    Reason.IN_PROGRESS: Advice("it is too early for a verdict", "check again in a few seconds"),
    Reason.NOBODY_OFFERED: Advice(
        "neither has sent an offer",
        "decide which page sends the offer: in a mesh, the newest peer sends one to each peer in its peer list",
    ),
    Reason.UNRECOGNISED: Advice(
        "signals were relayed, and none is an offer in a known form (they may be encrypted or packed)", _REPORTS
    ),
    Reason.OFFER_NOT_RECEIVED: Advice(
        "a page has made an offer for another signaling server, and no browser has reported that it received the offer",
        "look at the console of the page that made the offer: it must connect to its signaling server, and send the "
        "offer; if it does both, look at the page that should answer, which may not report its connections",
    ),
    Reason.OFFER_UNANSWERED: Advice(
        "the offer was relayed, and no answer came back",
        "look at the console of the page that should answer: it must handle the `offer` and send an answer",
    ),
    Reason.ANSWER_NOT_RECEIVED: Advice(
        "a page has made an answer for another signaling server, and the page that made the offer has not set it",
        "look at the consoles of both pages: the one must send its answer, and the other must call "
        "setRemoteDescription() with it, on the RTCPeerConnection that made the offer",
    ),
    Reason.SHARED_CONNECTION: Advice(
        "one RTCPeerConnection was used for two others, and can be connected to only one",
        "make a new RTCPeerConnection and a new offer for each connection; if an offer reaches several pages, or one "
        "page twice, send it only to the page that it is for",
    ),
    Reason.GLARE: Advice(
        "both sent an offer at the same time, and then both withdrew it, or neither did",
        "use perfect negotiation, which makes one of the two polite (see MDN; a Mesh does it by itself)",
    ),
    Reason.LEFT: Advice(
        "one of them left, or lost its connection to the sidecar, before they were connected",
        "open both pages again; if a page leaves by itself, look at its console for a reload or an exception",
    ),
    Reason.REFUSED: Advice("the sidecar refused a frame, and the error code names the cause", "look up the error code"),
    Reason.NO_CANDIDATES: Advice(
        "no candidate of one side was signaled, so the other has no address to try",
        "check that the page sends the candidate of each `icecandidate` event, and that the other page adds it",
    ),
    Reason.EARLY_CANDIDATES: Advice(
        "candidates arrived before the description, and the browser discarded them",
        "keep candidates that arrive early, and add them when setRemoteDescription() has finished",
    ),
    Reason.ONLY_MDNS: Advice(
        "both sides sent only .local addresses (mDNS), and the other side could not resolve them",
        "let the page use the camera once, so that browsers send IP addresses; or open UDP port 5353; or use a STUN "
        "server",
    ),
    Reason.SUBNETS: Advice(
        "the two sides have private addresses of different networks, and there is no route between these",
        "connect both devices to the same Wi-Fi (guest networks and VPNs are separate), or use a TURN server",
    ),
    Reason.RELAY_ONLY: Advice(
        "iceTransportPolicy is 'relay', and there is no relay candidate",
        "configure a TURN server that answers, or remove iceTransportPolicy: 'relay'",
    ),
    Reason.INSECURE_PAGE: Advice(
        "the page is neither on https nor on localhost, so its browser gives it no camera or microphone",
        "open it over https (which signaling({ lan: true }) turns on), or on localhost",
    ),
    Reason.ICE_FAILED: Advice(
        "the browsers tried each other's addresses, and none answered",
        "if a firewall blocks UDP, or the Wi-Fi separates its devices (client isolation), use a TURN server",
    ),
    Reason.DTLS_FAILED: Advice(
        "ICE found a path, but the DTLS handshake failed",
        "check that nothing changes the SDP on its way, and that no page uses the answer of another connection",
    ),
    Reason.UNKNOWN: Advice(
        "the signaling is complete or not in the log, and no browser has reported whether they are connected", _REPORTS
    ),
}
CALLS_ITSELF = (
    "the two RTCPeerConnections are of one page: if the page should not call itself, look for a client that joins "
    "twice, as an effect without a complete clean-up does in React's StrictMode"
)
UNKNOWN_UNREACHABLE = (
    "if the other side is a media server, check that it runs and announces an address that this browser can reach; if "
    "it is a page, look at the console of that page, and use a TURN server if a firewall blocks UDP"
)
WITHOUT_OFFER = (
    "look at the console of each page: it must reach its signaling server, which tells it whom to send an offer"
)
_SEND_SLOWER = "send fewer frames per second, or raise the limit (--max-frames-per-s)"
_BY_CODE: dict[str, str] = {
    Code.BAD_JSON: "send each frame in the form that the message names",
    Code.BAD_FIELD: "correct the field that the message names",
    Code.UNKNOWN_TYPE: "use a frame type of this protocol, and send data of your own in a type that it relays; a "
    "client of another protocol must connect to the path of that protocol",
    Code.NOT_JOINED: "join a room first, and wait until the sidecar has answered",
    Code.FORGED_FROM: "leave the sender's id out of the frame, or set it to the peer id of this connection",
    Code.NO_SUCH_PEER: "send to the id of a peer that is connected; a reload may have given the peer another id",
    Code.PEER_AWAY: "wait until the peer has returned; if its session is resumable, it then gets what it missed",
    Code.NO_SUCH_ROOM: "join that room first",
    Code.ROOM_FULL: "raise the room's capacity, if the protocol allows it, or close a tab that is still in it",
    Code.ID_TAKEN: "give each tab its own peer id; a tab that returns resumes its session, if the protocol allows it",
    Code.TOO_FAST: _SEND_SLOWER,
    Code.OUT_OF_ORDER: _SEND_SLOWER,
    Code.TOO_LARGE: "send less in one frame: ids, names and metadata have fixed limits, and --max-frame-bytes is the "
    "limit of a whole frame",
    Code.BARRED: "an admin has removed this peer id from the room: wait a minute, or join with another id",
    Code.TOO_MANY_ROOMS: "leave rooms that are not needed; --max-rooms raises the limit of the whole sidecar",
    Code.REFUSED_BY_HOOK: "look at your hooks file, which refused this",
    Code.UNAUTHORISED: "send a valid token that allows this; the settings that begin with auth or jwt say which token "
    "is valid",
    Code.INTERNAL: "look at the sidecar's terminal: this is an error in the sidecar itself",
}


def next_step(reason: Reason, code: str | None = None) -> str | None:
    """Return the advice for a reason, or None if there is nothing to do. The advice for a refusal depends on its error
    code."""
    return _BY_CODE.get(code or "", ADVICE[reason].next_step)
