"""Two laptops on one network, each with the demo app and its own sidecar, which find each other."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from tests.e2e.lan import Host, Lan
from tests.e2e.programs import Start
from tests.e2e.sites import FRONTEND, Site, network_url_in, start_demo

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTENS_S = "1.5"  # seconds; an answer takes up to 120 ms (RFC 6762 section 6), and one question may be lost


class Laptop(NamedTuple):
    host: Host
    start: Start
    demo: Site
    url: str
    """Of the demo, for the network."""
    env: dict[str, str | None]

    async def says(self, *words: str) -> tuple[int, Any]:
        """The exit code of a command of the sidecar, and the JSON that it prints."""
        program = await self.start(["sidecar", *words, "--json"], FRONTEND / "demo", self.env)
        code = await program.ended(within_s=30)
        await program.stop()
        first = program.lines.index("[")  # before it, on stderr, is whose state was taken
        return code, json.loads("\n".join(program.lines[first:]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptops(
    lan: Lan, start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Laptop, Laptop]:
    ann, ben = [
        await start_laptop(host, start_once, tmp_path_factory.mktemp("home"))
        for host in (lan.laptop, lan.second_laptop)
    ]
    return ann, ben


async def start_laptop(host: Host, start_once: Start, home: Path) -> Laptop:
    start = host.starting(start_once)
    env: dict[str, str | None] = {"XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home), "SIDECAR_ANNOUNCE": "true"}
    demo = await start_demo(start, env, ["--mode", "lan"])
    await demo.vite.line("announced on the LAN")
    return Laptop(host, start, demo, await network_url_in(demo.vite), env)


async def test_the_doctor_finds_nothing_wrong(laptops: tuple[Laptop, Laptop]) -> None:
    for laptop in laptops:
        code, findings = await laptop.says("doctor")
        print(*findings, sep="\n")
        assert [finding for finding in findings if finding["level"] == "wrong"] == []
        assert code == 0


async def test_they_find_each_other_until_one_is_killed(laptops: tuple[Laptop, Laptop]) -> None:
    ann, ben = laptops
    for laptop in laptops:
        code, found = await laptop.says("discover", "--timeout", LISTENS_S)
        print(found)
        assert code == 0
        assert {each["url"]: each["own"] for each in found} == {each.url: each is laptop for each in laptops}
    os.kill(ben.demo.sidecar.pid, signal.SIGKILL)
    await ben.demo.vite.stop()
    _, found = await ann.says("discover", "--timeout", LISTENS_S)
    assert [each["url"] for each in found] == [ann.url]
