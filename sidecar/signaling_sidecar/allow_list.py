"""The syntax of the settings `allow_host` and `allow_origin`, and which hosts and origins each entry matches."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from contextlib import suppress

ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}

HOSTS = (
    "host names without a scheme, a port or a dot at the end: dev.example, .example.com (the name and its subdomains), "
    "*.example.com (only its subdomains) or * (any name)"
)
MAX_CHARS = 255  # the maximum length of an entry, which is that of a host name (RFC 1035 section 2.3.4)
_READ_IN_TWO_WAYS = frozenset(
    "ßς\u200c\u200d"
)  # browsers encode these characters by UTS 46, but Python's codec uses RFC 3490
_HOST = re.compile(r"\*|(?:\*?\.)?[^\s/?#@\\,*:\[\]|<>^%.][^\s/?#@\\,*:\[\]|<>^%]*(?<!\.)")
ORIGINS = (
    "origins as browsers send them: http://app.example:3000, chrome-extension://abcdef or file://; * stands for a part "
    "that varies (vscode-webview://*, https://*.example.com, http://app.example:*), and * alone for every origin"
)
_ORIGIN = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
        (?P<host> \[[0-9a-f:.]+\] | \* | (?:\*\.)?[^\s/?#@\\,*:\[\]|<>^%]+ )?
        (?P<port> :(?:\*|[0-9]{1,5}) )?
        /?""",
    re.VERBOSE | re.ASCII,
)


def host_entry(text: str) -> str | None:
    """Normalise an entry of `allow_host` to lower case. Returns None for an entry that could never match."""
    entry = _as_sent(text)
    return entry if entry is not None and _HOST.fullmatch(entry) else None


def origin_entry(text: str) -> str | None:
    """Normalise an entry of `allow_origin`. Returns None for an entry that could never match.

    The result has the form that browsers send: lower case, no slash at the end, and no port if the port is the default
    one of the scheme.
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
    """Convert a host, which may have a port, to the form that browsers send: lower case, and `xn--…` for non-ASCII
    names. Returns None if there is no such form."""
    sent = name.lower()
    if not sent.isascii() and not _READ_IN_TWO_WAYS & set(sent):
        with suppress(UnicodeError):  # the name is too long or invalid
            sent = ".".join(part.encode("idna").decode() if not part.isascii() else part for part in sent.split("."))
    return sent if len(sent) <= MAX_CHARS and sent.isascii() and (not sent or sent.isprintable()) else None


def host_matches(name: str, allowed: Collection[str]) -> bool:
    """Whether one of the entries matches a host name, which must be in lower case and have no port.

    An entry that starts with a dot matches the same names as in Vite's `allowedHosts`.
    """
    return name in allowed or any(_is_below(name, entry) for entry in allowed)


def _is_below(name: str, entry: str) -> bool:
    if entry.startswith("."):
        return name == entry[1:] or name.endswith(entry)
    return entry == ANY or (entry.startswith("*.") and name.endswith(entry[1:]))


def origin_matches(origin: str, allowed: Collection[str]) -> bool:
    """Whether one of the entries matches the value of an Origin header. `null` and an empty value never match."""
    sent = origin_entry(origin)
    if sent is None or ANY in sent:
        return False
    return sent in allowed or any(_pattern(entry).fullmatch(sent) for entry in allowed if ANY in entry)


@functools.lru_cache(maxsize=256)
def _pattern(entry: str) -> re.Pattern[str]:
    parts = _ORIGIN.fullmatch(entry)
    if parts is None:  # the entry is `*`
        return re.compile(r".*", re.DOTALL)
    host, port = parts["host"] or "", parts["port"]
    if host == ANY:
        # `http://*` has no port, but is meant to match every port.
        shown_host, shown_port = r"(?:\[.*\]|[^:]+)", r"(?::\d+)?" if port is None else re.escape(port)
    else:
        below = r"[^:\[\]]+" if host.startswith("*.") else ""
        shown_host, shown_port = below + re.escape(host.removeprefix("*")), re.escape(port or "")
    if port == ":*":
        shown_port = r"(?::\d+)?"
    return re.compile(re.escape(parts["scheme"]) + "://" + shown_host + shown_port)
