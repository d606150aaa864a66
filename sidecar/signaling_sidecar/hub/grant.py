"""The parts of a client's access token that the hub needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Grant(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the access token of a client allows.

    The server has already verified the token, and has checked that it permits the room and the peer id of the command.
    The hub itself checks `subject` and `may_create`, because only the hub knows which rooms exist and to whom the
    sessions belong.
    """

    subject: str | None = None
    """To whom the token was issued. A session that was entered with a subject can be continued only with a token of the
    same subject."""
    may_create: bool = True
    """Whether a join may create its room."""
    peer: str | None = None
    """The only peer id that the client may have, or None if it may have any."""
    claims: Mapping[str, Any]
    """All claims of the token, for the hooks. They are never recorded."""


def subject_of(grant: Grant | None) -> str | None:
    """Return the subject of the token. It is None if no token is required, or if all clients have the same token."""
    return grant.subject if grant is not None else None
