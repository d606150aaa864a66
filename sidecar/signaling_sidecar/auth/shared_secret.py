"""`auth = "token"`: one secret, which everybody who may connect knows."""

from __future__ import annotations

from collections.abc import Callable

from signaling_sidecar.auth.claims import Claims
from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.auth.same_secret import is_same_secret
from signaling_sidecar.settings import SHARED_SECRET

_CLAIMS = Claims()


class SharedSecret:
    """The verifier that accepts nothing but the secret. `secret` returns the current one."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret

    def verify(self, token: str, now_s: float) -> Claims:
        if not is_same_secret(self._secret(), token):
            raise InvalidToken(Why.WRONG_SECRET)
        return _CLAIMS


def parse_shared_secret(content: bytes) -> str:
    """Read the content of a file with the secret. Line breaks at the end of the secret, which editors add, are
    ignored."""
    return SHARED_SECRET.parse(content.decode("ascii", "replace").strip())  # type: ignore[no-any-return]
