"""The sidecars of a cluster, each in a process of its own, which tests stop and kill."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import redis

from tests.kit.programs import Program, start_program, until
from tests.kit.redis_server import RedisServer
from tests.kit.sidecar_command import PYTHON_PATH
from tests.kit.sites import Sidecar

LEASE_S = 1.0
SIDECAR = ("-m", "signaling_sidecar")
FAULTS = re.compile(r"Traceback|never awaited|exception was never retrieved|Exception ignored|ResourceWarning")
"""What a sidecar must not print, whatever happens around it."""


class Instance(Sidecar):
    """One sidecar of a cluster."""

    def __init__(self, program: Program, url: str, state_dir: Path, boot: str) -> None:
        super().__init__(url, state_dir, program.pid, program)
        self.boot = boot
        self.lives = True
        """Whether clients may connect to it."""
        self.is_unharmed = True
        """Whether it has received no signal."""

    def __str__(self) -> str:
        return self.url

    def send(self, number: signal.Signals) -> None:
        """Send a signal. All but SIGCONT also end the connecting of new clients."""
        self.lives, self.is_unharmed = number is signal.SIGCONT, False
        os.kill(self.pid, number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.program.ended()


class ClusterProcesses:
    """`program` are the arguments of Python that run the command `sidecar`."""

    def __init__(self, folder: Path, server: RedisServer, program: Sequence[str], flags: Sequence[str]) -> None:
        self.redis = redis.Redis(port=server.port, socket_timeout=5)
        self.instances: list[Instance] = []
        self._folder, self._server, self._program, self._flags = folder, server, program, flags
        self._programs: list[Program] = []
        self._numbers = itertools.count(1)

    @property
    def living(self) -> list[Instance]:
        return [each for each in self.instances if each.lives]

    async def start(self, redis_url: str | None = None) -> Instance:
        """Start another sidecar, which reaches Redis at its own address or at the one that is given."""
        folder = self._folder / f"instance-{next(self._numbers)}"
        command = [sys.executable, *self._program, "serve", "--port", "0", "--state-dir", folder]
        cluster = ["--cluster", redis_url or self._server.url, "--cluster-lease-s", str(LEASE_S)]
        more = ["--project", self._folder, "--max-frames-per-s", "100000", "--exit-on-stdin-eof", *self._flags]
        program = await start_program([*command, *cluster, *more], self._folder, os.environ | PYTHON_PATH)
        self._programs.append(program)
        ready = json.loads((await program.line(r'^\{"name":"signaling-sidecar"')).string)
        instance = Instance(program, ready["url"], folder, ready["boot"])
        self.instances.append(instance)
        return instance

    async def owner(self) -> Instance:
        """Return the living sidecar that has the rooms. Waits until there is one."""
        await until(self._owner, "a sidecar has the rooms")
        owner = self._owner()
        assert owner is not None
        return owner

    async def fronts(self) -> list[Instance]:
        """Return the other living sidecars."""
        owner = await self.owner()
        return [each for each in self.living if each is not owner]

    def _owner(self) -> Instance | None:
        number = self.redis.hget("signaling-sidecar:owner", "instance")
        boot = self.redis.hget("signaling-sidecar:instances", number.decode()) if number else None
        return next((each for each in self.living if boot is not None and each.boot == boot.decode()), None)

    def number(self, instance: Instance) -> int | None:
        """The number of a sidecar in its cluster, or None while it is no member."""
        found = self.redis.hgetall("signaling-sidecar:instances")
        return next((int(number) for number, boot in found.items() if boot.decode() == instance.boot), None)

    async def steady(self) -> None:
        """Wait until every living sidecar may take others for dead: it has been a member for a lease."""
        await self.owner()
        await asyncio.sleep(LEASE_S)

    def complaints(self) -> list[str]:
        """What the sidecars have printed that they must not print."""
        return [
            "\n".join(program.lines[max(0, number - 3) : number + 40])
            for program in self._programs
            for number, line in enumerate(program.lines)
            if FAULTS.search(line)
        ]

    def printed(self) -> str:
        """What the sidecars have printed, for the message of a test that has failed."""
        return "\n\n".join("\n".join(program.lines[-60:]) for program in self._programs)

    async def stop(self) -> None:
        self.redis.close()
        for program in self._programs:
            await program.stop()


@asynccontextmanager
async def cluster_processes(
    folder: Path, server: RedisServer, *flags: str, count: int = 3, program: Sequence[str] = SIDECAR
) -> AsyncIterator[ClusterProcesses]:
    """Sidecars that are killed when the block ends. They must not have printed a traceback."""
    cluster = ClusterProcesses(folder, server, program, flags)
    try:
        await asyncio.gather(*(cluster.start() for _ in range(count)))
        if count:
            await cluster.steady()
        yield cluster
    except BaseException:
        print(cluster.printed())
        raise
    finally:
        await cluster.stop()
    assert cluster.complaints() == []
