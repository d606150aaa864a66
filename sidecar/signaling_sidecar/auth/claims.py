"""What a valid token says about the one who shows it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple


class Scope(StrEnum):
    """What a token can allow. The claim `scope` of a JWT names some of them."""

    JOIN = "join"
    CREATE = "create"
    ADMIN = "admin"


ORDINARY = frozenset({Scope.JOIN, Scope.CREATE})
"""What a token allows that names no scopes."""


class Claims(NamedTuple):
    """What a valid token says. All times are Unix seconds, as in the token, without any leeway."""

    subject: str | None = None
    """Who the token was issued to (`sub`). The shared secret says nothing about who knows it, so it has None."""
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
    """All claims of the token, including those that the sidecar does not know, for the hooks. It cannot be changed."""
