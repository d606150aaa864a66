"""What a relayed payload says about WebRTC, whatever the shape of the frame around it.

Every dialect, and every app inside `signal` and `broadcast`, puts its SDP and its candidates under other names. So
nothing here knows a field name of a dialect: the JSON is walked, also where it is text inside of a string
(`nested_text.py`). A string that begins with `v=0` is a session description (RFC 8866, 5.1), one that begins with
`candidate:` or `a=candidate:` a candidate (RFC 8839, 5.1). What a peer sent may be anything; nothing here raises on it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.nested_text import CANDIDATE, DESCRIPTION, leaves

SDP_TYPES = frozenset({"offer", "pranswer", "answer", "rollback"})  # RTCSdpType, W3C WebRTC 4.3.1
CANDIDATE_TYPES = frozenset({"host", "srflx", "prflx", "relay"})  # RFC 8839, 5.1
_PROTOCOLS = frozenset({"udp", "tcp"})  # RFC 8839, 5.1 and RFC 6544, 4.5
_MAX_UFRAG_CHARS = 256  # RFC 8839, 5.4
MAX_ADDRESS_CHARS = 255  # a domain name, RFC 1035, 2.3.4

_PORT = re.compile("[0-9]{1,5}")
_SDP_CANDIDATE = re.compile(r"^a=(candidate:[^\r\n]+)", re.MULTILINE)
_ICE_UFRAG = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)
_SETUP = re.compile(r"^a=setup:(\S+)", re.MULTILINE)
_TYPE_BY_SETUP = {"actpass": "offer", "active": "answer", "passive": "answer"}  # RFC 8829, 5.2.1 and 5.3.1
# Not `ip.is_private`: that also holds loopback, link-local, documentation and a dozen other ranges.
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598: carrier NAT, and the addresses of overlay networks


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """The first description and the first candidate in a payload; None: there is none, or it does not say."""

    description_bytes: int | None = None
    sdp_type: str | None = None
    """`offer`, `answer`, `pranswer` or `rollback`: by the `type` beside the description, its key, or its `a=setup`."""
    ufrag: str | None = None
    """The ICE username fragment: the key that joins a candidate to its description and to the browser's statistics."""
    candidate_type: str | None = None
    """`host`, `srflx`, `prflx`, `relay`; `end`: no more candidates will come; `malformed`: not a candidate's syntax."""
    protocol: str | None = None
    """`udp`, `tcp` or `other`."""
    address_class: str | None = None
    """`mdns`, `name`, or what kind of IP address: see `address_class()`."""
    address: str | None = None
    port: int | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach a peer, as it was signaled."""

    type: str
    """As `Media.candidate_type`."""
    protocol: str | None = None
    address_class: str | None = None
    address: str | None = None
    port: int | None = None
    ufrag: str | None = None


class _CandidateSummary(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    type: str
    protocol: str | None = None
    address_class: str | None = None


class _Summary(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the log keeps of a payload under `payloads = "summary"`. No frame looks like it: a frame has a `type`."""

    summary: bool
    description_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    sdp_type: Literal["offer", "pranswer", "answer", "rollback"] | None = None
    ufrag: str | None = None
    candidate: _CandidateSummary | None = None
    candidates: list[_CandidateSummary] = []
    """Those in the description, each kind once."""


def find_media(payload: bytes | str) -> Media:
    """Find the description and the candidate in a frame, or in what `summarise` kept of one."""
    try:
        document = msgspec.json.decode(payload)
    except NOT_JSON:
        return Media()
    if isinstance(document, dict) and document.get("summary") is True:
        try:
            return _from_summary(msgspec.convert(document, _Summary))
        except msgspec.ValidationError:
            pass  # a frame that has a `summary` of its own
    return _walk(document)


def find_description(payload: bytes | str) -> str | None:
    """Find the first session description in a frame, whole; None: there is none, or only a summary was kept."""
    try:
        document = msgspec.json.decode(payload)
    except NOT_JSON:
        return None
    return next((leaf.value for leaf in leaves(document) if _is_description(leaf.value)), None)


def find_candidates(payload: bytes | str) -> list[Candidate]:
    """Find every candidate in a frame: a trickled one, and those that are lines of its description."""
    try:
        document = msgspec.json.decode(payload)
    except NOT_JSON:
        return []
    found: list[Candidate] = []
    for key, value, siblings in leaves(document):
        if value is not None and _is_description(value):
            ufrag = _description(key, value, siblings).get("ufrag")
            found += (_as_candidate(_candidate(line, {}), ufrag) for line in _SDP_CANDIDATE.findall(value))
        elif _is_candidate(key, value):
            found.append(_as_candidate(_candidate(value or "", siblings), None))
    return found or _candidates_of_summary(document)


def summarise(payload: bytes) -> str:
    """Give the JSON text that stands for `payload` in the log when payloads are not kept: no address, no password."""
    media = find_media(payload)
    candidate, described = None, []
    if media.candidate_type is not None:
        candidate = _CandidateSummary(media.candidate_type, media.protocol, media.address_class)
    if media.description_bytes is not None:
        found = find_candidates(payload)
        described = list(dict.fromkeys(_CandidateSummary(c.type, c.protocol, c.address_class) for c in found))
    summary = _Summary(True, media.description_bytes, media.sdp_type, media.ufrag, candidate, described)  # type: ignore[arg-type]
    return msgspec.json.encode(summary).decode()


def address_class(address: str) -> str:
    """Say what kind of address a candidate names.

    `mdns` (a `.local` name that hides the real one), `name` (any other name), `loopback`, `link-local`, `private`,
    `public`, each of the four with `-ipv6` behind it for IPv6, `shared` (100.64.0.0/10: carrier NAT and overlay
    networks), `reserved` (everything else: documentation, multicast, 0.0.0.0).
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "mdns" if address.lower().rstrip(".").endswith(".local") else "name"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            kind = _ip_class(ip)
            return kind if kind == "reserved" else f"{kind}-ipv6"
        ip = ip.ipv4_mapped
    return _ip_class(ip)


def _ip_class(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if any(ip in network for network in _PRIVATE):
        return "private"
    if ip in _SHARED:
        return "shared"
    return "public" if ip.is_global and not ip.is_multicast else "reserved"


def _from_summary(summary: _Summary) -> Media:
    candidate = summary.candidate
    return Media(
        description_bytes=summary.description_bytes,
        sdp_type=summary.sdp_type,
        ufrag=summary.ufrag,
        candidate_type=candidate.type if candidate else None,
        protocol=candidate.protocol if candidate else None,
        address_class=candidate.address_class if candidate else None,
    )


def _candidates_of_summary(document: Any) -> list[Candidate]:
    try:
        summary = msgspec.convert(document, _Summary)
    except msgspec.ValidationError:
        return []
    kinds = summary.candidates or ([summary.candidate] if summary.candidate is not None else [])
    return [
        Candidate(type=kind.type, protocol=kind.protocol, address_class=kind.address_class, ufrag=summary.ufrag)
        for kind in kinds
    ]


def _as_candidate(found: dict[str, Any], ufrag: str | None) -> Candidate:
    return Candidate(
        type=found["candidate_type"],
        protocol=found.get("protocol"),
        address_class=found.get("address_class"),
        address=found.get("address"),
        port=found.get("port"),
        ufrag=found.get("ufrag", ufrag),
    )


def _walk(document: Any) -> Media:
    found: dict[str, Any] = {}
    for key, value, siblings in leaves(document):
        if value is not None and _is_description(value) and "description_bytes" not in found:
            found |= _description(key, value, siblings)
        elif _is_candidate(key, value) and "candidate_type" not in found:
            found |= _candidate(value or "", siblings)
    return Media(**found)


def _is_description(value: str | None) -> bool:
    return value is not None and value.startswith(DESCRIPTION)


def _is_candidate(key: str | None, value: str | None) -> bool:
    if value is not None and value.startswith(CANDIDATE):
        return True
    # The end of candidates: "" in RTCIceCandidateInit, null from those who pass on `event.candidate` as it is.
    return key == "candidate" and not value


def _description(key: str | None, sdp: str, siblings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description_bytes": len(sdp.encode())}
    sdp_type = _sdp_type(key, sdp, siblings)
    if sdp_type is not None:
        found["sdp_type"] = sdp_type
    ufrag = _ICE_UFRAG.search(sdp)
    if ufrag and len(ufrag[1]) <= _MAX_UFRAG_CHARS:
        found["ufrag"] = ufrag[1]
    return found


def _sdp_type(key: str | None, sdp: str, siblings: dict[str, Any]) -> str | None:
    for said in (siblings.get("type"), key):
        if isinstance(said, str) and said.lower() in SDP_TYPES:
            return said.lower()
    setup = _SETUP.search(sdp)
    return _TYPE_BY_SETUP.get(setup[1]) if setup is not None else None


def _candidate(line: str, siblings: dict[str, Any]) -> dict[str, Any]:
    """Read `candidate:foundation component protocol priority address port typ type …`, RFC 8839, 5.1."""
    words = line.split()
    extensions = dict(zip(words[8::2], words[9::2], strict=False))
    found: dict[str, Any] = {"candidate_type": "malformed" if words else "end"}
    ufrag = extensions.get("ufrag", siblings.get("usernameFragment"))
    if isinstance(ufrag, str) and 0 < len(ufrag) <= _MAX_UFRAG_CHARS:
        found["ufrag"] = ufrag
    match words[2:8]:
        case [protocol, _, address, port, "typ", kind] if (
            kind in CANDIDATE_TYPES and len(address) <= MAX_ADDRESS_CHARS and _PORT.fullmatch(port)
        ):
            found["candidate_type"] = kind
            found["protocol"] = protocol.lower() if protocol.lower() in _PROTOCOLS else "other"
            found |= {"address": address, "address_class": address_class(address), "port": int(port)}
    return found
