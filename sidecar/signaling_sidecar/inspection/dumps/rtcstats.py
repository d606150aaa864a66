"""Reads an rtcstats file, which rtcstats-js records on a page, and which Chromium can download too.

Its first line is `RTCStatsDump`. The other lines are JSON: an object about the file, and then an array for each event
(`[method, connection, value, …, ms since the event before]`), see `docs/file-format.md` of rtcstats-server. rtcstats-js
shortens the events. It writes numbers instead of the names of methods and statistics, and only the statistics that have
changed. Of a description, it writes only the sections that differ from the description before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from signaling_sidecar.inspection.dumps.events import DumpEvent, decoded, numbered, seconds
from signaling_sidecar.inspection.errors import DamagedDump, NoDump

FIRST_LINE = b"RTCStatsDump"
KNOWN_FORMAT = 3
# The numbers that rtcstats-js writes for methods. A number is never reused (`compression.js` in rtcstats-shared).
_METHODS: dict[str | int, str] = {"g": "getStats"}
for _first, _names in (
    (1, "getStats createOffer createOfferOnSuccess createAnswer createAnswerOnSuccess"),
    (6, "setLocalDescription setLocalDescriptionOnSuccess setRemoteDescription setRemoteDescriptionOnSuccess"),
    (10, "addIceCandidate addIceCandidateOnSuccess createOfferOnFailure createAnswerOnFailure"),
    (14, "setLocalDescriptionOnFailure setRemoteDescriptionOnFailure addIceCandidateOnFailure"),
    (20, "onicecandidate onicecandidateerror ontrack onsignalingstatechange oniceconnectionstatechange"),
    (25, "onconnectionstatechange onicegatheringstatechange onnegotiationneeded ondatachannel"),
    (30, "addTrack addTrackOnSuccess addTransceiver addTransceiverOnSuccess removeTrack createDataChannel"),
    (36, "close restartIce setConfiguration create constraints setCodecPreferences setHeaderExtensionsToNegotiate"),
    (50, "setParameters replaceTrack"),
    (60, "navigator.mediaDevices.getUserMedia navigator.mediaDevices.getUserMediaOnSuccess"),
    (63, "navigator.mediaDevices.getDisplayMedia navigator.mediaDevices.getDisplayMediaOnSuccess"),
    (65, "navigator.mediaDevices.getUserMediaOnFailure navigator.mediaDevices.enumerateDevices"),
    (67, "navigator.mediaDevices.ondevicechange navigator.mediaDevices.getDisplayMediaOnFailure"),
    (70, "MediaStreamTrack.stop MediaStreamTrack.applyConstraints"),
    (72, "MediaStreamTrack.onended MediaStreamTrack.onmute MediaStreamTrack.onunmute"),
    (80, "HTMLMediaElement.resize"),
):
    _METHODS.update(enumerate(_names.split(), _first))
_SECTION = re.compile(r"\r?\n(?=m=)")
_DESCRIBING = {
    "createOfferOnSuccess": "created",
    "createAnswerOnSuccess": "created",
    "setLocalDescription": "local",
    "setLocalDescriptionOnSuccess": "local",
    "setRemoteDescription": "remote",
}
_SAME = ("v=", "m=")  # written instead of a section that has not changed


class _Header(msgspec.Struct, rename={"file_format": "fileFormat"}):
    file_format: int
    origin: str | None = None
    url: str | None = None
    """The path of the page, from rtcstats-server. Chromium writes the whole URL into each `create` instead."""

    @property
    def page_url(self) -> str | None:
        return f"{self.origin}{self.url or ''}" if self.origin is not None else self.url


def read_rtcstats(path: str, text: bytes) -> list[DumpEvent]:
    """Read all events. An incomplete last line is left out. Raises `DamagedDump`, and `NoDump` for other formats."""
    lines = text.split(b"\n")[1:]
    header = decoded(path, "line 2", lines[0] if lines else b"", _Header)
    if header.file_format != KNOWN_FORMAT:
        raise NoDump(path, f"is an rtcstats file of format {header.file_format}, and this release reads {KNOWN_FORMAT}")
    return numbered(_events(path, header, lines[1:], is_torn=not text.endswith(b"\n")))


def _events(path: str, header: _Header, lines: list[bytes], *, is_torn: bool) -> Iterator[DumpEvent]:
    descriptions = _Descriptions()
    at_ms = 0.0
    for number, line in enumerate(lines, 3):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            fields = decoded(path, place, line, list[Any])
        except DamagedDump:
            if is_torn and number == len(lines) + 2:
                return
            raise
        match fields:
            case [str() | int() as method, str() | None as connection, value, *more, int() | float() as delta_ms]:
                at_ms += delta_ms
                name = _METHODS.get(method, f"method {method}" if isinstance(method, int) else method)
                url = next((each for each in more if isinstance(each, str)), header.page_url)
                value = descriptions.whole(connection, name, _unquoted(value))
                ts = seconds(path, place, at_ms)
                yield DumpEvent(0, ts, connection, name, value, url if name == "create" else None)
            case _:
                raise DamagedDump(path, place, "an event is [method, connection or null, value, …, ms]")


def _unquoted(value: Any) -> Any:
    """Remove the quotes that Chromium writes around a state."""
    quoted = isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


class _Descriptions:
    """Restores the sections of shortened descriptions."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str | None, str, object], str] = {}
        """The last descriptions by connection, side, and type."""

    def whole(self, connection: str | None, name: str, value: Any) -> Any:
        of = _DESCRIBING.get(name)
        match value:
            case {"type": str() as type_, "sdp": str() as sdp} if of is not None:
                # The first local description has only the sections that differ from the description that createOffer or
                # createAnswer has made.
                bases = ("remote",) if of == "remote" else ("local", "created")
                known = (self._kept.get((connection, base, type_)) for base in bases)
                base = next((each for each in known if each is not None), None)
                whole = self._kept[connection, of, type_] = sdp if base is None else _restored(sdp, base)
                return {**value, "sdp": whole}
        return value


def _restored(sdp: str, base: str) -> str:
    known = _SECTION.split(base.strip())
    sections = [
        known[at] if section.strip() in _SAME and at < len(known) else section
        for at, section in enumerate(_SECTION.split(sdp.strip()))
    ]
    return "\r\n".join(sections) + "\r\n"
