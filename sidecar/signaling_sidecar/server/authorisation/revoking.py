"""Revokes tokens for the admin API: refuses them from then on, even after a restart, and closes their connections.

The sidecars of a cluster tell each other which tokens were revoked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec

from signaling_sidecar.auth import Claims, RevocableTokens, Revocations
from signaling_sidecar.errors import NOT_JSON, StateDirUnusable
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.records import present
from signaling_sidecar.server.held_state_dir import HeldStateDir

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=8190)]


logger = logging.getLogger("signaling_sidecar")


class NotShared(Exception):
    """The other sidecars of the cluster do not know yet which tokens were revoked."""


class Revoke(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /admin/v1/revoke`. It has either `jti` or `sub`."""

    jti: _Name | None = None
    exp: float | None = None
    """The Unix time at which the token with this `jti` expires, if the caller knows it. After that, the sidecar forgets
    the `jti`."""
    sub: _Name | None = None

    def __post_init__(self) -> None:
        if (self.jti is None) is (self.sub is None):
            raise ValueError("the object must have either `jti` or `sub`")
        if self.exp is not None and self.jti is None:
            raise ValueError("`exp` belongs to a `jti`")

    def revocations(self, now_s: float) -> Revocations:
        revoked = Revocations()
        if self.jti is not None:
            revoked.revoke_token(self.jti, self.exp, now_s)
        if self.sub is not None:
            revoked.revoke_subject(self.sub, now_s)
        return revoked


class Revoking:
    """`load` must be called first, and then `begin`, both before the first request."""

    def __init__(self, tokens: RevocableTokens, folder: HeldStateDir) -> None:
        self.tell_others: Callable[[Revocations], Awaitable[None]] | None = None
        """Sends the revocations to the other sidecars, or raises NotShared. None if there is no cluster."""
        self._tokens = tokens
        self._folder = folder
        self._close: Callable[[Callable[[Claims], bool]], int]
        self._record: Callable[[Record], None]

    def load(self) -> None:
        """Read the list of tokens that earlier runs have revoked. Raises StateDirUnusable if it cannot be read, because
        these tokens would otherwise be valid again."""
        content = self._folder.read_revoked()
        try:
            self._tokens.revocations = msgspec.json.decode(content or b"{}", type=Revocations)
        except NOT_JSON as error:
            raise StateDirUnusable(str(self._folder.path), f"the list of revoked tokens is damaged: {error}") from None

    def begin(self, close: Callable[[Callable[[Claims], bool]], int], record: Callable[[Record], None]) -> None:
        """`close` closes the connections that use a token whose claims match a condition, and returns their number."""
        self._close, self._record = close, record

    @property
    def is_full(self) -> bool:
        self._tokens.revocations.forget_old(time.time())
        return self._tokens.revocations.is_full

    def revoked(self) -> Revocations:
        return self._tokens.revocations

    async def revoke(self, asked: Revoke) -> int:
        """Revoke tokens, and return the number of connections that were closed here. Raises StateDirUnusable, and
        NotShared."""
        new = asked.revocations(time.time())
        self._tokens.revocations.add(new)
        closed = self._close(self._tokens.revocations.cover)
        self._record(Record("auth.revoked", data=present(subject=asked.sub, connections=closed)))
        try:
            if self.tell_others is not None:
                await self.tell_others(new)
        finally:
            self._keep()
        return closed

    def learn(self, revoked: Revocations) -> None:
        """Refuse the tokens that another sidecar of the cluster has revoked."""
        if not self._tokens.revocations.add(revoked):
            return
        self._close(self._tokens.revocations.cover)
        try:
            self._keep()
        except StateDirUnusable as error:
            logger.warning("the revoked tokens are refused, but not saved: %s", error, extra={"code": "state-folder"})

    def _keep(self) -> None:
        """Raises StateDirUnusable."""
        self._folder.write_revoked(msgspec.json.encode(self._tokens.revocations))
