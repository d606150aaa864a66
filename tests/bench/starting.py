"""Measure the start-up times of the sidecar, of Vite, and of Vite with the plugin."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.contenders import OURS, running
from tests.kit.checkout import FRONTEND
from tests.kit.sites import start_vite, write_project
from tests.kit.starting import starting

RUNS = 10
PLUGIN = "vite-plugin-signaling-sidecar"
CONFIG = "export default {}\n"
CONFIG_WITH_PLUGIN = f"import signaling from '{PLUGIN}'\nexport default {{ plugins: [signaling()] }}\n"


class Starts(NamedTuple):
    """The medians of the start-up times, in ms."""

    sidecar_ms: float
    """The time from the start of `sidecar serve` until it accepts a connection."""
    vite_ms: float
    """The time from the start of Vite until it prints that it is ready."""
    with_plugin_ms: float
    """The time from the start of Vite with the plugin, which also starts a sidecar, until Vite prints that it is
    ready."""


async def measure(folder: Path, runs: int = RUNS) -> Starts:
    """Start the three programs in turns, because a machine is not equally fast all the time."""
    plain = _project(folder / "plain", CONFIG)
    with_plugin = _project(folder / "with-plugin", CONFIG_WITH_PLUGIN)
    rounds = [(_sidecar_ms(), await _vite_ms(plain, folder), await _vite_ms(with_plugin, folder)) for _ in range(runs)]
    return Starts(*map(median, zip(*rounds, strict=True)))


def _project(folder: Path, config: str) -> Path:
    """Create an app in which Vite and the plugin are linked into `node_modules`, as npm would do it."""
    packages = write_project(folder, config) / "node_modules"
    packages.mkdir()
    (packages / "vite").symlink_to(FRONTEND / "node_modules" / "vite")
    (packages / PLUGIN).symlink_to(FRONTEND)
    return folder


def _sidecar_ms() -> float:
    began_s = time.perf_counter()
    with running(OURS):
        return 1000 * (time.perf_counter() - began_s)


async def _vite_ms(project: Path, folder: Path) -> float:
    async with starting(folder / "started") as start:
        began_s = time.perf_counter()
        vite = await start_vite(start, project)
        await vite.line(r"ready in")
        return 1000 * (time.perf_counter() - began_s)
