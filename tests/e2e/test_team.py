"""Two developers use the sidecar of their team, which runs on another machine behind a web server with https."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit import readme
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Start, until
from tests.kit.sites import PLUGIN, Sidecar, Site, start_sidecar, start_vite, url_in, write_project
from tests.kit.team_machine import NAME, TeamMachine, team_machine

SECRET = "0123456789abcdef" * 4
MAIN = f"""
import * as Y from 'yjs'
import {{ WebrtcProvider }} from 'y-webrtc'
{readme.code("main.js").replace("vite-plugin-signaling-sidecar/browser", f"/@fs{FRONTEND}/dist/browser/index.mjs")}
const doc = new Y.Doc()
const signaling = [location.origin.replace(/^http/, 'ws') + '/ws/signaling/y-webrtc']
window.app = {{ mesh, notes: doc.getMap('notes') }}
new WebrtcProvider('notes', doc, {{ signaling, peerOpts: {{ config: {{ iceServers: [] }} }} }})
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sidecar(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    project = tmp_path_factory.mktemp("team")
    secret = project / "secret"
    secret.write_text(SECRET)
    flags = ["--auth", "token", "--auth-token-file", str(secret), "--allow-host", NAME]
    return await start_sidecar(start_once, project, flags)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def team(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TeamMachine]:
    async with team_machine(sidecar, tmp_path_factory.mktemp("machine")) as machine:
        yield machine


async def laptop(start: Start, folder: Path, team: TeamMachine, sidecar: Sidecar, token: str) -> Site:
    """Start the dev server of a developer, with the configuration in the README."""
    config = readme.code("vite.config.js, team").replace("vite-plugin-signaling-sidecar", str(PLUGIN))
    # Vite must serve the client, which is outside of the project folder, and must not use the cache of other Vite
    # servers, which share `node_modules`.
    served = "{ ...team, server: { fs: { strict: false } }, cacheDir: '.vite' }"
    project = write_project(folder, f"import team from './team.js'\nexport default {served}\n")
    (project / "team.js").write_text(config.replace(f"https://{NAME}", team.url))
    (project / "node_modules").symlink_to(FRONTEND / "node_modules")
    (project / "index.html").write_text("<!doctype html><body><script type='module' src='/main.js'></script>")
    (project / "main.js").write_text(MAIN)
    vite = await start_vite(start, project, env={**team.env, "SIGNALING_TOKEN": token})
    return Site(await url_in(vite), vite, sidecar)


async def opened(browser: Browser, site: Site) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(site.url)
    return page


@pytest.mark.usefixtures("npm_package")
async def test_the_pages_of_two_developers_meet_in_the_rooms_of_their_team(
    start: Start, browser: Browser, tmp_path: Path, team: TeamMachine, sidecar: Sidecar
) -> None:
    runtime = read_runtime(sidecar.state_dir)
    assert runtime is not None
    tokens = {"ann": SECRET, "ben": runtime.admin_token}
    sites = [await laptop(start, tmp_path / name, team, sidecar, token) for name, token in tokens.items()]
    ann, ben = [await opened(browser, site) for site in sites]
    for page in (ann, ben):
        await page.wait_for_function("document.body.textContent.includes('hi')")
    await ann.evaluate("app.notes.set('greeting', 'hello')")
    await ben.wait_for_function("app.notes.get('greeting') === 'hello'")
    for site, shown in zip(sites, ("needs a token with the scope admin", "lobby"), strict=True):
        inspector = await (await browser.new_context()).new_page()
        await inspector.goto(f"{site.url}__signaling/")
        await inspector.get_by_text(shown).first.wait_for()
    seen = [await ann.content(), *(line for site in sites for line in site.vite.lines)]
    assert not any(token in text for token in tokens.values() for text in seen)


@pytest.mark.usefixtures("npm_package")
async def test_a_developer_with_a_wrong_token_reads_in_the_terminal_what_to_do(
    start: Start, browser: Browser, tmp_path: Path, team: TeamMachine, sidecar: Sidecar
) -> None:
    site = await laptop(start, tmp_path / "ann", team, sidecar, SECRET[::-1])
    page = await opened(browser, site)
    refused = r"the sidecar at https://\S+ has refused a page \(401\): the token is not valid; check .* option `token`"
    await site.vite.line(refused)
    assert await page.evaluate("app.mesh.client.state") == "connecting"

    def tries() -> int:
        return sum(record["type"] == "auth.failed" for record in sidecar.records())

    await until(lambda: tries() >= 2, "the page has tried again")
    assert site.vite.count(refused) == 1
    assert site.vite.count(SECRET[::-1]) == 0
