"""The claims of a valid token, and the scopes that it can have."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple


class Scope(StrEnum):
    """The permissions that a token can give. A JWT lists its permissions in the claim `scope` or `scopes`."""

    JOIN = "join"
    CREATE = "create"
    ADMIN = "admin"


ORDINARY = frozenset({Scope.JOIN, Scope.CREATE})
"""The scopes of a token that has neither the claim `scope` nor the claim `scopes`."""


class Claims(NamedTuple):
    """The claims of a valid token. All times are Unix seconds, as in the token: no leeway has been added to them."""

    subject: str | None = None
    """To whom the token was issued (`sub`). None for the shared secret, which does not identify anybody."""
    scopes: frozenset[str] = ORDINARY
    rooms: frozenset[str] | None = None
    """The ids of the rooms that the token is for (`room`). None means every room."""
    peer: str | None = None
    """The only peer id with which the token can be used (`peer`). None means any id."""
    expires_at_s: float | None = None
    token_id: str | None = None
    """The id by which this token can be revoked (`jti`)."""
    issued_at_s: float | None = None
    all: Mapping[str, Any] = MappingProxyType({})
    """All claims of the token, including those that the sidecar does not know, as a read-only mapping for the hooks."""
