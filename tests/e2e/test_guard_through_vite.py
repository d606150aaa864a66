"""Who is let in: the same straight to the sidecar, through the plugin, and through a plain proxy entry.

Vite checks neither Host nor Origin on an upgrade, so what is refused here is refused by the sidecar.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from tests.e2e.programs import Program, Start
from tests.e2e.sites import PLUGIN, Sidecar, sidecar_in, start_sidecar, start_vite, url_in, write_project

ANSWERS_WITHIN = aiohttp.ClientTimeout(total=15)  # seconds; an upgrade that no proxy rule takes is never answered


class Way(NamedTuple):
    """A way to the sidecar, and where its hints are printed."""

    url: str
    hints: Program


async def directly(start: Start, folder: Path, *flags: str) -> Way:
    sidecar = await start_sidecar(start, write_project(folder / "app", ""), flags)
    return Way(sidecar.url, sidecar.program)


async def through_the_plugin(start: Start, folder: Path, *flags: str) -> Way:
    options = json.dumps({"sidecar": {"args": flags}})
    config = f"import signaling from {json.dumps(str(PLUGIN))}\nexport default {{ plugins: [signaling({options})] }}"
    vite = await start_vite(start, write_project(folder / "app", config))
    await sidecar_in(vite)
    return Way((await url_in(vite)).rstrip("/"), vite)


async def _through_an_entry(start: Start, folder: Path, flags: tuple[str, ...], entry: Callable[[str], str]) -> Way:
    project = write_project(folder / "app", "")
    sidecar: Sidecar = await start_sidecar(start, project, flags)
    proxy = entry(sidecar.url.removeprefix("http://"))
    (project / "vite.config.js").write_text(f"export default {{ server: {{ proxy: {proxy} }} }}")
    return Way((await url_in(await start_vite(start, project))).rstrip("/"), sidecar.program)


async def through_an_object(start: Start, folder: Path, *flags: str) -> Way:
    def entry(address: str) -> str:
        return f"{{ '^/ws/signaling(?:[/?]|$)': {{ target: 'http://{address}', ws: true, xfwd: true }} }}"

    return await _through_an_entry(start, folder, flags, entry)


async def through_a_shorthand(start: Start, folder: Path, *flags: str) -> Way:
    return await _through_an_entry(start, folder, flags, lambda address: f"{{ '/ws/signaling': 'ws://{address}' }}")


Ways = Callable[..., Awaitable[Way]]
ALL_WAYS: list[Ways] = [directly, through_the_plugin, through_an_object, through_a_shorthand]
HOST_IS_KEPT = ALL_WAYS[:3]

Case = tuple[str, str | None]
"""Host and Origin of a request."""
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
    ("evil.example", "http://evil.example"),  # DNS rebinding: both headers say the same
    ("192.168.1.20:5173", "http://192.168.1.20:9999"),
    ("192.168.1.20:5173", "http://192.168.1.21:5173"),
]
REFUSED_WHEN_THE_HOST_IS_KEPT: list[Case] = [
    ("evil.example", None),
    ("evil.example:5173", "http://localhost:5173"),
    ("localhost.:5173", None),
]


async def upgrade(way: Way, host: str, origin: str | None) -> int:
    """The status with which an upgrade is answered: 101 when it is let in."""
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    try:
        async with (
            aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session,
            session.ws_connect(f"{way.url}/ws/signaling", headers=headers),
        ):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", ALL_WAYS)
async def test_own_pages_are_let_in_and_strangers_refused(start: Start, tmp_path: Path, open_way: Ways) -> None:
    way = await open_way(start, tmp_path)
    let_in, refused = LET_IN, REFUSED
    if open_way in HOST_IS_KEPT:
        let_in, refused = LET_IN + LET_IN_WHEN_THE_HOST_IS_KEPT, REFUSED + REFUSED_WHEN_THE_HOST_IS_KEPT
    answers = {case: await upgrade(way, *case) for case in let_in + refused}
    assert answers == dict.fromkeys(let_in, 101) | dict.fromkeys(refused, 403)


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", ALL_WAYS)
async def test_the_terminal_says_once_what_would_let_a_page_in(start: Start, tmp_path: Path, open_way: Ways) -> None:
    way = await open_way(start, tmp_path)
    for _ in range(3):
        assert await upgrade(way, "localhost:5173", "http://app.example") == 403
    assert await upgrade(way, "localhost:5173", "http://last.example") == 403
    await way.hints.line("last.example")
    hint = r"Origin 'http://app\.example': if it is yours, start the sidecar with --allow-origin http://app\.example"
    assert way.hints.count(hint) == 1
    assert way.hints.count("app.example") == 1


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", ALL_WAYS)
async def test_an_allowed_origin_is_let_in(start: Start, tmp_path: Path, open_way: Ways) -> None:
    way = await open_way(start, tmp_path, "--allow-origin", "http://app.example")
    assert await upgrade(way, "localhost:5173", "http://app.example") == 101
    assert await upgrade(way, "localhost:5173", "http://app.example:8080") == 403


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", HOST_IS_KEPT)
async def test_an_allowed_name_is_let_in(start: Start, tmp_path: Path, open_way: Ways) -> None:
    way = await open_way(start, tmp_path, "--allow-host", "dev.example")
    assert await upgrade(way, "dev.example:5173", "http://dev.example:5173") == 101
    assert await upgrade(way, "dev.example:5173", "http://dev.example:9999") == 403
    assert await upgrade(way, "other.example:5173", "http://other.example:5173") == 403
