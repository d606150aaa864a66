"""Each recipe of the npm package works in a project that `npm create vite` creates for its framework."""

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
# `eslint-plugin-react-hooks` recommends these rules. A component that breaks one is not optimized by React Compiler.
RULES_OF_REACT = [f"--deny=react/{rule}" for rule in ("exhaustive-deps", "refs", "set-state-in-effect")]


@dataclass(frozen=True)
class Recipe:
    template: str
    files: dict[str, str]
    """Maps the path of each file in the project to the name of the README's code block with its content."""
    edited: str
    """The file that the test edits while the tabs are open."""
    checks: tuple[tuple[str, ...], ...]
    """The programs that must succeed, in addition to `vite build`."""
    keeps_connections: bool = False
    """Whether the WebSocket survives an edit. Otherwise, only the session does."""


RECIPES = [
    Recipe(
        "react-ts",
        {"src/useMesh.ts": "src/useMesh.ts", "src/App.tsx": "src/App.tsx"},
        "src/App.tsx",
        (("tsc", "--noEmit", "--strict", "-p", "tsconfig.app.json"), ("oxlint", *RULES_OF_REACT)),
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
        # The first example of the README is only type-checked here: test_own_project.py opens and builds it.
        {"src/main.ts": "src/main.ts", "src/first-example.ts": "main.js"},
        "src/main.ts",
        (("tsc", "--noEmit", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"),),
        keeps_connections=True,
    ),
]


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.template)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    assert isinstance(request.param, Recipe)
    return request.param


@pytest.fixture(scope="module")
def project(recipe: Recipe, tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of `npm create vite` with the plugin and the code of the recipe."""
    project = make(recipe.template, tools, tmp_path_factory.mktemp("recipe"))
    if (project.folder / "vite.config.ts").exists():
        project.replace("vite.config.ts", "plugins: [", "plugins: [signaling({ overlay: true }), ")
        imports = "import signaling from 'vite-plugin-signaling-sidecar'\n"
        project.write("vite.config.ts", imports + project.read("vite.config.ts"))
    else:
        project.write(
            "vite.config.ts", readme.code("vite.config.js").replace("signaling()", "signaling({ overlay: true })")
        )
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
        # The edit changes code and markup, so that the framework must update both.
        again = "`" + "again " * number
        code = project.read(recipe.edited).replace(f"{again}${{", f"{again}again ${{")
        project.write(recipe.edited, code.replace("Say hi", "Say hi again"))
        for tab in tabs:
            await expect(tab.page.get_by_role("button")).to_contain_text(" again" * (number + 1))
        await each_message_arrives_once(site, *tabs)
    for tab in tabs:
        await expect(tab.page.locator("signaling-overlay")).to_be_attached()
    assert [tab.complaints for tab in tabs] == [[], []]
    assert most_at_once(site.sidecar, ROOM) == 2
    assert count(site, "peer.left", reason="left") == 0
    if recipe.keeps_connections:
        assert count(site, "connection.opened") == opened


def count(site: Site, kind: str, **data: str) -> int:
    """The number of records of this type in the event log whose data contain this text."""
    records = [record for record in site.sidecar.records() if record["type"] == kind]
    return len([record for record in records if data.items() <= json.loads(record.get("data") or "{}").items()])


async def each_message_arrives_once(site: Site, *tabs: Tab) -> None:
    """Assert that the tabs are two connected peers, and that a chat line of one appears once in the other."""
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
