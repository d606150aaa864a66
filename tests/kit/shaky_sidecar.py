"""The command `sidecar` with an unreliable connection to Redis: python -m tests.kit.shaky_sidecar 0.05 serve …

The first argument is the probability with which a command, or an answer of Redis, is lost. Answers to reads of the
streams are delayed.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Mapping
from typing import Any

from signaling_sidecar.cluster.link import Entry, Link, RedisAway

LATE_S = 0.1


class ShakyLink(Link):
    chance = 0.0
    random = random.Random(os.getpid())
    has_joined = False
    """Whether the sidecar has joined the cluster. Nothing is lost before, because a failed join would end it."""

    async def run(self, script: str, *arguments: str | bytes | int) -> list[Any]:
        self._perhaps_lose("a command")
        result = await super().run(script, *arguments)
        self._perhaps_lose("an answer")
        self.has_joined = True
        return result

    async def fetch(self, stream: str, after: str) -> list[Entry]:
        self._perhaps_lose("a command")
        return await super().fetch(stream, after)

    async def read(self, places: Mapping[str, str], block_ms: int | None) -> dict[str, list[Entry]]:
        found = await super().read(places, block_ms)
        await asyncio.sleep(LATE_S * self.random.random())
        return found

    def _perhaps_lose(self, what: str) -> None:
        if self.has_joined and self.random.random() < self.chance:
            raise RedisAway(f"{what} was lost")


if __name__ == "__main__":
    ShakyLink.chance = float(sys.argv.pop(1))
    from signaling_sidecar.server.clustered import shared_hub

    shared_hub.Link = ShakyLink  # type: ignore[misc]
    from signaling_sidecar.cli import main

    sys.exit(main(sys.argv[1:]))
