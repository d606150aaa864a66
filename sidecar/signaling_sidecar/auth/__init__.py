"""Verifies access tokens. The package `signaling_sidecar.server` decides what a client with a valid token may do.

This package has no sockets and knows no wire protocol. The only files that it reads are those with keys and secrets.
"""

from signaling_sidecar.auth.attempts import Attempts
from signaling_sidecar.auth.claims import Claims, Scope
from signaling_sidecar.auth.failures import MISSING, TOO_MANY, Failure, Failures
from signaling_sidecar.auth.in_words import in_words
from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.auth.revocations import RevocableTokens, Revocations
from signaling_sidecar.auth.verifier import Verifier, verifier

__all__ = [
    "MISSING",
    "TOO_MANY",
    "Attempts",
    "Claims",
    "Failure",
    "Failures",
    "InvalidToken",
    "RevocableTokens",
    "Revocations",
    "Scope",
    "Verifier",
    "Why",
    "in_words",
    "verifier",
]
