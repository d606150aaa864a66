"""Creates the verifier of access tokens that the settings describe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Protocol

from signaling_sidecar.auth.claims import Claims
from signaling_sidecar.auth.key_file import KeyFile
from signaling_sidecar.auth.shared_secret import SharedSecret, parse_shared_secret
from signaling_sidecar.errors import MissingExtra
from signaling_sidecar.settings import Settings


class Verifier(Protocol):
    """Decides whether a token is valid. It stores nothing except for the keys."""

    def verify(self, token: str, now_s: float) -> Claims:
        """`now_s` is in Unix seconds. Raises InvalidToken, and no other exception, whatever the token contains."""
        ...


def verifier(settings: Settings) -> Verifier | None:
    """Create the verifier, or return None if the settings require no token. Raises SettingsError and MissingExtra.

    The settings must come from `Sources.load`, which checks that no setting for the verifier is missing.
    """
    match settings.auth:
        case "token":
            return SharedSecret(_shared_secret(settings))
        case "jwt":
            return _jwt_verifier(settings)
        case _:
            return None


def _shared_secret(settings: Settings) -> Callable[[], str]:
    if settings.auth_token_file is not None:
        return KeyFile("auth_token_file", settings.auth_token_file, parse_shared_secret, is_secret=True).key
    secret = settings.auth_token
    assert secret is not None
    return lambda: secret


def _jwt_verifier(settings: Settings) -> Verifier:
    if find_spec("jwt") is None or find_spec("cryptography") is None:
        raise MissingExtra("--auth jwt", "auth")
    # These modules are imported here because they need the packages of the extra `auth`, and because a sidecar without
    # JWTs starts faster if it does not import them.
    from signaling_sidecar.auth.jwt_verifier import JwtVerifier
    from signaling_sidecar.auth.keys import Keys, parse_public_keys, parse_secret

    algorithm, audience = settings.jwt_algorithm, settings.jwt_audience
    assert algorithm is not None
    assert audience is not None
    keys: Callable[[], Keys]
    if settings.jwt_key_file is not None:
        parse = parse_secret if algorithm == "HS256" else partial(parse_public_keys, algorithm)
        keys = KeyFile("jwt_key_file", settings.jwt_key_file, parse, is_secret=algorithm == "HS256").key
    else:
        assert settings.jwt_secret is not None
        only = parse_secret(settings.jwt_secret.encode())
        keys = lambda: only  # noqa: E731
    return JwtVerifier(algorithm, keys, audience, settings.jwt_issuer)
