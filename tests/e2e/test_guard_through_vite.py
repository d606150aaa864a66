"""The sidecar accepts and refuses the same clients directly, through the plugin, and through a plain proxy rule.

Vite checks neither Host nor Origin of an upgrade request, so every refusal here comes from the sidecar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from tests.kit.programs import Program, Start
from tests.kit.sites import PLUGIN, sidecar_in, start_sidecar, start_vite, url_in, write_project
from tests.kit.ways import (
    ANSWERS_WITHIN,
    OpenWay,
    Way,
    directly,
    through_a_shorthand,
    through_an_object,
    through_the_plugin,
    upgrade,
)

ALL_WAYS: list[OpenWay] = [directly, through_the_plugin, through_an_object, through_a_shorthand]
HOST_IS_KEPT = ALL_WAYS[:3]

Case = tuple[str, str | None]
"""The headers Host and Origin of a request."""
LET_IN: list[Case] = [
    ("localhost:5173", None),
    ("localhost:5173", "http://localhost:5173"),
    ("localhost:5173", "https://localhost"),
    ("localhost:5173", "http://127.0.0.1:3000"),
    ("localhost:5173", "http://[::1]:3000"),
]
LET_IN_WHEN_THE_HOST_IS_KEPT: list[Case] = [
    ("app.localhost:5173", "http://app.localhost:5173"),
    ("192.168.1.20:5173", "http://192.168.1.20:5173"),
    ("192.168.1.20:5173", "https://192.168.1.20:5173"),
    ("[fd00::20]:5173", "http://[fd00::20]:5173"),
]
REFUSED: list[Case] = [
    ("localhost:5173", "http://evil.example"),
    ("localhost:5173", "http://localhost.evil.example"),
    ("localhost:5173", "http://localhost@evil.example"),
    ("localhost:5173", "null"),
    ("localhost:5173", "file://"),
    ("localhost:5173", "chrome-extension://abcdefgh"),
    ("evil.example", "http://evil.example"),  # DNS rebinding: Host and Origin have the same name
    ("192.168.1.20:5173", "http://192.168.1.20:9999"),
    ("192.168.1.20:5173", "http://192.168.1.21:5173"),
]
REFUSED_WHEN_THE_HOST_IS_KEPT: list[Case] = [
    ("evil.example", None),
    ("evil.example:5173", "http://localhost:5173"),
    ("localhost.:5173", None),
]


ALLOWED = ("--allow-origin", "http://allowed.example", "--allow-host", "dev.example")
FLAG = "start the sidecar with --allow-origin http://app.example"
OPTION = "add 'http://app.example' to the allowedOrigins of signaling() in vite.config.js"


class Opened(NamedTuple):
    """A sidecar that several tests share, and the way in which clients reach it."""

    by: OpenWay
    way: Way


async def ask(way: Way, host: str, origin: str | None) -> int:
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    return await upgrade(f"{way.url}/ws/signaling", headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=ALL_WAYS, ids=lambda way: way.__name__)
async def opened(
    request: pytest.FixtureRequest, start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    open_way: OpenWay = request.param
    way = await open_way(start_once, tmp_path_factory.mktemp("way"), *ALLOWED)
    return Opened(open_way, way)


async def test_own_pages_are_accepted_and_other_origins_are_refused(opened: Opened) -> None:
    let_in, refused = LET_IN, REFUSED
    if opened.by in HOST_IS_KEPT:
        let_in, refused = LET_IN + LET_IN_WHEN_THE_HOST_IS_KEPT, REFUSED + REFUSED_WHEN_THE_HOST_IS_KEPT
    answers = {case: await ask(opened.way, *case) for case in let_in + refused}
    assert answers == dict.fromkeys(let_in, 101) | dict.fromkeys(refused, 403)


async def test_the_terminal_prints_once_how_to_allow_a_page(opened: Opened) -> None:
    way, terminal = opened.way, opened.way.sidecar.program
    for _ in range(3):
        assert await ask(way, "localhost:5173", "http://app.example") == 403
    assert await ask(way, "localhost:5173", "http://last.example") == 403
    await terminal.line("last.example")
    advice = OPTION if opened.by is through_the_plugin else FLAG  # the values in ALLOWED
    assert terminal.count(re.escape(f"Origin 'http://app.example': if it is yours, {advice}")) == 1
    assert terminal.count("app.example") == 1


async def test_an_allowed_origin_is_accepted(opened: Opened) -> None:
    assert await ask(opened.way, "localhost:5173", "http://allowed.example") == 101
    assert await ask(opened.way, "localhost:5173", "http://allowed.example:8080") == 403


@pytest.mark.parametrize("opened", HOST_IS_KEPT, indirect=True)
async def test_an_allowed_name_is_accepted(opened: Opened) -> None:
    assert await ask(opened.way, "dev.example:5173", "http://dev.example:5173") == 101
    assert await ask(opened.way, "dev.example:5173", "http://dev.example:9999") == 403
    assert await ask(opened.way, "other.example:5173", "http://other.example:5173") == 403


def app_that_allows(hosts: object, folder: Path, *origins: str) -> Path:
    options = json.dumps({"allowedOrigins": origins})
    return write_project(
        folder / "app",
        f"import signaling from {json.dumps(str(PLUGIN))}\n"
        f"export default {{ plugins: [signaling({options})], server: {{ allowedHosts: {json.dumps(hosts)} }} }}\n",
    )


async def page_and_socket(vite: Program, hosts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Map each of these Host headers to the status of the response for the page, and of that for its WebSocket."""
    url = (await url_in(vite)).rstrip("/")
    answers = {}
    async with aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session:
        for host in hosts:
            async with session.get(url, headers={"Host": host}) as answer:
                socket = await upgrade(f"{url}/ws/signaling", {"Host": host, "Origin": f"http://{host}"})
                answers[host] = answer.status, socket
    return answers


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("entries", [True, [], None])
async def test_a_host_name_is_accepted_exactly_if_vite_serves_pages_under_it(
    start: Start, tmp_path: Path, entries: object
) -> None:
    if entries is None:  # Vite ignores some of these entries, and the sidecar must ignore them too
        entries = [".ngrok-free.app", "dev.test", "", "y.test.", ".dots.test.", "*", "*.z.test", "xn--mller-kva.test"]
        entries += ["https://x.test", "x.test:8443", "[::1]", "::1", "10.0.0.1", "Upper.Test", "müller.test"]
    project = app_that_allows(entries, tmp_path)
    # Hosting platforms set this variable to their host names.
    vite = await start_vite(start, project, env={"__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS": "platform.test"})
    await sidecar_in(vite)
    names = ["abc.ngrok-free.app", "a.b.ngrok-free.app:443", "ngrok-free.app", "evilngrok-free.app", "dev.test:5173"]
    names += [
        "sub.dev.test",
        "dev.test.",
        "y.test",
        "y.test.:5173",
        "a.dots.test",
        "a.dots.test.",
        "a.z.test",
        "z.test",
    ]
    names += ["x.test", "x.test:8443", "upper.test", "xn--mller-kva.test", "platform.test", "evil.example", "localhost"]
    names += ["localhost.", "app.localhost:5173", "[::1]:5173", "10.0.0.2", "[fe80::1]", "127.0.0.1.evil.example"]
    answers = await page_and_socket(vite, names)
    assert answers["localhost"] == (200, 101)
    assert {name: both for name, both in answers.items() if both not in [(200, 101), (403, 403)]} == {}
    assert (answers["evil.example"] == (200, 101)) is (entries is True)
    assert vite.count(r"\bmust be\b|restarting it") == 0


@pytest.mark.usefixtures("npm_package")
async def test_a_changed_list_is_also_used_by_a_sidecar_that_was_started_manually(start: Start, tmp_path: Path) -> None:
    project = app_that_allows(["old.test"], tmp_path)
    sidecar = await start_sidecar(start, project)
    vite = await start_vite(start, project)
    await vite.line("using the sidecar that is already running")
    names = ["old.test", "new.test"]
    assert await page_and_socket(vite, names) == {"old.test": (200, 101), "new.test": (403, 403)}
    await sidecar.program.line("Host 'new.test': if it is yours, start the sidecar with --allow-host new.test$")
    config = project / "vite.config.js"
    changed = tmp_path / "changed.js"
    changed.write_text(config.read_text().replace("old.test", "new.test"))
    changed.replace(config)  # atomically, because Vite would not read an empty file again
    await vite.line("using the sidecar that is already running", 2)
    assert await page_and_socket(vite, names) == {"old.test": (403, 403), "new.test": (200, 101)}


@pytest.mark.usefixtures("npm_package")
async def test_origins_in_the_plugins_option_are_accepted(start: Start, tmp_path: Path) -> None:
    vite = await start_vite(start, app_that_allows([], tmp_path, "vscode-webview://*", "file://", "not an origin"))
    sidecar = await sidecar_in(vite)
    way = Way((await url_in(vite)).rstrip("/"), sidecar)
    for origin in ("vscode-webview://0k3h7fq9", "file://"):
        assert await ask(way, "localhost:5173", origin) == 101
        assert await upgrade(f"{sidecar.url}/ws/signaling", {"Origin": origin}) == 101
    assert await ask(way, "localhost:5173", "app://other") == 403
    assert vite.count("allowedOrigins: 'not an origin' allows no page") == 1
