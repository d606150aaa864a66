"""Why clients were not let in without a valid token, in words for the one who runs the sidecar.

Clients are told less, because some of it would help an attacker.
"""

from __future__ import annotations

import msgspec

from signaling_sidecar.auth import MISSING, TOO_MANY, Why
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_data

_WORDS: dict[str, str] = {
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


class RefusedToken(msgspec.Struct):
    """The data of an `auth.failed` record."""

    why: str | None = None
    remote: str | None = None
    """The address of the client, if it is known."""

    @property
    def words(self) -> str:
        return _WORDS.get(self.why or "", "its token was refused")


def read_refused_token(entry: Entry) -> RefusedToken:
    return read_data(entry.data, RefusedToken) or RefusedToken()
