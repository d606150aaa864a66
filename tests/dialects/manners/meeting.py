"""Functions that let peers of any dialect join a room over real WebSockets."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from signaling_sidecar.server.sockets import endpoint
from tests.dialects.manners.manners import Frame, Manners, has
from tests.kit.serving import Peer, Served

ALL_ERRORS = (
    "A dialect that sends errors must send one for each bad frame, also for one without an id, unless its manners have "
    "`errors_need_ids`."
)
ERROR_WITHIN_S = 2.0  # seconds; short, because the sidecar has handled all frames before this time begins
CONFIRMS = "If a frame only confirms that another one was accepted, `is_confirmation` in the manners must say so."


async def enter(
    served: Served, manners: Manners, room: str, name: str, place: int = 0, size: int = 1, **options: Any
) -> Peer:
    """Connect a peer, and send its request to join a room. The caller reads the answer."""
    peer = await greeted(served, manners, room, name, **options)
    if (frame := manners.enter(room, name, place, size)) is not None:
        await peer.send(frame)
    return peer


async def greeted(served: Served, manners: Manners, room: str, name: str, **options: Any) -> Peer:
    """Connect a peer. If the server chooses the peer ids in this dialect, make it choose `name` as the id."""
    with patch.object(endpoint, "new_given_id", lambda: name):
        peer = await served.connect(manners.path(room, name), **options)
        peer.skips = partial(manners.is_confirmation, name)
        if (greeting := manners.greets(room, name)) is not None:
            await hears(peer, greeting)
    return peer


async def meet(served: Served, manners: Manners, room: str, *names: str, **options: Any) -> list[Peer]:
    """Let peers join one room, and read everything that they receive because of the joins."""
    peers: list[Peer] = []
    for place, name in enumerate(names):
        peer = await enter(served, manners, room, name, place, len(names), **options)
        if not manners.waits_for_all:
            await hears(peer, manners.entered(room, name, list(names[:place])))
            for other in peers:
                await hears(other, manners.joined(room, name))
        peers.append(peer)
        await served.settled()
    if manners.waits_for_all:
        for name, peer in zip(names, peers, strict=True):
            await hears(peer, manners.entered(room, name, list(names)))
    return peers


async def hears(peer: Peer, frame: Frame | None) -> None:
    """Assert that the peer's next frame contains all fields of `frame`. If `frame` is None, it must receive nothing."""
    if frame is None:
        return await peer.hears_nothing()
    heard = await peer.receive()
    assert has(heard, frame), f"heard {heard} instead of {frame}. {CONFIRMS}"
    return None


async def hears_an_error(peer: Peer, manners: Manners) -> None:
    """Assert that the peer's next frame reports an error. Do nothing if the dialect has no such frame for a frame
    without a request id."""
    if manners.is_error is None or manners.errors_need_ids:
        return
    await peer.settled()
    try:
        heard = await peer.receive(ERROR_WITHIN_S)
    except TimeoutError:
        pytest.fail(f"the sidecar sent no error. {ALL_ERRORS}")
    says = f"{heard} tells no error, says `is_error` in the manners of the dialect."
    assert manners.is_error(heard), f"{says} {ALL_ERRORS} {CONFIRMS}"
