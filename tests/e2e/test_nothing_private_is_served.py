"""Vite serves and watches all files below its root, so the sidecar writes none of its files there."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from tests.kit.programs import Start
from tests.kit.sites import PLUGIN, Sidecar, Site, sidecar_in, start_vite, url_in, write_project

ANSWERS_WITHIN_S = 15.0
MESSAGES = 1_000
SENDERS = 4  # more than one, because a connection may send only 500 frames at once, and then 100 per second
CONFIG = f"""
import signaling from {json.dumps(str(PLUGIN))}
const reporter = {{
  name: 'watch-reporter',
  configureServer: ({{ watcher }}) => void watcher.on('all', (event, path) => console.log('watched', event, path)),
}}
export default {{ plugins: [signaling(), reporter] }}
"""


class Project(NamedTuple):
    folder: Path
    site: Site


async def start_project(start: Start, folder: Path) -> Project:
    project = write_project(folder / "app", CONFIG)
    vite = await start_vite(start, project)
    return Project(project, Site(await url_in(vite), vite, await sidecar_in(vite)))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def project(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return await start_project(start_once, tmp_path_factory.mktemp("served"))


async def get(site: Site, target: str) -> tuple[int, str]:
    """Send a request with this exact path, and return the status and the body.

    A client library would remove `..` from the path.
    """
    address = urlsplit(site.url)
    async with asyncio.timeout(ANSWERS_WITHIN_S):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode(errors="replace")
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


def forms_of(file: Path, root: Path) -> list[str]:
    """Request paths with which an attacker might make Vite serve this file."""
    climb = "/".join([".."] * len(root.parts))
    encoded = "/".join(["%2e%2e"] * len(root.parts))
    slashes = quote(str(file), safe="")
    bases = [
        f"/@fs{file}",
        f"/@fs/{slashes}",
        f"/@fs{root}/{climb}{file}",
        f"/@fs{root}/{encoded}{file}",
        f"/@id/{file}",
        f"/@id/__x00__{file}",
        f"{file}",
        f"//{str(file).lstrip('/')}",
        f"/{climb}{file}",
        f"/{encoded}{file}",
        f"/{'..%2f' * len(root.parts)}{str(file).lstrip('/')}",
        f"/index.html/{climb}{file}",
        f"/ws/signaling/{climb}{file}",
    ]
    queries = ("", "?raw", "?url", "?inline", "?import", "?import&raw", "?raw?", "?import&raw??", "?.svg?.wasm?init")
    return [base + query for base in bases for query in queries]


def shapes_of(file: Path) -> list[str]:
    """The forms of a file's first bytes in a response: plain, in a JavaScript string, or in a data URL."""
    beginning = file.read_bytes()[:57]  # a multiple of 3, so the base64 form does not depend on the next bytes
    text = beginning.decode(errors="replace")  # a file may be binary; `get` decodes a response in the same way
    return [text, json.dumps(text, ensure_ascii=False)[1:-1], b64encode(beginning).decode()]


async def test_no_url_returns_a_file_of_the_state_folder(project: Project) -> None:
    folder, site = project
    private = [path for path in site.sidecar.state_dir.iterdir() if path.is_file() and path.stat().st_size]
    assert {path.name for path in private} >= {"runtime.json"}
    assert len(private) >= 2  # runtime.json, the log, and perhaps others
    for file in private:
        for target in forms_of(file, folder):
            _, body = await get(site, target)
            assert not any(shape in body for shape in shapes_of(file)), target


async def test_the_same_request_paths_return_a_served_file(project: Project) -> None:
    folder, site = project
    file = folder / "open.txt"
    file.write_bytes(b"\xc7\x00\xff open to everybody, so that the test above is known to look in the right places")
    found = []
    for target in forms_of(file, folder):
        _, body = await get(site, target)
        if any(shape in body for shape in shapes_of(file)):
            found.append(target)
    assert {f"/@fs{file}", f"/@fs{file}?raw", f"/@fs{file}?import&raw", f"/@fs{file}?inline"} <= set(found)


async def test_the_env_file_is_still_refused(project: Project) -> None:
    folder, site = project
    for target in ["/.env", "/.env?raw", f"/@fs{folder}/.env", f"/@fs{folder}/.env?import&raw"]:
        status, body = await get(site, target)
        assert status == 403, target
        assert "in-the-env-file" not in body


async def relay(site: Site, messages: int) -> None:
    """Send messages from one peer to another through Vite, and wait until the last one has arrived."""
    url = f"{site.url}ws/signaling"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ann, session.ws_connect(url) as ben:
        room = f"room {id(ann)}"
        for name, socket in (("ann", ann), ("ben", ben)):
            await socket.send_json({"type": "join", "roomId": room, "peerId": name})
            assert (await socket.receive_json())["type"] == "peer_list"
        for number in range(messages):
            await ann.send_json({"type": "signal", "to": "ben", "number": number})
        while (await ben.receive_json()).get("number") != messages - 1:
            pass


def relayed(sidecar: Sidecar) -> int:
    return sum(record["type"] == "signal.relayed" for record in sidecar.records())


async def test_a_thousand_messages_cause_no_event_in_vites_watcher(
    start: Start, npm_package: Path, tmp_path: Path
) -> None:
    folder, site = await start_project(start, tmp_path)  # a request of another test may let Vite watch more files
    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(relay(site, MESSAGES // SENDERS))
    assert relayed(site.sidecar) == MESSAGES
    (folder / "last.txt").write_text("this one is seen")
    await site.vite.line(r"^watched add .*last\.txt$")
    assert [line for line in site.vite.lines if line.startswith("watched ") and "last.txt" not in line] == []
