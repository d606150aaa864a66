"""Check the settings that require or exclude each other."""

from __future__ import annotations

from signaling_sidecar.errors import SettingsError
from signaling_sidecar.settings.definitions import Settings

_OF_TOKEN = ("auth_token", "auth_token_file")
_OF_JWT = ("jwt_algorithm", "jwt_secret", "jwt_key_file", "jwt_audience", "jwt_issuer")


def check_combinations(settings: Settings) -> None:
    """Raise SettingsError if a setting is set without another one that it requires, or together with one that
    it excludes."""
    _check_turn(settings)
    _check_auth(settings)


def _check_turn(settings: Settings) -> None:
    turn = [url for url in settings.ice_servers if url.startswith("turn")]
    if turn and settings.turn_secret is None:
        # RTCPeerConnection throws for a TURN server without a password, so no page could connect to any peer.
        expected = "without TURN servers, or with SIDECAR_TURN_SECRET in the environment"
        raise SettingsError("ice_servers", turn[0], expected, "settings")


def _check_auth(settings: Settings) -> None:
    for kind, names in (("token", _OF_TOKEN), ("jwt", _OF_JWT)):
        given = [name for name in names if getattr(settings, name) is not None]
        if given and settings.auth != kind:
            # An operator who sets a secret, but not `auth`, would wrongly believe that the secret protects the rooms.
            raise SettingsError("auth", settings.auth, f"{kind!r}, because {given[0]} is set", "settings")
    if settings.auth == "token":
        _require_one(settings, *_OF_TOKEN)
    elif settings.auth == "jwt":
        for name in ("jwt_algorithm", "jwt_audience"):
            if getattr(settings, name) is None:
                raise SettingsError(name, None, "set when auth is 'jwt'", "settings")
        if settings.jwt_algorithm == "HS256":
            _require_one(settings, "jwt_secret", "jwt_key_file")
        elif settings.jwt_secret is not None:
            expected = f"left out, because {settings.jwt_algorithm} needs a public key in jwt_key_file"
            raise SettingsError("jwt_secret", "***", expected, "settings")
        elif settings.jwt_key_file is None:
            expected = f"a file with a public key, because jwt_algorithm is {settings.jwt_algorithm!r}"
            raise SettingsError("jwt_key_file", None, expected, "settings")


def _require_one(settings: Settings, variable: str, file: str) -> None:
    """Raise SettingsError unless exactly one of two settings is set: the secret itself, or the path of its file."""
    how_many = sum(getattr(settings, name) is not None for name in (variable, file))
    if how_many == 0:
        expected = f"in the environment as SIDECAR_{variable.upper()}, or in a file that {file} names"
        raise SettingsError(variable, None, expected, "settings")
    if how_many == 2:
        raise SettingsError(file, str(getattr(settings, file)), f"left out, because {variable} is set too", "settings")
