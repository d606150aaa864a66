"""The keys with which the signatures of tokens are verified: a secret, a public key (PEM), or a set of keys (JWKS)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
import msgspec

from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.settings import JWT_SECRET

_KINDS = {"RS256": "an RSA key", "ES256": "a key of the elliptic curve P-256"}


class Keys(NamedTuple):
    """`only` is the key if there is exactly one. `by_id` has the keys of a JWKS file by their ids. `by_id` is None if
    the only key has no id, as in a PEM file. Then the `kid` of a token is ignored."""

    only: Any
    by_id: Mapping[str, Any] | None = None

    def find(self, key_id: object) -> Any:
        """Return the key for a token. `key_id` is the token's `kid`, which may be any JSON value, or None if the token
        has no `kid`. Raises InvalidToken."""
        if self.by_id is None or (key_id is None and self.only is not None):
            return self.only
        key = self.by_id.get(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise InvalidToken(Why.UNKNOWN_KEY)
        return key


def parse_secret(content: bytes) -> Keys:
    """Read the content of a file with the secret for HS256. Spaces and line breaks around the secret are ignored.
    Raises ValueError."""
    try:
        return Keys(_prepared("HS256", JWT_SECRET.parse(content.decode().strip())))
    except UnicodeDecodeError:
        raise ValueError("a text in UTF-8") from None


def parse_public_keys(algorithm: str, content: bytes) -> Keys:
    """Read the content of a PEM file with one public key, or of a JWKS file. Raises ValueError.

    Keys for other algorithms in a JWKS file are ignored, because an identity provider lists all of its keys there.
    """
    if not content.lstrip().startswith(b"{"):
        return Keys(_prepared(algorithm, content))
    try:
        entries = msgspec.json.decode(content, type=_KeySet).keys
    except NOT_JSON as error:
        raise ValueError(f"a JWKS file ({error})") from None
    usable = [key for entry in entries if (key := _signing_key(algorithm, entry)) is not None]
    if not usable:
        raise ValueError(f"a JWKS file with a public key for {algorithm}")
    if len(usable) == 1 and usable[0].key_id is None:
        return Keys(usable[0].key)
    by_id = {key.key_id: key.key for key in usable if key.key_id is not None}
    return Keys(usable[0].key if len(usable) == 1 else None, by_id)


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _signing_key(algorithm: str, entry: dict[str, Any]) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):  # PyJWT does not know this kind of key, or it is damaged
        return None
    if key.algorithm_name != algorithm or key.public_key_use not in (None, "sig"):
        return None
    if key.key_id is not None and not isinstance(key.key_id, str):
        return None
    _check(algorithm, key.key)
    return key


def _prepared(algorithm: str, key: str | bytes) -> Any:
    try:
        prepared = jwt.get_algorithm_by_name(algorithm).prepare_key(key)
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        # For a key of the wrong kind, the message of PyJWT contains a generator object instead of the expected kinds.
        reason = f"which is {_KINDS[algorithm]}" if "Expected one of" in str(error) else error
        raise ValueError(f"a key for {algorithm} ({reason})") from None
    _check(algorithm, prepared)
    return prepared


def _check(algorithm: str, key: Any) -> None:
    if hasattr(key, "private_numbers"):
        # Anybody who can read the files of this machine could issue tokens with the private key.
        raise ValueError("a file with public keys only, but it contains a private key, which only the issuer may have")
    too_short = jwt.get_algorithm_by_name(algorithm).check_key_length(key)
    if too_short is not None:
        raise ValueError(f"a longer key ({too_short})")
