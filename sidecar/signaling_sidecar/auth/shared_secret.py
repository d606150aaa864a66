"""`auth = "token"`: one secret, which everybody who may connect knows."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from signaling_sidecar.auth.claims import Claims
from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.settings import SHARED_SECRET

_CLAIMS = Claims()


class SharedSecret:
    """The verifier that accepts nothing but the secret. `secret` returns the current one."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret

    def verify(self, token: str, now_s: float) -> Claims:
        # The digests have the same length, so the time of the comparison does not even depend on the secret's length.
        if not hmac.compare_digest(_digest(token), _digest(self._secret())):
            raise InvalidToken(Why.WRONG_SECRET)
        return _CLAIMS


def _digest(text: str) -> bytes:
    # Python represents bytes of a header that are not UTF-8 as lone surrogates.
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def parse_shared_secret(content: bytes) -> str:
    """Read the content of a file with the secret. Editors end a file with a line break, which does not count."""
    return SHARED_SECRET.parse(content.decode("ascii", "replace").strip())  # type: ignore[no-any-return]
