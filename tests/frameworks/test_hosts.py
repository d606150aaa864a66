"""The plugin also connects two tabs if Vite is a part of a framework's dev server."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.frameworks.hosts import make_host, node
from tests.frameworks.projects import Project, Tools
from tests.frameworks.tabs import settled, two_tabs
from tests.kit.programs import Start, until
from tests.kit.sites import Sidecar, sidecar_in, url_in

TRACED = """\
<script lang="ts">
  import { onMount } from 'svelte'
  onMount(() => new RTCPeerConnection().createDataChannel('of another library').close())
</script>
"""
WITHOUT_TELEMETRY = {"NUXT_TELEMETRY_DISABLED": "1", "STORYBOOK_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True)
class Host:
    name: str
    words: tuple[str, ...]
    """The name and the arguments of the program that is the dev server."""
    page: str = ""
    """The path of the page."""


SVELTEKIT = Host("sveltekit", ("vite", "dev", "--port", "0"))
HOSTS = [
    Host("nuxt", ("nuxt", "dev", "--port", "0")),
    Host(
        "storybook",
        ("storybook", "dev", "--port", "{port}", "--ci", "--no-open"),
        "iframe.html?id=hi--two&viewMode=story",
    ),
    SVELTEKIT,
]
VITEPRESS = Host("vitepress", ("vitepress", "dev", "--port", "0"))


def only_state_dir(folder: Path) -> Path:
    """Find the only state folder, because Storybook breaks the printed lines, from which `sidecar_in` reads it."""
    [runtime] = folder.glob("state-home/*/*/runtime.json")
    return runtime.parent


def traced(sidecar: Sidecar) -> set[str]:
    """The events in the pages' reports about connections."""
    records = sidecar.records()
    return {json.loads(record["data"])["event"] for record in records if record["type"] == "trace.state"}


def command(host: Host, project: Project, tools: Tools) -> list[str | Path]:
    program, *words = host.words
    # Storybook needs a port number. If the port is in use, it takes the next one.
    numbered = [word.format(port=20_000 + os.getpid() % 10_000) for word in words]
    return [node(tools), *project.program(program, *numbered)[1:]]


@pytest.fixture(scope="module")
def sveltekit(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An installed project that two tests share. Each test has a separate page."""
    project = make_host("sveltekit", tools, tmp_path_factory.mktemp("hosts"))
    project.write("src/routes/traced/+page.svelte", TRACED)
    return project


@pytest.fixture
def project(request: pytest.FixtureRequest, host: Host, tools: Tools, tmp_path: Path) -> Project:
    if host is SVELTEKIT:
        shared: Project = request.getfixturevalue("sveltekit")
        return shared
    return make_host(host.name, tools, tmp_path)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
async def test_two_tabs_are_connected_and_again_after_a_reload_and_the_inspector_is_there(
    host: Host, project: Project, tools: Tools, tmp_path: Path, start: Start, browser: Browser
) -> None:
    server = await start(command(host, project, tools), project.folder, WITHOUT_TELEMETRY)
    url = await url_in(server)
    tabs = await two_tabs(browser, url + host.page)
    for tab in tabs:
        await expect(tab.page.locator("output")).to_contain_text("hi")
    await tabs[0].page.reload()
    await expect(tabs[0].page.locator("output")).to_contain_text("hi")
    answer = await tabs[0].page.request.get(f"{url}__signaling/api/rooms")
    assert answer.status == 200, await answer.text()
    assert [room["room"] for room in (await answer.json())["rooms"]] == ["lobby"]
    await settled(Sidecar("", only_state_dir(tmp_path), 0, server), "lobby")


async def test_trace_and_overlay_are_injected_where_the_framework_writes_the_html(
    sveltekit: Project, tools: Tools, start: Start, browser: Browser
) -> None:
    server = await start(command(SVELTEKIT, sveltekit, tools), sveltekit.folder)
    page = await browser.new_page()
    await page.goto(f"{await url_in(server)}traced")
    await expect(page.locator("signaling-overlay")).to_be_attached()
    sidecar = await sidecar_in(server)
    await until(lambda: "opened" in traced(sidecar), "a connection that another library made is in the log")


async def test_a_page_that_hydrates_its_whole_document_does_not_fail_because_of_the_overlay(
    tools: Tools, tmp_path: Path, start: Start, browser: Browser
) -> None:
    project = make_host("whole-document", tools, tmp_path)
    vite = await start(project.program("vite", "--port", "0"), project.folder)
    page, complaints = await browser.new_page(), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    await page.goto(await url_in(vite))
    await expect(page.locator("signaling-overlay")).to_be_attached()
    button = page.locator("button")
    while await button.text_content() == "0":  # the button has no effect before the page is hydrated
        await button.click()
    await expect(page.locator("signaling-overlay")).to_be_attached()
    assert complaints == []


async def test_vite_5_prints_one_sentence_and_continues_without_signaling(
    tools: Tools, tmp_path: Path, start: Start
) -> None:
    project = make_host("vitepress", tools, tmp_path)
    server = await start(command(VITEPRESS, project, tools), project.folder)
    await server.line(r"signaling is off because this Vite is too old.*npm ls vite")
    await server.line(r"Local:\s+http")
    assert server.count("signaling") == 1
