"""Compares a secret with the text that a client has sent."""

from __future__ import annotations

import hashlib
import hmac


def is_same_secret(secret: str, sent: str) -> bool:
    """Compare two strings in a time that shows neither how much of them is equal nor how long the secret is."""
    return hmac.compare_digest(_digest(secret), _digest(sent))


def _digest(text: str) -> bytes:
    # Python represents bytes of a header that are not UTF-8 as lone surrogates.
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
