"""Random ids and tokens, which the hub takes from outside of itself."""

from __future__ import annotations

import secrets
import uuid


class RandomIds:
    """Ids that nobody can guess, and that do not repeat in another run."""

    def session(self) -> str:
        return secrets.token_hex(8)

    def peer(self) -> str:
        return secrets.token_hex(6)

    def token(self) -> str:
        return secrets.token_urlsafe(32)

    def room(self) -> str:
        return str(uuid.uuid4())
