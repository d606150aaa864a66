"""Defines the reasons for refusing a token: a fixed set of words for the event log, and sentences for clients."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """The reasons for which a token is invalid. They are written to the event log and counted."""

    MALFORMED = "malformed"
    SIGNATURE = "signature"
    ALGORITHM = "algorithm"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    MISSING_CLAIM = "missing-claim"
    BAD_CLAIM = "bad-claim"
    UNKNOWN_KEY = "unknown-key"
    REVOKED = "revoked"
    WRONG_SECRET = "wrong-secret"  # noqa: S105 - a word, not a secret


# Clients are told these reasons, because they occur only with tokens whose signature is valid.
_SENTENCES = {
    Why.EXPIRED: "the token has expired",
    Why.NOT_YET_VALID: "the token is not valid yet",
    Why.REVOKED: "the token has been revoked",
}


class InvalidToken(Exception):
    """A token is refused. `str()` is a sentence for the client, and reveals nothing about the secret to an attacker.

    `why` is the precise reason. It is for the event log of the sidecar only, and must not be sent to a client.
    """

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return _SENTENCES.get(self.why, "the token is not valid")
