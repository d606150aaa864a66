"""Translates webrtc-internals dumps of older Chromium versions, which use other names, and text instead of objects.

For example, a description was `type: offer, sdp: v=0…`, a candidate was
`sdpMid: 0, sdpMLineIndex: 0, candidate: candidate:…`, and a change of state was `iceConnectionStateChange` with
`ICEConnectionStateChecking`.
"""

from __future__ import annotations

import re
from typing import Any

_NAMES = {
    "onRenegotiationNeeded": "negotiationneeded",
    "signalingStateChange": "signalingstatechange",
    "iceGatheringStateChange": "icegatheringstatechange",
    "iceConnectionStateChange": "iceconnectionstatechange",
    "connectionStateChange": "connectionstatechange",
    "onIceCandidate": "icecandidate",
    "stop": "close",
}
_CANDIDATE_TYPES = {"serverreflexive": "srflx", "peerreflexive": "prflx", "relayed": "relay"}
_STATE = re.compile(r"(?:ICEConnectionState|ICEGatheringState|SignalingState|ConnectionState)([A-Z]\w*)")
_DESCRIPTION = re.compile(r"type: (\w+), sdp: (.*)", re.DOTALL)
_CANDIDATE = re.compile(r"\bcandidate: (candidate:[^,]*)")
_MID = re.compile(r"\bsdpMid: ([^,]*)")
_POLICY = re.compile(r"""\biceTransport(?:Policy|s)"?: *"?(\w+)""")


def name_of(type_: str) -> str:
    return _NAMES.get(type_, type_)


def candidate_type(type_: object) -> object:
    return _CANDIDATE_TYPES.get(type_, type_) if isinstance(type_, str) else type_


def value_of(name: str, text: str) -> Any:
    """Read a value that is not JSON. An unknown value stays text."""
    if description := _DESCRIPTION.match(text):
        return {"type": description[1], "sdp": description[2]}
    if (candidate := _CANDIDATE.search(text)) is not None:
        mid = _MID.search(text)
        return {"candidate": candidate[1].strip(), **({"sdpMid": mid[1]} if mid is not None else {})}
    state = _STATE.fullmatch(text) if name.endswith("statechange") else None
    if state is not None:
        return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "-", state[1].replace("PrAnswer", "Pranswer")).lower()
    return text


def configuration_of(text: str) -> dict[str, str] | None:
    """Read the policy in a configuration that is not JSON, such as `{ iceServers: […], iceTransportPolicy: relay }`."""
    policy = _POLICY.search(text)
    return None if policy is None else {"iceTransportPolicy": policy[1]}
