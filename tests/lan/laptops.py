"""Two laptops on one network, for tests of announcements."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from itertools import dropwhile
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.kit.checkout import ROOT
from tests.kit.lan import Host, new_lan
from tests.kit.programs import ENDS_WITHIN_S, Program, start_program

PYTHON = [sys.executable, "-W", "error"]
LOOKS = 5  # each look takes 1.5 s, because multicast DNS repeats a lost packet only after a second
SIDECAR = [*PYTHON, "-X", "dev", "-m", "signaling_sidecar"]


class Laptop:
    """A laptop on the network. The programs that a test starts on it are killed at the end of the test."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.addresses = (host.ipv4, host.ipv6)
        self.state_dir = folder / "state"
        self._programs: list[Program] = []

    async def start(self, *words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> Program:
        own = {"PYTHONPATH": os.pathsep.join([str(ROOT / "sidecar"), str(ROOT)]), "CI": "true", **(env or {})}
        program = await start_program(self.host.command(words), cwd or self.folder, {**os.environ, **own})
        self._programs.append(program)
        return program

    async def serve(self, *flags: str, port: int = 0) -> Program:
        """Start a sidecar with `--announce`, and wait until it accepts connections."""
        own = ["--announce", "--port", str(port), "--state-dir", str(self.state_dir)]
        program = await self.start(*SIDECAR, "serve", *own, *flags)
        await program.line(r"^\{")
        return program

    async def put_a_page_on_the_network(self, name: str, address: str | None = None) -> str:
        """Start a server for a page, which proxies to this laptop's sidecar, and return the URL of the page."""
        page = await self.start(*PYTHON, "-m", "tests.lan.page", self.state_dir, address or self.addresses[0], name)
        return (await page.line(r"^http\S+$"))[0]

    async def run(self, *words: str | Path) -> str:
        """Run a program that must end with exit code 0, and return its output."""
        program = await self.start(*words)
        assert await program.ended() == 0, program.lines
        await program.stop()
        return "\n".join(program.lines)

    async def discovers(self, *urls: str) -> list[dict[str, Any]]:
        """Run `sidecar discover` until it finds exactly these pages. On a busy machine, one search may be too short."""
        for _ in range(LOOKS):
            found = await self._discover()
            if [each["url"] for each in found] == list(urls):
                return found
        raise AssertionError(f"expected {urls}, but {found} are there")

    async def _discover(self) -> list[dict[str, Any]]:
        said = (await self.run(*SIDECAR, "discover", "--json", "--timeout", "1.5")).splitlines()
        # Before and after the list, asyncio's development mode may print reports on a busy machine, such as those of
        # slow steps.
        found: list[dict[str, Any]]
        found, _ = json.JSONDecoder().raw_decode("".join(dropwhile(lambda line: not line.startswith("["), said)))
        return found

    async def neighbours(self, count: int, within_s: float = 15) -> list[dict[str, Any]]:
        """Request the neighbours from this laptop's sidecar, as its page would, until there are this many."""
        url = json.loads((self.state_dir / "runtime.json").read_text())["url"] + "/ws/signaling/neighbours"
        request = """
import json, sys, time, urllib.request
url, count, until_s = sys.argv[1], int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
while len(found := json.load(urllib.request.urlopen(url))["neighbours"]) != count:
    assert time.monotonic() < until_s, found
    time.sleep(0.05)
print(json.dumps(found))"""
        program = await self.start(*PYTHON, "-c", request, url, str(count), str(within_s))
        assert await program.ended(within_s + ENDS_WITHIN_S) == 0, program.lines
        found: list[dict[str, Any]] = json.loads(program.lines[-1])
        return found

    async def stop(self) -> None:
        for program in reversed(self._programs):
            await program.stop()


@pytest_asyncio.fixture
async def laptops(tmp_path: Path) -> AsyncIterator[tuple[Laptop, Laptop]]:
    """The laptops of Ann and Ben. Ann has the addresses 10.77.0.1 and fd77::1, Ben 10.77.0.2 and fd77::2."""
    with new_lan() as lan:
        both = []
        for host, name in ((lan.laptop, "ann"), (lan.second_laptop, "ben")):
            (tmp_path / name).mkdir()
            both.append(Laptop(host, tmp_path / name))
        try:
            yield both[0], both[1]
        finally:
            for laptop in both:
                await laptop.stop()
