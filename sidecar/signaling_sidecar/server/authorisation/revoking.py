"""Revokes tokens for the admin API: they are refused from now on, also after a restart, and their connections end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import msgspec

from signaling_sidecar.auth import Claims, RevocableTokens, Revocations
from signaling_sidecar.errors import NOT_JSON, StateDirUnusable
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.held_state_dir import HeldStateDir

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=8190)]


class Revoke(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of the request. It has either `jti` or `sub`."""

    jti: _Name | None = None
    exp: float | None = None
    """When the token with this `jti` expires, if the caller knows that. It is then not remembered for longer."""
    sub: _Name | None = None

    def __post_init__(self) -> None:
        if (self.jti is None) is (self.sub is None):
            raise ValueError("the object must have either `jti` or `sub`")
        if self.exp is not None and self.jti is None:
            raise ValueError("`exp` belongs to a `jti`")


class Revoking:
    """`begin` must be called before the first request, and `load` before that."""

    def __init__(self, tokens: RevocableTokens, folder: HeldStateDir) -> None:
        self._tokens = tokens
        self._folder = folder
        self._close: Callable[[Callable[[Claims], bool]], int]
        self._record: Callable[[Record], None]

    def load(self) -> None:
        """Read what earlier runs have revoked. Raises StateDirUnusable if it cannot be read: revoked tokens would be
        valid again."""
        content = self._folder.read_revoked()
        try:
            self._tokens.revocations = msgspec.json.decode(content or b"{}", type=Revocations)
        except NOT_JSON as error:
            raise StateDirUnusable(str(self._folder.path), f"the list of revoked tokens is damaged: {error}") from None

    def begin(self, close: Callable[[Callable[[Claims], bool]], int], record: Callable[[Record], None]) -> None:
        """`close` closes the connections of which a token has such claims, and returns their number."""
        self._close, self._record = close, record

    @property
    def is_full(self) -> bool:
        self._tokens.revocations.forget_old(time.time())
        return self._tokens.revocations.is_full

    def revoke(self, asked: Revoke) -> int:
        """Revoke tokens, and return the number of connections that were closed. Raises StateDirUnusable."""
        revocations, now_s = self._tokens.revocations, time.time()
        if asked.jti is not None:
            revocations.revoke_token(asked.jti, asked.exp, now_s)
        if asked.sub is not None:
            revocations.revoke_subject(asked.sub, now_s)
        closed = self._close(revocations.cover)
        self._record(Record("auth.revoked", data=present(subject=asked.sub, connections=closed)))
        self._folder.write_revoked(msgspec.json.encode(revocations))
        return closed
