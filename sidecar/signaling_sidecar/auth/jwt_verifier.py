"""`auth = "jwt"`: tokens that another program has signed (RFC 7519).

1. The algorithm comes from the settings, and a token whose header names another one is refused. Otherwise an attacker
   could send a token with `alg: none` and without a signature, or a token with `alg: HS256` that was signed with the
   public key as the secret (RFC 8725, 2.1).
2. Keys come from the settings only. URLs and keys in a token's header (`jku`, `x5u`, `jwk`) are ignored.
3. The claims are read only after the signature has been verified.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NoReturn

import jwt
import msgspec

from signaling_sidecar.auth.claims import ORDINARY, Claims, Scope
from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.auth.keys import Keys
from signaling_sidecar.auth.limits import LEEWAY_S, MAX_LIFETIME_S
from signaling_sidecar.names import refuse_id

MAX_TOKEN_CHARS = 8190  # most reverse proxies accept no header of more than 8 KiB
_REQUIRED = ("exp", "aud", "sub")
# RFC 7515, 2: base64url without padding. Other encodings of the same bytes are refused.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that the sidecar knows. Their types are those of RFC 7519 and RFC 8693."""

    exp: float
    aud: str | list[str]
    sub: str
    iss: str | None = None
    nbf: float | None = None
    iat: float | None = None
    jti: str | None = None
    room: str | list[str] | None = None
    peer: str | None = None
    scope: str | None = None
    scopes: list[str] | None = None


class JwtVerifier:
    """Verifies tokens with the keys that `keys` returns."""

    def __init__(self, algorithm: str, keys: Callable[[], Keys], audience: str, issuer: str | None) -> None:
        self._algorithm = algorithm
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._jws = jwt.PyJWS(algorithms=[algorithm])

    def verify(self, token: str, now_s: float) -> Claims:
        everything = _json_object(self._signed(token))
        if any(everything.get(name) is None for name in _REQUIRED):
            raise InvalidToken(Why.MISSING_CLAIM)
        try:
            payload = msgspec.convert(everything, _Payload)
        except (msgspec.ValidationError, OverflowError):  # OverflowError: a whole number that no float can represent
            raise InvalidToken(Why.BAD_CLAIM) from None
        self._check_names(payload)
        _check_times(payload, now_s)
        return _claims(payload, everything)

    def _signed(self, token: str) -> bytes:
        """Return the payload of a token whose signature is valid."""
        if len(token) > MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
            raise InvalidToken(Why.MALFORMED)
        try:
            header = self._jws.get_unverified_header(token)
            if header.get("alg") != self._algorithm:
                raise InvalidToken(Why.ALGORITHM)
            payload: bytes = self._jws.decode(token, self._keys().find(header.get("kid")), [self._algorithm])
        except jwt.InvalidSignatureError:
            raise InvalidToken(Why.SIGNATURE) from None
        except jwt.PyJWTError:
            raise InvalidToken(Why.MALFORMED) from None
        return payload

    def _check_names(self, payload: _Payload) -> None:
        audiences = [payload.aud] if isinstance(payload.aud, str) else payload.aud
        if self._audience not in audiences:
            raise InvalidToken(Why.AUDIENCE)
        if self._issuer is not None and payload.iss != self._issuer:
            raise InvalidToken(Why.ISSUER)
        is_peer_id = payload.peer is None or refuse_id("peer", payload.peer) is None
        if not payload.sub or not is_peer_id or payload.jti == "":
            raise InvalidToken(Why.BAD_CLAIM)


def _json_object(payload: bytes) -> dict[str, Any]:
    """Decode a JSON object.

    An object in which a name occurs twice is refused, because the issuer and the sidecar could use different values of
    the claim (RFC 8725, 2.4). A lone surrogate (RFC 8259, 8.2), which UTF-8 cannot encode, is also refused, because
    neither the event log nor a message to another peer could contain it.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise InvalidToken(Why.BAD_CLAIM)
        return found

    def no_number(text: str) -> NoReturn:
        raise InvalidToken(Why.BAD_CLAIM)

    try:
        found = json.loads(payload, object_pairs_hook=unique, parse_constant=no_number)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidToken(Why.BAD_CLAIM) from None
    except (ValueError, RecursionError):
        raise InvalidToken(Why.MALFORMED) from None
    if not isinstance(found, dict):
        raise InvalidToken(Why.MALFORMED)
    return found


def _check_times(payload: _Payload, now_s: float) -> None:
    times = [payload.exp, *(each for each in (payload.nbf, payload.iat) if each is not None)]
    if not all(map(math.isfinite, times)) or payload.exp > now_s + MAX_LIFETIME_S:
        raise InvalidToken(Why.BAD_CLAIM)
    if payload.exp + LEEWAY_S <= now_s:
        raise InvalidToken(Why.EXPIRED)
    # A token whose `iat` is later than the revocation of its subject stays valid. So `iat` must not be in the future.
    if max(payload.nbf or 0, payload.iat or 0) > now_s + LEEWAY_S:
        raise InvalidToken(Why.NOT_YET_VALID)


def _claims(payload: _Payload, everything: dict[str, Any]) -> Claims:
    rooms = [payload.room] if isinstance(payload.room, str) else payload.room
    scopes = ORDINARY
    if payload.scope is not None or payload.scopes is not None:
        scopes = frozenset(Scope) & {*(payload.scope or "").split(" "), *(payload.scopes or ())}
    return Claims(
        subject=payload.sub,
        scopes=scopes,
        rooms=None if rooms is None else frozenset(rooms),
        peer=payload.peer,
        expires_at_s=payload.exp,
        token_id=payload.jti,
        issued_at_s=payload.iat,
        all=MappingProxyType(everything),
    )
