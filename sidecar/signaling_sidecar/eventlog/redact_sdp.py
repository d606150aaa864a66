"""Remove from session descriptions and candidates what identifies their sender; see `redact.py`.

Everything that `payload.py` reads from the original can also be read from the redacted text. Unknown lines and
attributes are removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from signaling_sidecar.eventlog.allowed_words import MIDS
from signaling_sidecar.eventlog.payload import CANDIDATE_TYPES, MAX_ADDRESS_CHARS
from signaling_sidecar.eventlog.pseudonyms import Pseudonyms

_SESSION = re.compile(r"o=\S+ (\S+) (\d{1,10}) IN IP[46] \S+")  # RFC 8866, 5.2
_MEDIA_ADDRESS = re.compile(r"c=IN (IP[46]) (\S+)")
_ATTRIBUTE = re.compile(r"a=([a-z-]+):(\S.*)")
_KEPT = re.compile(
    r"t=0 0"
    r"|m=(audio|video|application) \d{1,5} (UDP/DTLS/SCTP|TCP/DTLS/SCTP|DTLS/SCTP|(UDP/TLS/|TCP/TLS/)?RTP/S?AVPF?)"
    r"( webrtc-datachannel|( \d{1,5})+)"
    r"|b=(AS|TIAS|CT):\d{1,10}"
    r"|a=(extmap-allow-mixed|sendrecv|sendonly|recvonly|inactive|rtcp-mux|rtcp-mux-only|rtcp-rsize|bundle-only|ice-lite"
    r"|end-of-candidates)"
    r"|a=ice-options:(trickle|renomination|ice2)( (trickle|renomination|ice2))*"
    r"|a=setup:(actpass|active|passive|holdconn)"
    r"|a=sctp-port:\d{1,5}|a=sctpmap:\d{1,5} webrtc-datachannel \d{1,5}|a=max-message-size:\d{1,10}"
    r"|a=rtpmap:\d{1,3} (opus|red|CN|PCMU|PCMA|G722|telephone-event|VP8|VP9|AV1|H264|H265|rtx|ulpfec|flexfec-03)"
    r"/\d{1,6}(/\d)?"
    r"|a=rtcp-fb:(\d{1,3}|\*) (goog-remb|transport-cc|ccm fir|nack pli|nack)"
)
"""Lines that are kept, because they contain only words and numbers that the standards define."""
_MALFORMED = "0 other 0 - 0 - -"  # seven words that make a candidate malformed when they follow its foundation
_TRANSPORTS = frozenset({"udp", "tcp"})
_NUMBERED = frozenset({"rport", "generation", "network-id", "network-cost"})
_TCP_TYPES = frozenset({"active", "passive", "so"})  # RFC 6544, 4.5
_MANDATORY_WORDS = 8
_DIGITS = re.compile("[0-9]{1,10}")
_PORT = re.compile("[0-9]{1,5}")


def redact_description(sdp: str, names: Pseudonyms) -> str:
    """Redact a session description line by line."""
    # `splitlines` is not used, because it also splits at characters that do not end a line of SDP.
    lines = (_line(line.rstrip("\r"), names) for line in sdp.split("\n")[1:])
    return "".join(f"{line}\r\n" for line in ("v=0", *(line for line in lines if line is not None)))


def redact_candidate(text: str, names: Pseudonyms) -> str:
    """Redact a candidate, with or without a leading `a=`. A malformed candidate stays malformed. Its ufrag is replaced
    by a pseudonym, as in other candidates."""
    words = text.split()
    mandatory = _mandatory(words[1:_MANDATORY_WORDS], names) or _MALFORMED
    foundation = names.number(words[0].rpartition(":")[2], "foundation")  # replaced because it is a hash of the address
    prefix = "a=candidate" if text.startswith("a=") else "candidate"
    return " ".join((f"{prefix}:{foundation} {mandatory}", *_extensions(words[_MANDATORY_WORDS:], names)))


def _mandatory(words: list[str], names: Pseudonyms) -> str | None:
    """Redact the seven mandatory words after the foundation (RFC 8839, 5.1). Returns None for a malformed candidate.

    This function and `payload.py` must treat the same candidates as malformed.
    """
    match words:
        case [component, transport, priority, address, port, "typ", kind] if (
            kind in CANDIDATE_TYPES and len(address) <= MAX_ADDRESS_CHARS and _PORT.fullmatch(port)
        ):
            transport = transport if transport.lower() in _TRANSPORTS else "other"
            component, priority = (each if _DIGITS.fullmatch(each) else "0" for each in (component, priority))
            return f"{component} {transport} {priority} {names.of(address, 'host')} {port} typ {kind}"
    return None


def _extensions(words: list[str], names: Pseudonyms) -> Iterator[str]:
    for name, value in zip(words[::2], words[1::2], strict=False):
        if name in ("raddr", "ufrag"):
            yield f"{name} {names.of(value, 'host' if name == 'raddr' else name)}"
        elif (name in _NUMBERED and _DIGITS.fullmatch(value)) or (name == "tcptype" and value in _TCP_TYPES):
            yield f"{name} {value}"


def redact_mid(mid: str, names: Pseudonyms) -> str:
    return mid if mid in MIDS else names.of(mid, "mid")


def _line(line: str, names: Pseudonyms) -> str | None:
    if _KEPT.fullmatch(line):
        return line
    if line.startswith("s="):
        return "s=-"
    if line.startswith("a=msid-semantic:"):
        return "a=msid-semantic: WMS"
    if session := _SESSION.fullmatch(line):
        return f"o=- {names.number(session[1], 'sdp')} {session[2]} IN IP4 127.0.0.1"
    if address := _MEDIA_ADDRESS.fullmatch(line):
        return f"c=IN {address[1]} {names.of(address[2], 'host')}"
    if line.startswith("a=candidate:"):
        return redact_candidate(line, names)
    attribute = _ATTRIBUTE.fullmatch(line)
    rewrite = _ATTRIBUTES.get(attribute[1]) if attribute is not None else None
    if attribute is None or rewrite is None:
        return None
    return f"a={attribute[1]}:{rewrite(attribute[2].split(), names)}"


def _group(words: list[str], names: Pseudonyms) -> str:
    return " ".join(("BUNDLE", *(redact_mid(word, names) for word in words[1:])))


def _fingerprint(words: list[str], names: Pseudonyms) -> str:
    algorithm = words[0] if words[0] in ("sha-1", "sha-256", "sha-384", "sha-512") else "other"
    return f"{algorithm} {names.of(' '.join(words[1:]).upper(), 'fingerprint')}"


_ATTRIBUTES: dict[str, Callable[[list[str], Pseudonyms], str]] = {
    "ice-ufrag": lambda words, names: names.of(words[0], "ufrag"),
    "ice-pwd": lambda words, names: names.of(words[0], "pwd"),
    "mid": lambda words, names: redact_mid(words[0], names),
    "group": _group,
    "fingerprint": _fingerprint,
}
"""For each SDP attribute that identifies its sender, a function that redacts the words of its value. The value always
has at least one word."""
