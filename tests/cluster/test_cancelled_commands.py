"""A task that waits for Redis can be cancelled at any moment, even when the answer has just arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from signaling_sidecar.cluster import scripts
from signaling_sidecar.cluster.link import Link

STEPS = 30
"""Within fewer steps of the event loop than this number, each command begins to wait for its answer."""

COMMANDS: dict[str, Callable[[Link], Awaitable[object]]] = {
    "run": lambda link: link.run(scripts.REVOKED, "", "", "0"),
    "read": lambda link: link.read({"a stream": "0-0"}, None),
    "fetch": lambda link: link.fetch("a stream", "0-0"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_no_cancellation_is_lost_and_the_next_command_has_its_own_answer(
    link: Link, command: Callable[[Link], Awaitable[object]]
) -> None:
    expected = await command(link)
    for steps in range(STEPS):
        task = asyncio.ensure_future(command(link))
        for _ in range(steps):
            await asyncio.sleep(0)
        is_cancelled = task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or not is_cancelled, f"the task went on after {steps} steps"
        assert await command(link) == expected
