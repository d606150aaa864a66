"""The npm package's recipes, each in the project that `npm create vite` makes for its framework."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, expect

from tests.frameworks.projects import Project, Tools, make
from tests.frameworks.tabs import Tab, most_at_once, settled, two_tabs
from tests.kit import readme
from tests.kit.programs import Start
from tests.kit.sites import Site

RELOADS, EDITS = 5, 3
ROOM = "lobby"


@dataclass(frozen=True)
class Recipe:
    template: str
    files: dict[str, str]
    """What it writes where: the fence of this name."""
    edited: str
    """The file that is edited while the tabs are open."""
    checks: tuple[tuple[str, ...], ...]
    """The programs that must be content, beside `vite build`."""
    keeps_connections: bool = False
    """Over an edit; else only its place in the room."""


RECIPES = [
    Recipe(
        "react-ts",
        {"src/useMesh.ts": "src/useMesh.ts", "src/App.tsx": "src/App.tsx"},
        "src/App.tsx",
        (("tsc", "--noEmit", "--strict", "-p", "tsconfig.app.json"), ("oxlint",)),
    ),
    Recipe(
        "vue-ts",
        {"src/useMesh.ts": "src/useMesh.ts, Vue", "src/App.vue": "src/App.vue"},
        "src/App.vue",
        (("vue-tsc", "--noEmit", "--strict", "-p", "tsconfig.app.json"),),
    ),
    Recipe(
        "svelte-ts",
        {"src/App.svelte": "src/App.svelte"},
        "src/App.svelte",
        (("svelte-check", "--tsconfig", "tsconfig.app.json", "--fail-on-warnings"),),
    ),
    Recipe(
        "vanilla-ts",
        {"src/main.ts": "src/main.ts"},
        "src/main.ts",
        (("tsc", "--noEmit", "--strict"),),
        keeps_connections=True,
    ),
]


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.template)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    assert isinstance(request.param, Recipe)
    return request.param


@pytest.fixture(scope="module")
def project(recipe: Recipe, tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Its template, with our plugin added to its config and the recipe's code in it."""
    project = make(recipe.template, tools, tmp_path_factory.mktemp("recipe"))
    if (project.folder / "vite.config.ts").exists():
        project.replace("vite.config.ts", "plugins: [", "plugins: [signaling(), ")
        imports = "import signaling from 'vite-plugin-signaling-sidecar'\n"
        project.write("vite.config.ts", imports + project.read("vite.config.ts"))
    else:
        project.write("vite.config.ts", readme.code("vite.config.js"))
    for path, name in recipe.files.items():
        project.write(path, readme.code(name))
    return project


async def test_two_tabs_are_two_connected_peers_over_reloads_and_edits(
    recipe: Recipe, project: Project, start: Start, browser: Browser
) -> None:
    site = await project.dev(start)
    tabs = await two_tabs(browser, site.url)
    await each_message_arrives_once(site, *tabs)
    for _ in range(RELOADS):
        await asyncio.gather(*(tab.page.reload() for tab in tabs))
        await each_message_arrives_once(site, *tabs)
    opened = count(site, "connection.opened")
    for number in range(EDITS):
        # Code and markup are others, so that what a framework does for either is done.
        again = "`" + "again " * number
        code = project.read(recipe.edited).replace(f"{again}${{", f"{again}again ${{")
        project.write(recipe.edited, code.replace("Say hi", "Say hi again"))
        for tab in tabs:
            await expect(tab.page.get_by_role("button")).to_contain_text(" again" * (number + 1))
        await each_message_arrives_once(site, *tabs)
    assert [tab.complaints for tab in tabs] == [[], []]
    assert most_at_once(site.sidecar, ROOM) == 2
    assert count(site, "peer.left", reason="left") == 0
    if recipe.keeps_connections:
        assert count(site, "connection.opened") == opened


def count(site: Site, kind: str, **data: str) -> int:
    """How many records of this type the event log has, with this in their data."""
    records = [record for record in site.sidecar.records() if record["type"] == kind]
    return len([record for record in records if data.items() <= json.loads(record.get("data") or "{}").items()])


async def each_message_arrives_once(site: Site, *tabs: Tab) -> None:
    """The tabs are two peers, they are connected, and what one says is one line of the other."""
    for tab in tabs:
        await expect(tab.page.locator("ul > li")).to_have_text(["connected"])
    await settled(site.sidecar, ROOM)
    for one, other in (tabs, tabs[::-1]):
        lines = other.page.locator("ol > li")
        before = await lines.count()
        await one.page.get_by_role("button").click()
        await expect(lines).to_have_count(before + 1)


async def test_it_passes_the_type_checker_and_the_build(recipe: Recipe, project: Project, start: Start) -> None:
    for check in recipe.checks:
        await project.passes(start, *check)
    await project.passes(start, "vite", "build")
