"""What the access token of a client says, as far as the hub has to know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Grant(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The server has verified the token, and has checked that it is for the room and the peer id of the command.

    Only the hub knows whether a room exists and to whom a session belongs, so it decides what depends on that.
    """

    subject: str | None = None
    """Who the token was issued to. A session that was entered with a subject can only be continued by that subject."""
    may_create: bool = True
    """Whether a join may create its room."""
    peer: str | None = None
    """The only peer id that the client may have, or None if it may have any."""
    claims: Mapping[str, Any]
    """All that the token says, for the hooks. It is never recorded."""


def subject_of(grant: Grant | None) -> str | None:
    """Return the subject. It is None if no token is required, or if all clients have the same one."""
    return grant.subject if grant is not None else None
