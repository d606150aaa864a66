"""Writes JSON Web Tokens without a library, because libraries refuse to write the tokens of attackers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = "a secret of the issuer that is long enough"
NOW_S = 1_800_000_000
VALID = {"sub": "ann", "aud": "signaling", "exp": NOW_S + 60}
_SHA256 = hashes.SHA256()


def claims(**changes: Any) -> dict[str, Any]:
    """Valid claims with these changes. A claim that is changed to None is omitted."""
    return {name: value for name, value in {**VALID, **changes}.items() if value is not None}


def hs256(payload: Any = VALID, header: Any = None, secret: str | bytes = SECRET) -> str:
    """A token that is signed with HS256. Its payload and header are JSON values, JSON as text, or bytes."""
    signed = _signed_part(header if header is not None else {"alg": "HS256", "typ": "JWT"}, payload)
    key = secret.encode() if isinstance(secret, str) else secret
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def unsigned(alg: str, payload: Any = VALID) -> str:
    return _signed_part({"alg": alg, "typ": "JWT"}, payload) + "."


def rs256(payload: Any = VALID, header: Any = None) -> str:
    signed = _signed_part(header if header is not None else {"alg": "RS256"}, payload)
    return f"{signed}.{base64url(rsa_key().sign(signed.encode(), padding.PKCS1v15(), _SHA256))}"


def es256(payload: Any = VALID, header: Any = None) -> str:
    signed = _signed_part(header if header is not None else {"alg": "ES256"}, payload)
    r, s = decode_dss_signature(ec_key().sign(signed.encode(), ec.ECDSA(_SHA256)))
    return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_jwk(**more: Any) -> dict[str, Any]:
    numbers = rsa_key().public_key().public_numbers()
    return {"kty": "RSA", "n": base64url(numbers.n.to_bytes(256, "big")), "e": "AQAB", **more}


def ec_jwk(**more: Any) -> dict[str, Any]:
    numbers = ec_key().public_key().public_numbers()
    x, y = (base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, **more}


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _signed_part(header: Any, payload: Any) -> str:
    return ".".join(base64url(_as_bytes(part)) for part in (header, payload))


def _as_bytes(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    return (part if isinstance(part, str) else json.dumps(part)).encode()
