"""Two clients in a room: one sends offers, and the other one receives them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from itertools import repeat

from tests.kit.light_client import Client

ACK_AFTER = 16  # the receiver acknowledges each time it has received this many frames, as the browser client does


class Pair:
    """`acknowledge` returns a frame that acknowledges this number of frames. Without it, nothing is acknowledged."""

    def __init__(
        self,
        sender: Client,
        receiver: Client,
        offer: bytes,
        *,
        sender_gets_copies: bool,
        acknowledge: Callable[[int], bytes] | None = None,
    ) -> None:
        self.sender, self.receiver = sender, receiver
        self.sent = 0
        self.latencies_s: list[float] = []
        """For each offer of the last call of `relay`: the time from writing it to the socket until it has arrived."""
        self._offer = offer
        self._clients = (sender, receiver) if sender_gets_copies else (receiver,)
        self._sent_at_s: deque[float] = deque()  # when each offer in flight was sent
        self._acknowledge = acknowledge
        self._before = self._acknowledged = receiver.received
        self._until_s = 0.0
        self._all_arrived = asyncio.Event()
        sender.count_only(lambda count: self._check_end())
        receiver.count_only(self._arrived)

    @property
    def received(self) -> int:
        return self.sender.received + self.receiver.received

    async def relay(self, window: int, until_s: float) -> None:
        """Keep `window` offers in flight until the given time of `perf_counter`, and wait until all have arrived."""
        self.sent, self.latencies_s, self._until_s = 0, [], until_s
        self._expected = [client.received for client in self._clients]
        self._all_arrived.clear()
        self._send(window, time.perf_counter())
        await self._all_arrived.wait()

    def _send(self, count: int, now_s: float) -> None:
        self._sent_at_s.extend(repeat(now_s, count))
        self.sent += count
        self.sender.write(self._offer * count)

    def _arrived(self, count: int) -> None:
        now_s = time.perf_counter()
        if self._acknowledge is not None and self.receiver.received >= self._acknowledged + ACK_AFTER:
            self._acknowledged = self.receiver.received
            self.receiver.write(self._acknowledge(self._acknowledged - self._before))
        self.latencies_s += [now_s - self._sent_at_s.popleft() for _ in range(count)]
        if now_s < self._until_s:
            self._send(count, now_s)
        else:
            self._check_end()

    def _check_end(self) -> None:
        if not self._sent_at_s and all(
            client.received == before + self.sent for client, before in zip(self._clients, self._expected, strict=True)
        ):
            self._all_arrived.set()
