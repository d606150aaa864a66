"""The example tests in the README of the npm package work in a project outside of this checkout."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit import readme
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Program, Start, is_running, until

RUNS_WITHIN_S = 120  # seconds; other browsers may keep two cores busy
PAGE = '<!doctype html><title>own project</title><body><script type="module" src="/main.js"></script></body>'
NEVER_ANSWERS = "RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {})\n"
FAILURE = """\
NotConnectedError: 2 peers were expected in the room 'bar', and 2 are there, but not all are connected after 1000 ms:
Ann and Ben: Ann has not answered the offer of Ben
  → look at the console of the page that should answer: it must handle the `offer` and send an answer
Event log: FILE"""


@pytest.fixture
def app(tmp_path: Path, npm_tarball: Path) -> Path:
    """A project with our npm package as it would be published, and with the test runners of this checkout."""
    folder = tmp_path / "app"
    modules = folder / "node_modules"
    modules.mkdir(parents=True)
    for path in (FRONTEND / "node_modules").iterdir():
        (modules / path.name).symlink_to(path)
    # Python before 3.11.4 has no `filter`, and newer ones warn if it is missing.
    subprocess.run(["tar", "--extract", "--file", npm_tarball, "--directory", tmp_path], check=True)
    (tmp_path / "package").rename(modules / "vite-plugin-signaling-sidecar")
    (folder / "package.json").write_text('{ "private": true, "type": "module" }')
    return folder


def write(app: Path, name: str, code: str) -> None:
    (app / name).parent.mkdir(exist_ok=True)
    (app / name).write_text(code)


def write_playwright(app: Path, browser: Path) -> None:
    """Write the app and the config of the README, with a free port and the browser of our tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write(app, "index.html", PAGE)
    write(app, "main.js", readme.code("main.js, Playwright"))
    write(
        app,
        "vite.config.js",
        "import signaling from 'vite-plugin-signaling-sidecar'\nexport default ({ mode }) => "
        f"({{ server: {{ port: {port}, strictPort: true }}, plugins: [signaling({{ test: mode === 'test' }})] }})\n",
    )
    launch = f"use: {{ launchOptions: {{ executablePath: '{browser}' }}, "
    write(
        app,
        "playwright.config.js",
        readme.code("playwright.config.js").replace("5173", str(port)).replace("use: { ", launch),
    )


async def run_tests(start: Start, app: Path, *words: str) -> tuple[int, Program]:
    """Run a test runner with the variable CI, as most tests of apps run in CI."""
    program = await start([app / "node_modules/.bin" / words[0], *words[1:]], app, {"CI": "1"})
    return await program.ended(within_s=RUNS_WITHIN_S), program


def words_of(program: Program) -> str:
    """Return the printed text without indentation, and with FILE for the path of the event log."""
    text = "\n".join(line.removeprefix("    ") for line in program.lines)
    return re.sub(r"Event log: \S+/signaling-test-\S+\.jsonl", "Event log: FILE", text)


async def test_two_pages_meet_one_reloads_and_the_third_is_refused_with_playwright(
    app: Path, start: Start, browser_path: Path
) -> None:
    write_playwright(app, browser_path)
    write(app, "tests/room.spec.js", readme.code("tests/room.spec.js"))
    code, program = await run_tests(start, app, "playwright", "test", "--repeat-each", "3", "--workers", "2")
    assert code == 0, "\n".join(program.lines)
    assert program.count("3 passed") == 1


async def test_the_failure_of_a_broken_app_says_why_its_pages_are_not_connected(
    app: Path, start: Start, browser_path: Path
) -> None:
    write_playwright(app, browser_path)
    write(app, "main.js", NEVER_ANSWERS + readme.code("main.js, Playwright"))
    test = readme.code("tests/room.spec.js").replace("crypto.randomUUID()", "'bar'").replace("5000", "1000")
    write(app, "tests/room.spec.js", test)
    code, program = await run_tests(start, app, "playwright", "test")
    assert code == 1
    assert FAILURE in words_of(program)
    assert ">  9 |   await room.untilConnected" in words_of(program)


FAILS_IN_VITEST = """\
import { expect, test } from 'vitest'
import { commands } from 'vitest/browser'

test('errors have a name and a message', async () => {
  const error = await commands.untilConnected('bar', { peers: 2, within: 100 }).catch((it) => it)
  expect(error.name).toBe('NotConnectedError')
  expect(error.message).toContain("2 peers were expected in the room 'bar', but nobody is there after 100 ms")
  await expect(commands.untilConnected('bar')).rejects.toThrow('peers must be a whole number, not undefined')
  await expect(commands.kick('bar', 'nobody')).rejects.toMatchObject({ name: 'SidecarRefusedError' })
})
"""


async def test_peers_in_a_browser_of_vitest_are_connected_and_a_client_in_node_joins(
    app: Path, start: Start, browser_path: Path
) -> None:
    launch = f"provider: playwright({{ launchOptions: {{ executablePath: '{browser_path}' }} }})"
    write(app, "vitest.config.js", readme.code("vitest.config.js").replace("provider: playwright()", launch))
    write(app, "mesh.test.js", readme.code("mesh.test.js"))
    write(app, "errors.test.js", FAILS_IN_VITEST)
    code, program = await run_tests(start, app, "vitest", "run")
    assert code == 0, "\n".join(program.lines)
    write(app, "client.test.js", readme.code("client.test.js"))
    node = ["--browser.enabled=false", "client.test.js"]
    code, program = await run_tests(start, app, "vitest", "run", *node)
    assert code == 0, "\n".join(program.lines)


async def test_the_failure_of_a_test_in_node_says_who_is_missing_before_the_test_runner_gives_up(
    app: Path, start: Start
) -> None:
    code_of_the_readme = readme.code("client.test.js")
    # A busy machine may need more than two of Vitest's five seconds to start the sidecar, so this test waits less.
    assert "peers: 1, within: 3000" in code_of_the_readme
    write(app, "client.test.js", code_of_the_readme.replace("peers: 1, within: 3000", "peers: 2, within: 1000"))
    code, program = await run_tests(start, app, "vitest", "run")
    assert code == 1
    assert "NotConnectedError: 2 peers were expected in the room 'bar', but 1 is there after" in words_of(program)


PRIVATE = """\
import { startSidecar } from 'vite-plugin-signaling-sidecar/testing'
const sidecar = await startSidecar()
console.log(`log: ${sidecar.log}`)
if (process.argv[2] === 'waits') process.stdin.resume()
"""


@pytest.mark.parametrize("ending", ["returns", signal.SIGKILL, signal.SIGINT])
async def test_a_sidecar_that_a_test_has_started_ends_with_it_and_is_found_by_no_command(
    app: Path, start: Start, ending: str | int
) -> None:
    write(app, "private.js", PRIVATE)
    program = await start(["node", "private.js", "returns" if ending == "returns" else "waits"], app)
    log = Path((await program.line(r"log: (\S+)"))[1])
    assert app not in log.parents
    if isinstance(ending, int):
        runtime = read_runtime(log.parent)
        assert runtime is not None
        rooms = await start(["sidecar", "rooms"], app)
        assert await rooms.ended() == 2, "no sidecar is running for this project"
        os.kill(program.pid, ending)
        await until(lambda: not is_running(runtime.pid), "the sidecar has ended")
    await program.ended()
    await until(lambda: not (log.parent / "runtime.json").exists(), "the sidecar has ended cleanly")
