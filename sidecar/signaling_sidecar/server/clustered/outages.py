"""Knows whether Redis can be used. While it cannot be used, no deadline of the rooms is carried out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from signaling_sidecar.cluster.link import RedisAway
from signaling_sidecar.server.owner import Owner

REST_S = 2.0  # seconds without deadlines after an outage of Redis, so that clients can reconnect first

logger = logging.getLogger("signaling_sidecar")


class Outages:
    """Must be created in a running event loop. `owner` returns the owner of the rooms, or None if another instance is
    the owner."""

    def __init__(self, owner: Callable[[], Owner | None]) -> None:
        self.reason: str | None = None
        """The reason why Redis cannot be used. Anybody can read it, so it has no secrets. None while Redis can be
        used."""
        self._details = ""
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._holds_deadlines = False
        """Whether no deadline is carried out, because Redis does not answer at the moment."""
        self._rest: asyncio.TimerHandle | None = None
        """The timer that ends the time without deadlines after the last outage."""

    def begin(self, error: RedisAway) -> None:
        """Must be called whenever Redis cannot be used."""
        self.hold_deadlines()
        reason, details = error.what, str(error)
        if self.reason is None or details != self._details:
            self.reason, self._details = reason, details
            logger.warning("%s (%s): everything waits for it", reason, details, extra={"code": "redis-away"})

    def hold_deadlines(self) -> None:
        """Let no grace period end until `REST_S` after Redis answers again. Meanwhile, clients may have come back to
        other instances, which cannot tell the owner."""
        self._holds_deadlines = True
        if self._rest is not None:
            self._rest.cancel()
        owner = self._owner()
        if owner is not None:
            owner.hold_deadlines()

    def end(self) -> None:
        """Must be called whenever Redis has answered."""
        if self.reason is not None:
            self.reason = None
            logger.info("Redis answers again", extra={"code": "redis-back"})
        owner = self._owner()
        if self._holds_deadlines and owner is not None:
            self._rest = self._loop.call_later(REST_S, self._release_deadlines, owner)
        self._holds_deadlines = False

    def _release_deadlines(self, owner: Owner) -> None:
        if owner is self._owner():
            owner.release_deadlines()
