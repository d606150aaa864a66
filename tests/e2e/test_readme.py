"""All commands and code blocks in the READMEs work, and none of them is untested."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from signaling_sidecar.dialects import DIALECTS
from tests.kit import readme, tokens
from tests.kit.browser_dumps import INTERNALS
from tests.kit.checkout import ROOT
from tests.kit.programs import Start, until
from tests.kit.sites import start_app, start_sidecar
from tests.kit.ways import upgrade

# Every command of the READMEs is in one of these collections, or in WITH_TOKENS.
ENDS_BY_ITSELF = {
    "sidecar dialects",
    "sidecar discover",
    "sidecar ladder bar",
    "sidecar log",
    "sidecar log clear",
    "sidecar log export shared.jsonl.gz --redact",
    "sidecar rooms",
    "sidecar why",
}
EXITS_WITH_1 = {"sidecar why"}  # because two peers, Ann and Ben, are not connected
RUNS_UNTIL_CTRL_C = {"sidecar tail"}
RUN_ELSEWHERE = {
    "SIDECAR_TURN_SECRET=hush sidecar serve --ice-servers stun:turn.example,turn:turn.example": "test_serve.py",
    "make dev": "test_make_dev.py",
    "npm i -D vite-plugin-signaling-sidecar": "test_own_project.py, from the tarball",
    "pip install 'signaling-sidecar[auth]'": "the setup of this run",
    "pip install 'signaling-sidecar[lan]'": "the setup of this run",
    "pip install 'signaling-sidecar[notebook]' jupyterlab": "the setup of this run",
    "pip install signaling-sidecar": "test_own_project.py, from the wheel",
    "sidecar doctor": "test_doctor.py: what it says, and so its exit code, depends on the machine",
    "sidecar notebook": "tests/cli/test_notebook.py, without opening them",
    "sidecar serve": "test_own_project.py, on a free port",
    "sidecar serve --announce": "test_announce.py, on a free port",
    "sidecar serve --allow-origin http://app.example:3000"
    " --allow-origin chrome-extension://abcdefghijklmnopabcdefghijklmnop": "test_original_paths.py, on a free port",
}


WITH_TOKENS = [command for command in readme.commands() if "team-secret" in command or "--auth " in command]
"""`test_the_commands_for_a_team_start_sidecars_that_need_tokens` runs these commands in this order."""


def test_every_command_in_the_readmes_is_run_by_a_test() -> None:
    assert set(readme.commands()) == ENDS_BY_ITSELF | RUNS_UNTIL_CTRL_C | set(RUN_ELSEWHERE) | set(WITH_TOKENS)


@pytest_asyncio.fixture(loop_scope="session")
async def project(start: Start, tmp_path: Path) -> AsyncIterator[Path]:
    """The folder of a project with a browser dump and a running sidecar.

    Ann and Ben are in a room, and Ben has sent an offer.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(INTERNALS, folder)
    sidecar = await start_sidecar(start, folder)
    url = f"{sidecar.url}/ws/signaling"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ann, session.ws_connect(url) as ben:
        for name, socket in (("ann", ann), ("ben", ben)):
            await socket.send_json({"type": "join", "roomId": "bar", "peerId": name})
            assert (await socket.receive_json())["type"] == "peer_list"
        await ben.send_json({"type": "offer", "to": "ann", "sdp": "v=0"})
        assert (await ann.receive_json())["type"] == "peer_joined"
        assert (await ann.receive_json())["type"] == "offer"
        yield folder


async def test_the_commands_in_the_readmes_work(start: Start, project: Path) -> None:
    for command in sorted(ENDS_BY_ITSELF):
        program = await start(shlex.split(command), project)
        expected = 1 if command in EXITS_WITH_1 else 0
        assert await program.ended() == expected, program.lines
        assert program.lines


async def test_the_live_commands_in_the_readmes_run_until_ctrl_c(start: Start, project: Path) -> None:
    for command in sorted(RUNS_UNTIL_CTRL_C):
        program = await start(shlex.split(command), project)
        await program.line("signal.relayed")
        program.process.send_signal(signal.SIGINT)
        assert await program.ended() == 128 + signal.SIGINT
        assert program.count("Traceback") == 0


async def test_the_commands_for_a_team_start_sidecars_that_need_tokens(start: Start, tmp_path: Path) -> None:
    (tmp_path / "issuer.pem").write_bytes(tokens.pem(tokens.ec_key()))
    *making, by_secret, by_jwt = WITH_TOKENS
    for command in making:
        assert await (await start(["sh", "-c", command], tmp_path)).ended() == 0
    secret = (tmp_path / "team-secret").read_text().strip()
    for_ann = tokens.es256({"sub": "ann", "aud": "signaling", "exp": time.time() + 60})
    for number, (command, token) in enumerate(((by_secret, secret), (by_jwt, for_ann))):
        folder = str(tmp_path / f"state-{number}")
        program = await start([*shlex.split(command), "--port", "0", "--state-dir", folder], tmp_path)
        url = json.loads((await program.line(r"^\{.*\}$"))[0])["url"]
        async with aiohttp.ClientSession() as session:
            for given, status in (("", 401), (token, 200)):
                headers = {"Authorization": f"Bearer {given}"} if given else {}
                async with session.get(f"{url}/ws/signaling/rooms", headers=headers) as answer:
                    assert answer.status == status
        await program.stop()


ROW = re.compile(r"^\| `(?P<dialect>[\w-]+)` \| [^|]+ \| `(?P<line>[^`]+)` \|$", re.MULTILINE)
CLIENTS = re.compile(r"^### Clients you already have$(.*?)^#", re.MULTILINE | re.DOTALL)
LINES = {
    row["dialect"]: row["line"]
    for text in readme.texts()
    for clients in CLIENTS.findall(text)
    for row in ROW.finditer(clients)
}
PAGES = {
    "peerjs": "import { Peer } from 'peerjs'\nconst id = 'ann'\nglobalThis.it = LINE",
    "y-webrtc": "import * as Y from 'yjs'\nimport { WebrtcProvider } from 'y-webrtc'\n"
    "const room = 'notes', doc = new Y.Doc(), ws = location.origin.replace(/^http/, 'ws')\nglobalThis.it = LINE",
}
"""The code of a page that joins a room with the library of a dialect. `LINE` stands for the line in the README."""


def test_there_is_a_line_for_each_dialect() -> None:
    assert list(LINES) == list(DIALECTS), "'Clients you already have' in sidecar/README.md has a row for each, in order"


async def test_the_line_for_each_dialect_opens_its_websocket(start: Start, tmp_path: Path) -> None:
    sidecar = await start_sidecar(start, tmp_path)
    opening = re.compile(r"""(\(ws \+ '|['"]ws://localhost:5173)(?P<path>[^'"]*)['"](?P<id> \+ \w+)?\)""")
    urls = {dialect: opening.search(line) for dialect, line in LINES.items() if dialect not in PAGES}
    opened = {dialect: found for dialect, found in urls.items() if found}
    assert urls.keys() == opened.keys(), "a line whose only argument is not the URL needs code in PAGES"
    for found in opened.values():
        assert await upgrade(sidecar.url + found["path"] + ("some-id" if found["id"] else "")) == 101
    records = [record["dialect"] for record in sidecar.records() if record["type"] == "connection.opened"]
    assert records == list(opened)


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("dialect", PAGES)
async def test_the_line_for_a_library_works_in_a_page(
    start: Start, browser: Browser, tmp_path: Path, dialect: str
) -> None:
    app = await start_app(start, tmp_path, PAGES[dialect].replace("LINE", LINES[dialect]))
    page = await browser.new_page()
    await page.goto(app.url)

    def has_joined() -> bool:
        joined = [record for record in app.sidecar.records() if record["type"] == "peer.joined"]
        return [record["dialect"] for record in joined] == [dialect]

    await until(has_joined, f"the page is a peer of {dialect}")


async def test_the_python_code_in_the_readmes_works(start: Start, project: Path) -> None:
    assert readme.fences("python")
    for code in readme.fences("python"):
        program = await start(
            [sys.executable, "-W", "error", "-c", code], project, {"PYTHONPATH": str(ROOT / "sidecar")}
        )
        assert await program.ended(within_s=60) == 0, program.lines
