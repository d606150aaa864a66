"""A new project in a separate folder works with the wheel, the npm package and the code of the README."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.kit import readme
from tests.kit.checkout import FRONTEND
from tests.kit.packages import new_environment, run
from tests.kit.programs import Program, Start
from tests.kit.sites import sidecar_in, start_sidecar, url_in
from tests.kit.ways import config_with_entry

MAX_PACKAGES = 15  # the highest number of packages in an installation without extras, which must be small
MAX_BYTES = 35_000_000  # the maximum size of this installation, without the files that pip compiles
PAGE = '<!doctype html><title>own project</title><body><script type="module" src="/main.js"></script></body>'
JOIN = """room => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://${location.host}/ws/signaling`)
  socket.onopen = () => socket.send(JSON.stringify({ type: 'join', roomId: room, peerId: 'me' }))
  socket.onmessage = ({ data }) => resolve(JSON.parse(data))
  socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`))
})"""


@dataclass
class OwnProject:
    """The folder of a user's app, with a `.venv` and a `node_modules` in which our packages are installed."""

    folder: Path
    environment: dict[str, str | None]

    @property
    def bin(self) -> Path:
        return self.folder / ".venv" / "bin"

    @property
    def vite(self) -> list[str | Path]:
        return ["node", self.folder / "node_modules" / "vite" / "bin" / "vite.js"]

    def write(self, config: str) -> None:
        (self.folder / "index.html").write_text(PAGE)
        (self.folder / "main.js").write_text(readme.code("main.js"))
        (self.folder / "vite.config.js").write_text(config)

    async def start_vite(self, start: Start) -> Program:
        return await start([*self.vite, "--port", "0"], self.folder, self.environment)


def lines_of(name: str) -> int:
    return len([line for line in readme.code(name).splitlines() if line])


@pytest.fixture(scope="module")
def own_project(tmp_path_factory: pytest.TempPathFactory, wheel: Path, npm_tarball: Path) -> OwnProject:
    """A project in which the wheel and the npm tarball are installed as they would be published."""
    folder = tmp_path_factory.mktemp("own-project")
    new_environment(folder, wheel)
    (folder / "package.json").write_text('{ "private": true, "type": "module" }')
    vite = json.loads((FRONTEND / "node_modules" / "vite" / "package.json").read_text())["version"]
    quietly = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    run(["npm", "install", "--save-dev", *quietly, f"vite@{vite}", npm_tarball], folder)
    return OwnProject(folder, {"PATH": os.environ["PATH"], "VIRTUAL_ENV": None})


async def two_tabs(browser: Browser, url: str) -> tuple[Page, Page]:
    window = await browser.new_context()
    one, other = await window.new_page(), await window.new_page()
    await one.goto(url)
    await other.goto(url)
    return one, other


async def test_the_first_example_sends_hi_between_two_tabs(
    own_project: OwnProject, start: Start, browser: Browser
) -> None:
    own_project.write(readme.code("vite.config.js"))
    assert lines_of("vite.config.js") <= 3
    assert lines_of("main.js") <= 5
    vite = await own_project.start_vite(start)
    sidecar = await sidecar_in(vite)
    for tab in await two_tabs(browser, await url_in(vite)):
        await expect(tab.locator("body")).to_contain_text("hi")
    assert {record.get("kind") for record in sidecar.records()} >= {"offer", "answer", "candidate"}


async def test_such_a_project_can_be_built(own_project: OwnProject, start: Start) -> None:
    own_project.write(readme.code("vite.config.js"))
    shutil.rmtree(own_project.folder / "dist", ignore_errors=True)
    build = await start([*own_project.vite, "build"], own_project.folder, own_project.environment)
    assert await build.ended(within_s=60) == 0
    [script] = own_project.folder.glob("dist/assets/*.js")
    assert "/ws/signaling" in script.read_text()
    assert build.count("sidecar") == 0  # a build neither starts nor mentions a sidecar


@pytest.mark.parametrize("form", ["object", "shorthand", "Angular"])
async def test_without_our_npm_package_one_proxy_entry_is_enough(
    own_project: OwnProject, start: Start, browser: Browser, form: str
) -> None:
    sidecar = await start_sidecar(start, own_project.folder, words=[own_project.bin / "sidecar"])
    config = config_with_entry(form, sidecar)
    assert "vite-plugin-signaling-sidecar" not in config
    own_project.write(config)
    (own_project.folder / "main.js").write_text("")
    vite = await own_project.start_vite(start)
    page = await browser.new_page()
    await page.goto(await url_in(vite))
    answer = await page.evaluate(JOIN, "bar")
    assert (answer["type"], answer["peers"]) == ("peer_list", [])
    rooms = await page.evaluate("fetch('/ws/signaling/rooms').then(answer => answer.json())")
    assert [(room["roomId"], room["peers"]) for room in rooms["rooms"]] == [("bar", 1)]


def test_the_core_installation_is_small(own_project: OwnProject, measured: list[str]) -> None:
    [site_packages] = own_project.folder.glob(".venv/lib/*/site-packages")
    packages = {package.name for package in distributions(path=[str(site_packages)])}
    assert "signaling-sidecar" in packages
    size_bytes = sum(file.stat().st_size for file in site_packages.rglob("*") if file.is_file())
    measured.append(f"the installed core: {len(packages)} packages, {size_bytes / 1e6:.1f} MB")
    assert len(packages) <= MAX_PACKAGES
    assert size_bytes <= MAX_BYTES


def test_the_command_has_two_names_and_a_module_that_agree(own_project: OwnProject) -> None:
    bin_folder = own_project.bin
    names = (
        [bin_folder / "sidecar"],
        [bin_folder / "signaling-sidecar"],
        [bin_folder / "python", "-m", "signaling_sidecar"],
    )
    said = {run([*name, "--version"], own_project.folder).strip() for name in names}
    assert len(said) == 1
    assert said.pop().startswith("signaling-sidecar 0.")
