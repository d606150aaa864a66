"""Generates the random ids and tokens for the hub, which has no randomness of its own."""

from __future__ import annotations

import secrets
import uuid


class RandomIds:
    """Generates ids that nobody can guess, and that do not occur in another run."""

    def session(self) -> str:
        return secrets.token_hex(8)

    def peer(self) -> str:
        return secrets.token_hex(6)

    def token(self) -> str:
        return secrets.token_urlsafe(32)

    def room(self) -> str:
        return str(uuid.uuid4())
