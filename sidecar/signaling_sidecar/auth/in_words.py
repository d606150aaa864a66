"""The reasons why clients were refused, in words for operators.

Clients are told less, because some of these reasons would help an attacker.
"""

from __future__ import annotations

from signaling_sidecar.auth.failures import MISSING, TOO_MANY
from signaling_sidecar.auth.invalid_token import Why

_WORDS: dict[str | None, str] = {
    MISSING: "it sent no token",
    TOO_MANY: "its address or its user has shown too many tokens within a short time",
    Why.MALFORMED: "what it sent is not a JSON Web Token",
    Why.SIGNATURE: "its token was signed with another key",
    Why.ALGORITHM: "its token names another algorithm than the setting jwt_algorithm",
    Why.EXPIRED: "its token has expired",
    Why.NOT_YET_VALID: "its token is not valid yet, so the clock of its issuer may be wrong",
    Why.AUDIENCE: "its token is for another audience than the setting jwt_audience",
    Why.ISSUER: "its token is of another issuer than the setting jwt_issuer",
    Why.MISSING_CLAIM: "its token lacks one of the claims exp, aud and sub",
    Why.BAD_CLAIM: "a claim in its token has a wrong type or value",
    Why.UNKNOWN_KEY: "its token was signed with a key that is not in jwt_key_file",
    Why.REVOKED: "its token has been revoked",
    Why.WRONG_SECRET: "its token is not the secret of this sidecar",
}


def in_words(why: str | None) -> str:
    """Finish the sentence "The client was not let in, because …". `why` is the reason in an `auth.failed` record."""
    return _WORDS.get(why, "its token was refused")
