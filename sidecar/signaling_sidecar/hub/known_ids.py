"""The peer ids that have joined, in dialects whose mailboxes keep nothing for an id that has never joined."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from signaling_sidecar.hub.rules import RoomKey

MAX_KNOWN_IDS = 10_000  # ids; every reload of a page may bring a new one, and each checkpoint lists them all


class KnownIds:
    """The ids that have joined last, up to `MAX_KNOWN_IDS`. Older ones are forgotten."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[RoomKey, str], None] = OrderedDict()  # a dict would find its first key slowly
        """In the order in which they have joined last."""

    def __iter__(self) -> Iterator[tuple[RoomKey, str]]:
        return iter(self._ids)

    def __contains__(self, room_and_peer: tuple[RoomKey, str]) -> bool:
        return room_and_peer in self._ids

    def add(self, room: RoomKey, peer: str) -> None:
        self._ids.pop((room, peer), None)
        self._ids[room, peer] = None
        if len(self._ids) > MAX_KNOWN_IDS:
            self._ids.popitem(last=False)
