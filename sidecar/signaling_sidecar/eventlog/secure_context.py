"""What the origin of a page says about it."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "::1")


def is_insecure(origin: str) -> bool:
    """Whether a page of this origin is no secure context: plain http, and not from this very machine.

    W3C Secure Contexts, 3.1. Such a page has no camera and no microphone.
    """
    try:
        url = urlsplit(origin)
    except ValueError:
        return False  # no browser sends it
    host = (url.hostname or "").rstrip(".")
    is_loopback = host in _LOOPBACK or host.endswith(".localhost") or host.startswith("127.")
    return url.scheme == "http" and not is_loopback
