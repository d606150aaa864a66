"""Stores the peer ids that have joined, in dialects whose mailboxes keep frames only for peer ids that have joined
before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from signaling_sidecar.hub.rules import RoomKey

MAX_KNOWN_IDS = 10_000  # ids; limited, because each reload of a page may add one, and each checkpoint lists all


class KnownIds:
    """The `MAX_KNOWN_IDS` peer ids that have joined most recently."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[RoomKey, str], None] = OrderedDict()
        """Room and peer id. The peer id that has joined most recently is the last. A dict would be slower, because the
        first key is often removed."""

    def __iter__(self) -> Iterator[tuple[RoomKey, str]]:
        return iter(self._ids)

    def __contains__(self, room_and_peer: tuple[RoomKey, str]) -> bool:
        return room_and_peer in self._ids

    def add(self, room: RoomKey, peer: str) -> None:
        self._ids.pop((room, peer), None)
        self._ids[room, peer] = None
        if len(self._ids) > MAX_KNOWN_IDS:
            self._ids.popitem(last=False)
