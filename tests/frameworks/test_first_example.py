"""The first example of the README works in a project that `npm create vite` creates for plain TypeScript."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.frameworks.projects import Tools, make
from tests.frameworks.tabs import settled, two_tabs
from tests.kit import readme
from tests.kit.programs import Start


async def test_it_connects_two_tabs_and_passes_the_type_checker_and_the_build(
    tools: Tools, tmp_path: Path, start: Start, browser: Browser
) -> None:
    project = make("vanilla-ts", tools, tmp_path)
    project.write("vite.config.ts", readme.code("vite.config.js"))
    project.write("src/main.ts", readme.code("main.js"))
    site = await project.dev(start)
    for tab in await two_tabs(browser, site.url):
        await expect(tab.page.locator("body")).to_contain_text("hi")
        assert tab.complaints == []
    await settled(site.sidecar, "lobby")
    await project.passes(start, "tsc", "--noEmit", "--strict")
    await project.passes(start, "vite", "build")
