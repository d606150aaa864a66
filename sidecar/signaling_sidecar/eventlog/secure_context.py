"""Decide by the origin of a page whether browsers treat the page as a secure context."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "::1")


def is_insecure(origin: str) -> bool:
    """Whether pages of this origin are not secure contexts, because they use http and a host other than localhost.

    Browsers do not allow such pages to use a camera or a microphone. See W3C Secure Contexts, 3.1.
    """
    try:
        url = urlsplit(origin)
    except ValueError:
        return False  # browsers never send such an origin
    host = (url.hostname or "").rstrip(".")
    is_loopback = host in _LOOPBACK or host.endswith(".localhost") or host.startswith("127.")
    return url.scheme == "http" and not is_loopback
