"""Find WebRTC session descriptions and ICE candidates in a relayed frame, whatever its structure.

Each wire protocol uses its own field names for SDP and candidates. In the frames `signal` and `broadcast`, each app
chooses the field names. So this module searches all strings of the JSON, including documents inside strings
(`nested_text.py`), whatever the names of their fields are. A string that begins with `v=0` is a session description
(RFC 8866, 5.1), and one that begins with `candidate:` or `a=candidate:` is a candidate (RFC 8839, 5.1). No function in
this module raises an exception, whatever a peer has sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from sys import intern
from typing import Annotated, Any, Literal

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.address_class import address_class
from signaling_sidecar.eventlog.nested_text import CANDIDATE, DESCRIPTION, MIN_OPAQUE_CHARS, notable_leaves

SDP_TYPES = frozenset({"offer", "pranswer", "answer", "rollback"})  # RTCSdpType, W3C WebRTC 4.3.1
CANDIDATE_TYPES = frozenset({"host", "srflx", "prflx", "relay"})  # RFC 8839, 5.1
_PROTOCOLS = {"udp": "udp", "tcp": "tcp"}  # RFC 8839, 5.1 and RFC 6544, 4.5
_MAX_UFRAG_CHARS = 256  # RFC 8839, 5.4
MAX_ADDRESS_CHARS = 255  # the longest domain name, RFC 1035, 2.3.4
_MAX_PORT_DIGITS = 5

_OPAQUE = re.compile(rf"[A-Za-z0-9+/_-]{{{MIN_OPAQUE_CHARS},}}={{0,2}}")
# These patterns begin with a newline, because matching a newline is several times faster than matching `^` in multiline
# mode. They need not match the first line of a description, which is always `v=0`.
_CANDIDATE_LINE = "\na=candidate:"
_SDP_CANDIDATE = re.compile(r"\na=(candidate:[^\r\n]+)")
_ICE_UFRAG = re.compile(r"\na=ice-ufrag:(\S+)")
_SETUP = re.compile(r"\na=setup:(\S+)")
_TYPE_BY_SETUP = {"actpass": "offer", "active": "answer", "passive": "answer"}  # RFC 8829, 5.2.1 and 5.3.1


class Media(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The first session description and the first candidate in a frame. A field is None if the frame does not have
    it."""

    description_bytes: int | None = None
    sdp_type: str | None = None
    """`offer`, `answer`, `pranswer` or `rollback`. This type is read from the field `type` beside the description,
    otherwise from the key of the description, otherwise from its line `a=setup`."""
    ufrag: str | None = None
    """The ICE username fragment. A candidate has the same ufrag as its session description, in the frame and in the
    browser's statistics."""
    candidate_type: str | None = None
    """`host`, `srflx`, `prflx` or `relay`; `end` for the announcement that there are no more candidates; `malformed`
    for a text that does not have the syntax of a candidate."""
    protocol: str | None = None
    """`udp`, `tcp` or `other`."""
    address_class: str | None = None
    """`mdns`, `name` or the kind of the IP address; see `address_class()`."""
    address: str | None = None
    port: int | None = None
    is_opaque: bool = False
    """Whether the frame has neither a description nor a candidate, but a long text in base64 whose content is unknown.
    This text may be an encrypted signal."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An ICE candidate as a peer sent it."""

    type: str
    """The same values as `Media.candidate_type`."""
    protocol: str | None = None
    address_class: str | None = None
    address: str | None = None
    port: int | None = None
    ufrag: str | None = None


class Description(msgspec.Struct, frozen=True, gc=False):
    """The properties of a session description, without its text. The fields have the same values as in `Media`."""

    bytes: int | None = None
    type: str | None = None
    ufrag: str | None = None


class Content(msgspec.Struct, frozen=True, gc=False):
    """The session description and the candidates in a frame."""

    description: Description | None = None
    """The first description in the frame."""
    candidate: Candidate | None = None
    """The first candidate that is not part of a description."""
    ufrag: str | None = None
    candidates: Sequence[Candidate] = ()
    """All candidates: those sent on their own, and those in lines of a session description."""
    is_opaque: bool = False
    """The same as `Media.is_opaque`."""

    @property
    def media(self) -> Media:
        """Return this content as one flat object, without the list of candidates."""
        description, candidate = self.description or _NO_DESCRIPTION, self.candidate
        if candidate is None:
            return Media(
                description_bytes=description.bytes,
                sdp_type=description.type,
                ufrag=self.ufrag,
                is_opaque=self.is_opaque,
            )
        return Media(
            description_bytes=description.bytes,
            sdp_type=description.type,
            ufrag=self.ufrag,
            candidate_type=candidate.type,
            protocol=candidate.protocol,
            address_class=candidate.address_class,
            address=candidate.address,
            port=candidate.port,
            is_opaque=self.is_opaque,
        )


NO_CONTENT = Content()
_OPAQUE_CONTENT = Content(is_opaque=True)
_NO_DESCRIPTION = Description()


class _CandidateSummary(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    type: str
    protocol: str | None = None
    address_class: str | None = None


class _Summary(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The summary that the event log contains instead of a frame if the setting `payloads` is `summary`.

    It cannot be confused with a frame, because every frame has a field that this type forbids, such as `type`.
    """

    summary: bool
    description_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    sdp_type: Literal["offer", "pranswer", "answer", "rollback"] | None = None
    ufrag: str | None = None
    candidate: _CandidateSummary | None = None
    candidates: list[_CandidateSummary] = []
    """All candidates without duplicates, if the frame has a description."""
    opaque: bool = False


def read_content(payload: bytes | str) -> Content:
    """Find the description and the candidates in a frame, or in the result of `summarise`."""
    try:
        document = msgspec.json.decode(payload)
    except NOT_JSON:
        return NO_CONTENT
    summary = _summary_in(document)
    return _content(document) if summary is None else _content_of_summary(summary)


def is_summary(document: Any) -> bool:
    """Whether decoded JSON text is the result of `summarise`. If not, it is a frame, which may have a field `summary`,
    too."""
    return _summary_in(document) is not None


def _summary_in(document: Any) -> _Summary | None:
    if not isinstance(document, dict) or document.get("summary") is not True:
        return None
    try:
        return msgspec.convert(document, _Summary)
    except msgspec.ValidationError:
        return None


def find_media(payload: bytes | str) -> Media:
    """Find the first description and the first candidate in a frame, or in the result of `summarise`."""
    return read_content(payload).media


def find_candidates(payload: bytes | str) -> list[Candidate]:
    """Find all candidates in a frame, or in the result of `summarise`."""
    return [*read_content(payload).candidates]


def find_description(payload: bytes | str) -> str | None:
    """Return the text of the first session description in a frame. Returns None for a frame without a description, and
    for a summary."""
    try:
        document = msgspec.json.decode(payload)
    except NOT_JSON:
        return None
    return next(
        (value for _, value, _ in notable_leaves(document) if value is not None and value.startswith(DESCRIPTION)), None
    )


def summarise(payload: bytes) -> str:
    """Summarise a frame as JSON text that contains no IP address and no password."""
    content = read_content(payload)
    description = content.description or _NO_DESCRIPTION
    described = content.candidates if content.description is not None else ()
    summary = _Summary(
        summary=True,
        description_bytes=description.bytes,
        sdp_type=description.type,  # type: ignore[arg-type]
        ufrag=content.ufrag,
        candidate=_summary_of(content.candidate) if content.candidate is not None else None,
        candidates=list(dict.fromkeys(map(_summary_of, described))),
        opaque=content.is_opaque,
    )
    return msgspec.json.encode(summary).decode()


def _summary_of(candidate: Candidate) -> _CandidateSummary:
    return _CandidateSummary(candidate.type, candidate.protocol, candidate.address_class)


def _content_of_summary(summary: _Summary) -> Content:
    is_described = summary.description_bytes is not None or summary.sdp_type is not None
    kinds = summary.candidates or ([summary.candidate] if summary.candidate is not None else [])
    return Content(
        Description(summary.description_bytes, summary.sdp_type, summary.ufrag) if is_described else None,
        _of_summary(summary.candidate, summary.ufrag) if summary.candidate is not None else None,
        summary.ufrag,
        [_of_summary(kind, summary.ufrag) for kind in kinds],
        summary.opaque,
    )


def _of_summary(kind: _CandidateSummary, ufrag: str | None) -> Candidate:
    return Candidate(kind.type, kind.protocol, kind.address_class, ufrag=ufrag)


def _content(document: Any) -> Content:
    description: Description | None = None
    alone: Candidate | None = None
    ufrag: str | None = None
    candidates: list[Candidate] = []
    has_opaque_text = False
    for key, value, siblings in notable_leaves(document):
        if value is not None and value.startswith(DESCRIPTION):
            found = _description(key, value, siblings)
            if _CANDIDATE_LINE in value:  # a search for literal text is faster than the pattern
                candidates += (_candidate(line, {}, found.ufrag) for line in _SDP_CANDIDATE.findall(value))
            if description is None:
                description, ufrag = found, found.ufrag or ufrag
        elif _is_candidate(key, value):
            candidates.append(_candidate(value or "", siblings))
            if alone is None:
                alone = candidates[-1]
                ufrag = alone.ufrag or ufrag
        elif value is not None and is_opaque(value):
            has_opaque_text = True
    if description is None and alone is None:
        return _OPAQUE_CONTENT if has_opaque_text else NO_CONTENT
    return Content(description, alone, ufrag, candidates)


def is_opaque(text: str) -> bool:
    """Whether a text that contains no document looks like base64, and is too long to be an id."""
    return _OPAQUE.fullmatch(text) is not None


def _is_candidate(key: str | None, value: str | None) -> bool:
    if value is not None and value.startswith(CANDIDATE):
        return True
    # The end of candidates: "" in an RTCIceCandidateInit, or null if an app sends `event.candidate` unchanged.
    return not value and key in ("candidate", "IceCandidate")


def _description(key: str | None, sdp: str, siblings: dict[str, Any]) -> Description:
    found = _ICE_UFRAG.search(sdp)
    ufrag = found[1] if found is not None and len(found[1]) <= _MAX_UFRAG_CHARS else None
    size_bytes = len(sdp) if sdp.isascii() else len(sdp.encode())
    return Description(size_bytes, _sdp_type(key, sdp, siblings), ufrag)


def _sdp_type(key: str | None, sdp: str, siblings: dict[str, Any]) -> str | None:
    for name in (siblings.get("type"), key):
        if isinstance(name, str) and name.lower() in SDP_TYPES:
            return name.lower()
    setup = _SETUP.search(sdp)
    return _TYPE_BY_SETUP.get(setup[1]) if setup is not None else None


def _candidate(line: str, siblings: dict[str, Any], ufrag_of_description: str | None = None) -> Candidate:
    """Parse `candidate:foundation component protocol priority address port typ type …`, RFC 8839, 5.1."""
    words = line.split()
    extensions = words[8::2]
    at = 9 + 2 * extensions.index("ufrag") if "ufrag" in extensions else len(words)
    ufrag = words[at] if at < len(words) else siblings.get("usernameFragment")
    if not (isinstance(ufrag, str) and 0 < len(ufrag) <= _MAX_UFRAG_CHARS):
        ufrag = ufrag_of_description
    if len(words) < 8 or words[6] != "typ" or words[7] not in CANDIDATE_TYPES:
        return Candidate("malformed" if words else "end", ufrag=ufrag)
    address, port = words[4], words[5]
    if len(address) > MAX_ADDRESS_CHARS or not (port.isdecimal() and port.isascii() and len(port) <= _MAX_PORT_DIGITS):
        return Candidate("malformed", ufrag=ufrag)
    protocol = _PROTOCOLS.get(words[2]) or _PROTOCOLS.get(words[2].lower(), "other")
    return Candidate(intern(words[7]), protocol, address_class(address), address, int(port), ufrag)
