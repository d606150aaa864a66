"""Two laptops on one network, each with the demo app and a separate sidecar, and a person with a phone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from itertools import dropwhile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, expect

from tests.e2e.demo_page import DemoPage, new_page
from tests.e2e.lan_demo import CLICK_THROUGH, new_phone, start_lan_demo, takes_name, talk, waits
from tests.kit.browsers import launched
from tests.kit.checkout import FRONTEND
from tests.kit.lan import Host, Lan
from tests.kit.programs import Start
from tests.kit.sites import Site, network_url_in

ANSWERS_WITHIN_S = 30.0  # seconds; two slow cores may run the command
LIFETIME_S = 60.0  # seconds; the lifetime of an announcement
LISTENS_S = "1.5"  # seconds; an answer takes up to 120 ms (RFC 6762 section 6), and a packet may be lost


class Laptop(NamedTuple):
    start: Start
    """A function that starts programs on this laptop."""
    env: Mapping[str, str]
    demo: Site
    url: str
    """The URL of the demo for other devices."""

    async def says(self, *words: str) -> tuple[int, Any]:
        """Run a command of `sidecar` on this laptop, and return its exit code and the JSON that it prints."""
        program = await self.start(["sidecar", *words, "--json"], FRONTEND / "demo", self.env)
        code = await program.ended(ANSWERS_WITHIN_S)
        await program.stop()
        # The chosen state folder is printed on stderr.
        said = dropwhile(lambda line: not line.startswith("["), program.lines)
        return code, json.loads("\n".join(said))

    async def discovers(self, *urls: str) -> dict[str, Any]:
        """Wait until `sidecar discover` finds exactly these pages. Return a dict from each URL to its result."""
        found: dict[str, Any] = {}
        async with asyncio.timeout(LIFETIME_S):
            while found.keys() != set(urls):
                code, answer = await self.says("discover", "--timeout", LISTENS_S)
                assert code == 0
                found = {each["url"]: each for each in answer}
        return found


async def start_laptop(host: Host, start: Start, home: Path) -> Laptop:
    demo = await start_lan_demo(host, start, home, {"SIDECAR_ANNOUNCE": "true"})
    await demo.vite.line("announced on the LAN")
    return Laptop(host.starting(start), {"XDG_STATE_HOME": str(home)}, demo, await network_url_in(demo.vite))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def laptops(
    lan: Lan, start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Laptop, Laptop]:
    """The laptops of Ann and Ben, on each of which the demo app runs."""
    ann = await start_laptop(lan.laptop, start_once, tmp_path_factory.mktemp("ann"))
    return ann, await start_laptop(lan.second_laptop, start_once, tmp_path_factory.mktemp("ben"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browsers(
    lan: Lan, playwright: Playwright, browser_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Browser, Browser]]:
    """A browser on Ben's laptop, and one on the phone."""
    folder = tmp_path_factory.mktemp("browsers")
    laptop, phone = (host.program(browser_path, folder) for host in (lan.second_laptop, lan.phone))
    async with launched(playwright, laptop) as on_laptop, launched(playwright, phone) as on_phone:
        yield on_laptop, on_phone


async def test_each_laptop_finds_the_rooms_of_the_other_until_one_is_killed(
    laptops: tuple[Laptop, Laptop], browsers: tuple[Browser, Browser]
) -> None:
    anns, bens = laptops
    ben = await new_page(browsers[0], "Ben", **CLICK_THROUGH)
    await waits(ben, bens.demo.url, "kitchen")
    for laptop in laptops:
        found = await laptop.discovers(anns.url, bens.url)
        assert [url for url, each in found.items() if each["own"]] == [laptop.url]
        assert found[anns.url]["rooms"] == []
        assert found[bens.url]["rooms"] == [{"roomId": "kitchen", "peers": 1}]
    cleo = await new_phone(browsers[1])
    await goes_over(cleo, anns, bens)
    await talk(ben, cleo)
    await finds_nothing_wrong(bens)
    os.kill(bens.demo.sidecar.pid, signal.SIGKILL)
    await bens.demo.vite.stop()
    await anns.discovers(anns.url)
    await finds_nobody_else(cleo, anns)


async def goes_over(person: DemoPage, here: Laptop, there: Laptop) -> None:
    """Let a person open the lobby on the laptop `here`, and tap the room "kitchen", which is on the laptop `there`."""
    await person.page.goto(here.url)
    await person.page.get_by_test_id("others-card").filter(has_text="kitchen").tap()
    await takes_name(person)
    assert person.page.url == f"{there.url}?room=kitchen"


async def finds_nothing_wrong(laptop: Laptop) -> None:
    """Assert that `sidecar doctor` on this laptop finds no error, and that peers are connected."""
    code, findings = await laptop.says("doctor")
    assert [finding for finding in findings if finding["level"] == "wrong"] == []
    assert code == 0
    assert {"mdns-answers", "peers-connected", "same-network"} <= {finding["code"] for finding in findings}


async def finds_nobody_else(person: DemoPage, here: Laptop) -> None:
    async with person.page.expect_response("**/neighbours") as answer:
        await person.page.goto(here.url)
    assert await (await answer.value).json() == {"announced": True, "neighbours": []}
    await expect(person.page.get_by_test_id("lobby")).to_be_visible()
    await expect(person.page.get_by_test_id("others-card")).to_have_count(0)
