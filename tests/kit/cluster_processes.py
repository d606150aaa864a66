"""Runs the sidecars of a cluster as separate processes, which tests can stop and kill."""

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
"""Matches lines that a sidecar must never print, whatever a test does."""


class Instance(Sidecar):
    """One sidecar of a cluster."""

    def __init__(self, program: Program, url: str, state_dir: Path, boot: str) -> None:
        super().__init__(url, state_dir, program.pid, program)
        self.boot = boot
        self.lives = True
        """Whether tests let clients connect to this sidecar."""
        self.is_unharmed = True
        """Whether no test has sent a signal to this sidecar or broken its connections."""

    def __str__(self) -> str:
        return self.url

    def send(self, number: signal.Signals) -> None:
        """Send a signal. After any signal except SIGCONT, tests let no further clients connect to this sidecar."""
        self.lives, self.is_unharmed = number is signal.SIGCONT, False
        os.kill(self.pid, number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.program.ended()


class ClusterProcesses:
    """The sidecars of a cluster. `program` contains the arguments with which Python runs the command `sidecar`."""

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
        """Start another sidecar. `redis_url` may be the URL of a proxy or of a TLS port. The default is the URL of the
        Redis server itself, without TLS."""
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
        """Return the living sidecar that is the owner. Waits until there is one."""
        await until(self._owner, "a sidecar has the rooms")
        owner = self._owner()
        assert owner is not None
        return owner

    async def fronts(self) -> list[Instance]:
        """Return the living sidecars except for the owner."""
        owner = await self.owner()
        return [each for each in self.living if each is not owner]

    def _owner(self) -> Instance | None:
        number = self.redis.hget("signaling-sidecar:owner", "instance")
        boot = self.redis.hget("signaling-sidecar:instances", number.decode()) if number else None
        return next((each for each in self.living if boot is not None and each.boot == boot.decode()), None)

    def number(self, instance: Instance) -> int | None:
        """The number of this sidecar in the cluster, or None while it is no member."""
        found = self.redis.hgetall("signaling-sidecar:instances")
        return next((int(number) for number, boot in found.items() if boot.decode() == instance.boot), None)

    async def steady(self) -> None:
        """Wait until every sidecar has been a member for one lease. Only then can it declare another sidecar dead."""
        await self.owner()
        await asyncio.sleep(LEASE_S)

    def complaints(self) -> list[str]:
        """Return each line that a sidecar must never print, such as the head of a stack trace, with some lines around
        it."""
        return [
            "\n".join(program.lines[max(0, number - 3) : number + 40])
            for program in self._programs
            for number, line in enumerate(program.lines)
            if FAULTS.search(line)
        ]

    def printed(self) -> str:
        """The last lines that each sidecar has printed, for the output of a failed test."""
        return "\n\n".join("\n".join(program.lines[-60:]) for program in self._programs)

    async def stop(self) -> None:
        self.redis.close()
        for program in self._programs:
            await program.stop()


@asynccontextmanager
async def cluster_processes(
    folder: Path, server: RedisServer, *flags: str, count: int = 3, program: Sequence[str] = SIDECAR
) -> AsyncIterator[ClusterProcesses]:
    """Start a cluster, whose sidecars are killed when the block ends, and assert that none has printed a traceback."""
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
