"""Two laptops with a cable between them: network namespaces of this machine, for tests of what is on a LAN."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.programs import Program, start_program

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-W", "error"]
SIDECAR = [*PYTHON, "-X", "dev", "-m", "signaling_sidecar"]

AT_ONCE = "for each in all default; do echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad; done"
"""IPv6 addresses can be used without the second in which somebody might object."""


class Laptop:
    """One network namespace. What is started in it ends with the test."""

    def __init__(self, name: str, addresses: Sequence[str], folder: Path) -> None:
        self.name, self.addresses, self.folder = name, addresses, folder
        self.state_dir = folder / "state"
        self._programs: list[Program] = []

    async def start(self, *words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> Program:
        own = {"PYTHONPATH": os.pathsep.join([str(ROOT / "sidecar"), str(ROOT)]), "CI": "true", **(env or {})}
        command = ["ip", "netns", "exec", self.name, *words]
        program = await start_program(command, cwd or self.folder, {**os.environ, **own})
        self._programs.append(program)
        return program

    async def serve(self, *flags: str, port: int = 0) -> Program:
        """A sidecar that announces, as soon as it listens."""
        own = ["--announce", "--port", str(port), "--state-dir", str(self.state_dir)]
        program = await self.start(*SIDECAR, "serve", *own, *flags)
        await program.line(r"^\{")
        return program

    async def put_a_page_on_the_network(self, name: str, address: str | None = None) -> str:
        """Its URL. It proxies to the sidecar of this laptop, which has to run."""
        page = await self.start(*PYTHON, "-m", "tests.lan.page", self.state_dir, address or self.addresses[0], name)
        return (await page.line(r"^http\S+$"))[0]

    async def run(self, *words: str | Path) -> str:
        """The output of a program that ends well by itself."""
        program = await self.start(*words)
        assert await program.ended(within_s=30) == 0, program.lines
        await program.stop()
        return "\n".join(program.lines)

    async def discover(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await self.run(*SIDECAR, "discover", "--json", "--timeout", "1.5"))
        return found

    async def neighbours(self) -> dict[str, Any]:
        """What the sidecar of this laptop answers to its pages."""
        url = json.loads((self.state_dir / "runtime.json").read_text())["url"] + "/ws/signaling/neighbours"
        fetch = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
        answer: dict[str, Any] = json.loads(await self.run(*PYTHON, "-c", fetch, url))
        return answer

    async def stop(self) -> None:
        for program in reversed(self._programs):
            await program.stop()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextmanager
def _connected(names: Sequence[str]) -> Iterator[None]:
    """Namespaces of these names, with a cable between the two; skips the test where that cannot be."""
    made: list[str] = []
    try:
        for name in names:
            _ip("netns", "add", name)
            made.append(name)
            _ip("netns", "exec", name, "sh", "-c", AT_ONCE)
        ann, ben = names
        _ip("link", "add", "lan0", "netns", ann, "type", "veth", "peer", "name", "lan0", "netns", ben)
        for number, name in enumerate(names, start=1):
            _ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "lan0")
            _ip("-n", name, "addr", "add", f"fd77::{number}/64", "dev", "lan0")
            for link in ("lo", "lan0"):
                _ip("-n", name, "link", "set", link, "up")
    except (OSError, subprocess.CalledProcessError) as error:
        for name in made:
            _ip("netns", "delete", name)
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        pytest.skip(f"no network namespaces can be made here: {said}")
    try:
        yield
    finally:
        for name in made:
            _ip("netns", "delete", name)


@pytest_asyncio.fixture
async def laptops(tmp_path: Path) -> AsyncIterator[tuple[Laptop, Laptop]]:
    """Ann's and Ben's, with the addresses 10.77.0.1 and fd77::1, 10.77.0.2 and fd77::2."""
    names = [f"lan-{os.getpid()}-{name}" for name in ("ann", "ben")]
    with _connected(names):
        both = []
        for number, name in enumerate(names, start=1):
            (tmp_path / name).mkdir()
            both.append(Laptop(name, [f"10.77.0.{number}", f"fd77::{number}"], tmp_path / name))
        try:
            yield both[0], both[1]
        finally:
            for laptop in both:
                await laptop.stop()
