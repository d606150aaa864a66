"""Makes read-only copies of the hub from snapshots that the owner sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from signaling_sidecar.hub import Checkpoint, Hub, Restore

KEPT_S = 0.5  # seconds for which a copy is cached; pages that show the rooms send a request twice a second
SMALL = 200  # sessions; a hub with fewer is copied in about a millisecond, so its copy is not cached


def hub_of(state: Checkpoint, empty: Hub) -> Hub:
    """Fill an empty hub with a state. The sessions have the same connections as in the hub of the owner."""
    restore = Restore(empty, lambda _: True)
    restore.start(state, 0.0)
    restore.finish(asyncio.get_running_loop().time())
    return empty


class HubCopies:
    """Makes copies of the hub. Copies of a large hub are cached, because making one blocks the event loops of the owner
    and of this instance. `copy` makes a new copy, and raises RoomsUnavailable."""

    def __init__(self, copy: Callable[[], Awaitable[Hub]]) -> None:
        self._copy = copy
        self._shared: asyncio.Task[Hub] | None = None
        self._is_large = False
        """Whether the last copy was large."""

    async def get(self) -> Hub:
        """Return a copy, which was made from a snapshot of the owner at most `KEPT_S` ago."""
        if not self._is_large:
            return await self._make()
        if self._shared is None:
            self._shared = asyncio.create_task(self._make())
            self._shared.add_done_callback(self._expire)
        return await asyncio.shield(self._shared)

    def forget(self) -> None:
        """Must be called when a request to this instance changes the rooms, so that later requests see the change."""
        self._shared = None

    async def _make(self) -> Hub:
        hub = await self._copy()
        self._is_large = sum(len(room.sessions) for room in hub.membership.rooms) >= SMALL
        return hub

    def _expire(self, made: asyncio.Task[Hub]) -> None:
        if made.cancelled() or made.exception() is not None:
            self._forget_this(made)
        else:
            asyncio.get_running_loop().call_later(KEPT_S, self._forget_this, made)

    def _forget_this(self, made: asyncio.Task[Hub]) -> None:
        if self._shared is made:
            self._shared = None
