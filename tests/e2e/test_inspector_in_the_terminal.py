"""Vite prints the URL of the inspector, and the key `s` opens it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.checkout import FRONTEND
from tests.kit.programs import IN_A_TERMINAL, Start
from tests.kit.sites import PLUGIN, sidecar_in, write_project

MODULES = FRONTEND / "node_modules"
OPENS = "console.log('opened ' + process.argv.at(-1))\n"
"""A program that Vite starts instead of a browser. It prints the URL, which is its last argument."""


@pytest.mark.parametrize("vite", ["vite", "vite7"])
@pytest.mark.usefixtures("npm_package")
async def test_s_opens_the_inspector_and_still_does_after_a_restart_of_vite(
    start: Start, tmp_path: Path, vite: str
) -> None:
    config = (
        f"import signaling from {json.dumps(str(PLUGIN))}\nexport default {{ base: '/app/', plugins: [signaling()] }}\n"
    )
    project = write_project(tmp_path / "app", config)
    (tmp_path / "browser.js").write_text(OPENS)
    words = [*IN_A_TERMINAL, "node", MODULES / vite / "bin" / "vite.js", "--port", "0"]
    terminal = await start(words, project, {"BROWSER": str(tmp_path / "browser.js")})
    url = (await terminal.line(r"Inspector: (http://localhost:\d+/app/__signaling/)$"))[1]
    await sidecar_in(terminal)
    terminal.type("h\n")
    await terminal.line(r"press s \+ enter to open the signaling inspector")
    terminal.type("s\n")
    assert (await terminal.line(r"opened (.+)"))[1] == url
    terminal.type("r\n")
    await terminal.line(r"server restarted")
    terminal.type("s\n")
    assert (await terminal.line(r"opened (.+)", 2))[1] == url
    terminal.type("o\n")
    assert (await terminal.line(r"opened (.+)", 3))[1] == url.removesuffix("__signaling/")
    assert terminal.count(r"press s \+ enter") == 1
    terminal.type("q\n")
    await terminal.ended()


@pytest.mark.usefixtures("npm_package")
async def test_a_shortcut_of_the_user_with_the_same_key_is_kept(start: Start, tmp_path: Path) -> None:
    """The shortcut is from another plugin, which adds it in the same way as ours."""
    own = "{ key: 's', description: 'say hello', action: () => console.log('hello from the user') }"
    plugin = (
        "{ name: 'own', configureServer: (server) => { const bind = server.bindCLIShortcuts\n"
        f"server.bindCLIShortcuts = (options) => bind({{ ...options, customShortcuts: [{own}] }}) }} }}"
    )
    config = f"import signaling from {json.dumps(str(PLUGIN))}\nexport default {{ plugins: [signaling(), {plugin}] }}\n"
    project = write_project(tmp_path / "app", config)
    terminal = await start([*IN_A_TERMINAL, "node", MODULES / "vite" / "bin" / "vite.js", "--port", "0"], project)
    await sidecar_in(terminal)
    terminal.type("s\n")
    await terminal.line("hello from the user")
    terminal.type("q\n")
    await terminal.ended()
