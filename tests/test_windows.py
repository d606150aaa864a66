"""The package works without the parts of Python that Windows does not have.

The tests run on Linux, and hide these parts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.kit.checkout import ROOT
from tests.kit.programs import Program, start_program

PATHS = {"PYTHONPATH": f"{ROOT}:{ROOT / 'sidecar'}"}
IMPORT_ALL = """
from tests.kit.without_posix import NOTEBOOK_LIBRARIES, hide_posix
hide_posix(*NOTEBOOK_LIBRARIES)
import importlib, pathlib, signaling_sidecar
folder = pathlib.Path(signaling_sidecar.__file__).parent
scripts = {"worker", "__main__"}  # they begin to work when they are imported
for path in sorted(folder.rglob("*.py")):
    if path.stem not in scripts:
        importlib.import_module(".".join([folder.name, *path.relative_to(folder).with_suffix("").parts]))
print("all imported")
"""
RUN_TESTS = """
from tests.kit.without_posix import TEST_LIBRARIES, hide_posix
hide_posix(*TEST_LIBRARIES)
import sys, pytest
options = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
sys.exit(pytest.main([*options, *sys.argv[1:]]))
"""
MAIN = """
from tests.kit.without_posix import hide_posix
hide_posix()
import sys
from signaling_sidecar.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Start:
    """Starts Python programs that lack the hidden parts, as on Windows."""

    def __init__(self) -> None:
        self.started: list[Program] = []

    async def __call__(self, code: str, *arguments: str) -> Program:
        program = await start_program([sys.executable, "-c", code, *arguments], ROOT, PATHS)
        self.started.append(program)
        return program


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    start = Start()
    yield start
    for program in start.started:
        await program.stop()


async def test_every_module_can_be_imported(start: Start) -> None:
    program = await start(IMPORT_ALL)
    await program.line("^all imported$")


async def test_the_hub_and_the_dialects_pass_their_tests(start: Start, tmp_path: Path) -> None:
    tests = ["tests/hub/test_join.py", "tests/hub/test_relay.py", "tests/dialects/test_vectors.py"]
    tests.append("tests/dialects/rooms/test_room.py")
    program = await start(RUN_TESTS, "--basetemp", str(tmp_path / "inner"), *tests)
    await program.line(r"^\d+ passed in", within_s=180)


async def test_the_sidecar_serves_and_ends_with_its_stdin(start: Start, tmp_path: Path) -> None:
    serve = [MAIN, "serve", "--port", "0", "--state-dir", str(tmp_path), "--exit-on-stdin-eof"]
    program = await start(*serve)
    ready = json.loads((await program.line(r"^\{.*\}$"))[0])
    async with aiohttp.ClientSession() as session, session.get(f"{ready['url']}/health") as answer:
        assert (await answer.json())["boot"] == ready["boot"]
    another = await start(*serve)
    await another.line("^sidecar: another sidecar is running")
    assert await another.ended() == 3
    assert program.process.stdin is not None
    program.process.stdin.close()
    assert await program.ended() == 0
    assert not (tmp_path / "runtime.json").exists()
