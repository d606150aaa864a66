"""However Vite ends, its sidecar ends too."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.kit.checkout import FRONTEND
from tests.kit.programs import IN_A_TERMINAL, Start, is_running, until
from tests.kit.sites import NEVER_LOCKED, VITE, Site, sidecar_in


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda s: s.name)
async def test_a_signal_to_vite_alone_ends_the_sidecar(demo: Site, number: signal.Signals) -> None:
    demo.vite.process.send_signal(number)
    await demo.vite.ended()
    await until(lambda: not is_running(demo.sidecar.pid), "the sidecar has ended")


async def test_a_closed_terminal_ends_the_sidecar(start: Start, npm_package: Path) -> None:
    terminal = await start([*IN_A_TERMINAL, "node", VITE, "demo", NEVER_LOCKED, "--port", "0"], FRONTEND)
    sidecar = await sidecar_in(terminal)
    terminal.process.kill()
    await until(lambda: not is_running(sidecar.pid), "the sidecar has ended")
