"""Cause the faults of the soak test: kill or reload the sidecar, and break the network."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence

from tests.kit.fault_proxy import FaultProxy
from tests.kit.killable_sidecar import STARTS_WITHIN_S, KillableSidecar
from tests.kit.programs import until
from tests.soak.ledger import Ledger

NETWORK_FAULT_EVERY_S = 2.0
STALL_S = 0.3


class Faults:
    """Causes faults. The ledger counts each fault, and assumes that a lost connection is due to the latest fault."""

    def __init__(self, ledger: Ledger, sidecar: KillableSidecar, proxies: Sequence[FaultProxy], chance: random.Random):
        self._ledger, self._sidecar, self._proxies, self._chance = ledger, sidecar, proxies, chance

    async def kill(self) -> None:
        """Kill the serving process, its supervisor, or all processes with SIGKILL, and start the sidecar again."""
        self._count("kills")
        worker = self._sidecar.serving_pid
        assert worker is not None

        def kill_some(supervisor: Process) -> None:
            match self._chance.randrange(3):
                case 0:
                    os.kill(worker, signal.SIGKILL)
                case 1:
                    supervisor.kill()
                case 2:
                    os.killpg(supervisor.pid, signal.SIGKILL)

        await self._sidecar.end(kill_some)
        await self._sidecar.start("--reload")

    async def reload(self) -> None:
        """Save the code of the sidecar, and wait until the new code serves."""
        self._count("reloads")
        old = self._sidecar.serving_pid
        self._sidecar.save_the_code()
        await until(lambda: self._sidecar.serving_pid not in (old, None), "the new code serves", STARTS_WITHIN_S)

    async def break_the_network(self, goes_on: Callable[[], bool]) -> None:
        """Break the connections of some peers, again and again."""
        while goes_on():
            await asyncio.sleep(NETWORK_FAULT_EVERY_S * (0.5 + self._chance.random()))
            self._count("network faults")
            proxy = self._chance.choice(self._proxies)
            match self._chance.randrange(3):
                case 0:
                    proxy.reset()
                case 1:
                    proxy.half_close()
                case 2:
                    await proxy.stall(STALL_S)

    def _count(self, what: str) -> None:
        self._ledger.counts[what] += 1
        self._ledger.cause = what


def memory_and_descriptors(pid: int | None) -> tuple[int, int]:
    """Return the resident memory of a process in KiB, and the number of its open files."""
    with open(f"/proc/{pid}/status") as file:
        (line,) = (line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]), len(os.listdir(f"/proc/{pid}/fd"))
