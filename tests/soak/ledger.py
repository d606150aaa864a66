"""Record which frames the pages of the soak test must receive, and each violation of these rules:

1. If the sidecar acknowledges a frame, each page that was in the room when the frame was sent must receive it.
2. A page that is about to leave, close or reload first waits for the frames that it must still receive. Later frames
   need not reach it.
3. The numbers of the frames from one page to another page only increase.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from typing import Any

from tests.kit.resuming_client import ResumingClient

RECENT = 1024  # a page recognises a repeated frame among this many frames that it has received
LOST_CODES = {"no-such-peer"}  # refusals that are expected: the receiver has left


class Ledger:
    """The counts and the faults of all pages together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        """A sentence for each event that must not happen, such as a lost frame."""
        self.rooms: dict[str, dict[str, Page]] = {}
        """Maps each room to the pages in it: a dict from the names of the peers to the pages."""
        self.cause = "none"
        """The kind of the latest fault that was caused."""
        self.recoveries_s: dict[str, list[float]] = {}
        """Maps each kind of fault to the seconds that pages took to return to their rooms after a lost connection."""

    def pages(self) -> list[Page]:
        return [page for room in self.rooms.values() for page in room.values()]

    def others(self, page: Page) -> list[Page]:
        """Return the other pages in the room of a page."""
        return [each for each in self.rooms[page.room].values() if each is not page]

    def sees_all(self, page: Page) -> bool:
        """Whether the page shows exactly the other pages in its room. A peer that has left may still be
        shown, marked as away, until its grace period has ended."""
        others = {each.name for each in self.others(page)}
        shown = {name for name, is_away in page.view.items() if not is_away}
        return page.joined.is_set() and shown == others


class Page(ResumingClient):
    """One load of a page, which is in one room until it is closed."""

    def __init__(
        self, ledger: Ledger, name: str, chance: random.Random, room: str, instance: str, token: str | None = None
    ) -> None:
        super().__init__(name, chance, room, instance, token)
        self.ended = False
        """Whether frames that are acknowledged from now on need not reach this page."""
        self.awaited: set[tuple[str, int]] = set()
        """The acknowledged frames that have not arrived: the instance of the sender, and the number of the frame."""
        self._ledger = ledger
        self._owed: dict[int, list[Page]] = {}
        """Maps the number of each frame of this page that is not acknowledged yet to the receivers of the frame."""
        self._early: set[tuple[str, int]] = set()
        """The frames that have arrived before they were acknowledged to their sender."""
        self._last: dict[str, int] = {}
        self._recent: deque[tuple[str, int]] = deque(maxlen=RECENT)
        self._lost: tuple[str, float] | None = None

    def __repr__(self) -> str:
        missing = f", without {sorted(self.awaited)}" if self.awaited else ""
        return f"{self.instance} as {self}{missing}"

    async def send_to(self, receivers: list[Page], *, is_broadcast: bool) -> None:
        self._ledger.counts["sent"] += 1
        self._owed[self._sent + 1] = receivers
        await self.send(None if is_broadcast else receivers[0].name, page=self.instance)

    def on_acknowledged(self, frame: dict[str, Any]) -> None:
        self._ledger.counts["acknowledged"] += 1
        for page in self._owed.pop(frame["n"]):
            page.expect((self.instance, frame["n"]))

    def expect(self, frame: tuple[str, int]) -> None:
        if frame in self._early:
            self._early.discard(frame)
        elif not self.ended:
            self.awaited.add(frame)

    def on_relay(self, frame: dict[str, Any]) -> None:
        sender, number = received = (frame["page"], frame["n"])
        self._ledger.counts["delivered"] += 1
        if number <= self._last.get(sender, 0):
            what = "doubled" if received in self._recent else "reordered"
            self._ledger.faults.append(f"{what}: {number} of {sender} to {self.instance} after {self._last[sender]}")
        self._last[sender] = number
        self._recent.append(received)
        if received in self.awaited:
            self.awaited.discard(received)
        else:
            self._early.add(received)

    def on_lost(self) -> None:
        self._lost = self._lost or (self._ledger.cause, time.monotonic())

    def on_joined(self) -> None:
        if self._lost is not None:
            cause, lost_s = self._lost
            self._ledger.recoveries_s.setdefault(cause, []).append(time.monotonic() - lost_s)
            self._lost = None

    def on_message(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "not_resumed":
            self._ledger.faults.append(f"the session of {self.instance} is lost: {frame['why']}")
        elif frame["type"] == "error" and frame["code"] not in LOST_CODES:
            self._ledger.faults.append(f"{self.instance} was refused: {frame}")
        elif frame["type"] == "peer_left" and frame["peerId"] in self._ledger.rooms[self.room]:
            self._ledger.faults.append(f"{self.instance} was told that {frame['peerId']} has left, but it is there")
