"""Simulates a local network on this machine: hosts that are connected to one switch.

The network consists of network namespaces, which need Linux and root.

1. The switch is also in a separate namespace. So the network of this machine does not change, and deleting the
   namespaces removes everything.
2. The names of namespaces contain the id of the process that created them. So simultaneous runs do not interfere, and
   the next run can remove the namespaces and programs that a killed run has left behind.
3. There is a default route to a router's address, but no internet behind it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit.programs import Program, Start, is_running

PREFIX = "signaling-lan"
ANSWERS_WITHIN_S = 10.0  # seconds for one `ip` command, which takes 10 ms
NETWORKS = {4: ("10.77.0.", 24), 6: ("fd77::", 64)}  # RFC 1918, RFC 4193
ROUTER = 99
NO_DAD = "for each in all default; do echo 0 >/proc/sys/net/ipv6/conf/$each/accept_dad; done"
"""Disables duplicate address detection, during which an IPv6 address cannot be used for a second."""
_numbers = itertools.count(1)


class Host(NamedTuple):
    """A simulated machine on the network."""

    namespace: str
    ipv4: str
    ipv6: str
    switch: str
    port: str
    """The name of the switch's network interface to which this host is connected."""

    def command(self, words: Sequence[str | Path]) -> list[str]:
        """The command line that runs a program on this host. The program keeps its process id and its open files."""
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def program(self, path: Path, folder: Path) -> Path:
        """Create a script in the folder that runs this program on this host, and return its path."""
        script = folder / f"{path.name}-on-{self.namespace}"
        script.write_text(f'#!/bin/sh\nexec {" ".join(self.command([path]))} "$@"\n')
        script.chmod(0o700)
        return script

    def starting(self, start: Start) -> Start:
        """Return a function that starts programs on this host."""

        async def start_here(
            words: Sequence[str | Path], cwd: Path, env: Mapping[str, str | None] | None = None
        ) -> Program:
            return await start(self.command(words), cwd, env or {})

        return start_here

    @contextmanager
    def cable_pulled(self) -> Iterator[None]:
        _ip("-n", self.switch, "link", "set", self.port, "down")
        try:
            yield
        finally:
            _ip("-n", self.switch, "link", "set", self.port, "up")


class Lan(NamedTuple):
    laptop: Host
    second_laptop: Host
    phone: Host


@contextmanager
def new_lan() -> Iterator[Lan]:
    """Create a network, or skip the test if that is not possible. At the end, all programs on its hosts are killed."""
    _remove_what_is_left()
    prefix = f"{PREFIX}-{os.getpid()}-{next(_numbers)}-"
    try:
        yield _new_lan(prefix)
    finally:
        for name in namespaces():
            if name.startswith(prefix):
                _remove(name)


def _new_lan(prefix: str) -> Lan:
    try:
        switch = _new_switch(f"{prefix}switch")
        hosts = [_new_host(f"{prefix}{name}", switch, number) for number, name in enumerate(Lan._fields, start=1)]
    except FileNotFoundError as error:
        pytest.skip(f"no network namespaces can be made here: {error}")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces can be made here: {error.stderr.strip()}")
    return Lan(*hosts)


def _new_switch(name: str) -> str:
    _new_namespace(name)
    # Without snooping, the switch forwards multicast packets to all hosts, as most home routers do.
    _ip("-n", name, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
    _ip("-n", name, "link", "set", "bridge", "up")
    for version in NETWORKS:
        _add_address(name, "bridge", version, ROUTER)
    return name


def _new_host(name: str, switch: str, number: int) -> Host:
    port = f"port{number}"
    _new_namespace(name)
    _ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("-n", switch, "link", "set", port, "master", "bridge", "up")
    _ip("-n", name, "link", "set", "eth0", "up")
    ipv4, ipv6 = (_add_address(name, "eth0", version, number) for version in NETWORKS)
    for prefix, _ in NETWORKS.values():
        _ip("-n", name, "route", "add", "default", "via", f"{prefix}{ROUTER}")
    return Host(name, ipv4, ipv6, switch, port)


def _new_namespace(name: str) -> None:
    _ip("netns", "add", name)
    _ip("netns", "exec", name, "sh", "-c", NO_DAD)
    _ip("-n", name, "link", "set", "lo", "up")


def _add_address(name: str, interface: str, version: int, number: int) -> str:
    prefix, length = NETWORKS[version]
    _ip("-n", name, "address", "add", f"{prefix}{number}/{length}", "dev", interface)
    return f"{prefix}{number}"


def _remove_what_is_left() -> None:
    for name in namespaces():
        made_by = re.match(rf"{PREFIX}-(\d+)-", name)
        if made_by is not None and not is_running(int(made_by[1])):
            with contextlib.suppress(subprocess.CalledProcessError):  # another run may have removed it at the same time
                _remove(name)


def _remove(name: str) -> None:
    for pid in _ip("netns", "pids", name).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _ip("netns", "delete", name)


def namespaces() -> list[str]:
    """The names of all network namespaces on this machine."""
    try:
        return [line.split()[0] for line in _ip("netns", "list").splitlines()]
    except FileNotFoundError:  # without the program `ip` there are no namespaces
        return []


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=ANSWERS_WITHIN_S)
    return done.stdout
