"""How the names and the origins that an operator lets in are written, and what each of them matches."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from contextlib import suppress

ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}

HOSTS = (
    "host names without a scheme, a port or a dot at the end: dev.example, .example.com (that name and all below it), "
    "*.example.com (only those below it) or * (any name)"
)
MAX_CHARS = 255  # characters of an entry; a host name has no more (RFC 1035 section 2.3.4)
_READ_IN_TWO_WAYS = frozenset("ßς\u200c\u200d")  # browsers go by UTS 46 for these, and Python's codec by RFC 3490
_HOST = re.compile(r"\*|(?:\*?\.)?[^\s/?#@\\,*:\[\]|<>^%.][^\s/?#@\\,*:\[\]|<>^%]*(?<!\.)")
ORIGINS = (
    "origins as browsers send them: http://app.example:3000, chrome-extension://abcdef, file://, with * for what is "
    "another one each time (vscode-webview://*, https://*.example.com, http://app.example:*), or * for all of them"
)
_ORIGIN = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
        (?P<host> \[[0-9a-f:.]+\] | \* | (?:\*\.)?[^\s/?#@\\,*:\[\]|<>^%]+ )?
        (?P<port> :(?:\*|[0-9]{1,5}) )?
        /?""",
    re.VERBOSE | re.ASCII,
)


def host_entry(text: str) -> str | None:
    """An entry of a list of hosts, in lower case; None for what could never match."""
    entry = _as_sent(text)
    return entry if entry is not None and _HOST.fullmatch(entry) else None


def origin_entry(text: str) -> str | None:
    """An entry of a list of origins in the form in which browsers send one; None for what could never match.

    That is in lower case, without the slash at the end that an address bar shows, and without a scheme's own port.
    """
    if text == ANY:
        return text
    scheme, separator, rest = text.partition("://")
    sent = _as_sent(rest)
    parts = _ORIGIN.fullmatch(scheme.lower() + separator + sent) if sent is not None else None
    if parts is None:
        return None
    scheme, host, port = parts["scheme"], parts["host"] or "", parts["port"] or ""
    if not host and (port or scheme in DEFAULT_PORTS):
        return None
    if port not in ("", ":*") and int(port[1:]) == DEFAULT_PORTS.get(scheme):
        port = ""
    return f"{scheme}://{host}{port}"


def _as_sent(name: str) -> str | None:
    """A name, with what is around it, as browsers send it: in lower case, and as `xn--…` beyond ASCII."""
    sent = name.lower()
    if not sent.isascii() and not _READ_IN_TWO_WAYS & set(sent):
        with suppress(UnicodeError):  # too long, or not a name
            sent = ".".join(part.encode("idna").decode() if not part.isascii() else part for part in sent.split("."))
    return sent if len(sent) <= MAX_CHARS and sent.isascii() and (not sent or sent.isprintable()) else None


def host_matches(name: str, allowed: Collection[str]) -> bool:
    """Whether a name, in lower case and without its port, is one of those that the entries allow.

    An entry with a dot at its beginning means what it means in Vite's `allowedHosts`.
    """
    return name in allowed or any(_is_below(name, entry) for entry in allowed)


def _is_below(name: str, entry: str) -> bool:
    if entry.startswith("."):
        return name == entry[1:] or name.endswith(entry)
    return entry == ANY or (entry.startswith("*.") and name.endswith(entry[1:]))


def origin_matches(origin: str, allowed: Collection[str]) -> bool:
    """Whether an Origin as it was sent is one of those that the entries allow. `null` and an empty one never are."""
    said = origin_entry(origin)
    if said is None or ANY in said:
        return False
    return said in allowed or any(_pattern(entry).fullmatch(said) for entry in allowed if ANY in entry)


@functools.lru_cache(maxsize=256)
def _pattern(entry: str) -> re.Pattern[str]:
    parts = _ORIGIN.fullmatch(entry)
    if parts is None:  # `*` alone
        return re.compile(r".*", re.DOTALL)
    host, port = parts["host"] or "", parts["port"]
    if host == ANY:
        # Who writes only `http://*` thinks of no port.
        shown_host, shown_port = r"(?:\[.*\]|[^:]+)", r"(?::\d+)?" if port is None else re.escape(port)
    else:
        below = r"[^:\[\]]+" if host.startswith("*.") else ""
        shown_host, shown_port = below + re.escape(host.removeprefix("*")), re.escape(port or "")
    if port == ":*":
        shown_port = r"(?::\d+)?"
    return re.compile(re.escape(parts["scheme"]) + "://" + shown_host + shown_port)
