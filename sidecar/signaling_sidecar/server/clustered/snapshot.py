"""A copy of the hub for reading, from the state that the owner has sent."""

from __future__ import annotations

import asyncio

from signaling_sidecar.hub import Checkpoint, Hub, Restore


def hub_of(state: Checkpoint, empty: Hub) -> Hub:
    """Fill an empty hub with a state. Its sessions have the connections that they have at the owner."""
    restore = Restore(empty, lambda _: True)
    restore.start(state, 0.0)
    restore.finish(asyncio.get_running_loop().time())
    return empty
