"""The ways in which a page can reach a sidecar: directly, through the Vite plugin, or through a proxy rule as in the
README."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import aiohttp

from tests.kit import readme
from tests.kit.certificate import create_certificate, host_name
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Start
from tests.kit.sites import PLUGIN, Sidecar, sidecar_in, start_sidecar, start_vite, url_in, write_project

BASIC_SSL = FRONTEND / "node_modules" / "@vitejs" / "plugin-basic-ssl" / "dist" / "index.mjs"
ANSWERS_WITHIN = aiohttp.ClientTimeout(total=15)  # seconds; Vite does not answer an upgrade without a proxy rule
DEFAULT_ADDRESS = "127.0.0.1:8765"  # the address in the README, which tests replace


class Way(NamedTuple):
    url: str
    """The base URL for WebSocket clients, without a slash at the end."""
    sidecar: Sidecar


OpenWay = Callable[..., Awaitable[Way]]
"""A function that starts the programs of a way, and returns the `Way`.

Its arguments are a function that starts programs, an empty folder, and flags for the sidecar.
"""


async def directly(start: Start, folder: Path, *flags: str) -> Way:
    sidecar = await start_sidecar(start, write_project(folder / "app", ""), flags)
    return Way(sidecar.url, sidecar)


async def through_the_plugin(start: Start, folder: Path, *flags: str, https: bool = False) -> Way:
    project = write_project(folder / "app", config_with_plugin(*flags))
    if https:
        serve_over_https(project)
    vite = await start_vite(start, project)
    sidecar = await sidecar_in(vite)
    return Way((await url_in(vite)).rstrip("/"), sidecar)


async def through_an_object(start: Start, folder: Path, *flags: str, https: bool = False) -> Way:
    return await _through_an_entry("object", start, folder, flags, https)


async def through_a_shorthand(start: Start, folder: Path, *flags: str) -> Way:
    return await _through_an_entry("shorthand", start, folder, flags, https=False)


async def _through_an_entry(form: str, start: Start, folder: Path, flags: tuple[str, ...], https: bool) -> Way:
    project = write_project(folder / "app", "")
    sidecar = await start_sidecar(start, project, flags)
    (project / "vite.config.js").write_text(config_with_entry(form, sidecar))
    if https:
        serve_over_https(project)
    return Way((await url_in(await start_vite(start, project))).rstrip("/"), sidecar)


def config_with_plugin(*flags: str) -> str:
    options = json.dumps({"sidecar": {"args": flags}})
    return f"import signaling from {json.dumps(str(PLUGIN))}\nexport default {{ plugins: [signaling({options})] }}"


def config_with_entry(form: str, sidecar: Sidecar) -> str:
    """A config with the proxy rule in the README and the port of this sidecar. Angular passes its rules to Vite."""
    if form == "Angular":
        config = f"export default {{ server: {{ proxy: {readme.code('proxy.conf.json')} }} }}"
    else:
        config = readme.code(f"vite.config.js, {form}")
    assert DEFAULT_ADDRESS in config
    return config.replace(DEFAULT_ADDRESS, sidecar.url.removeprefix("http://"))


def serve_over_https(project: Path) -> None:
    """Change the Vite config of this project, so that Vite uses https with a self-signed certificate."""
    # basicSsl uses the certificate in this folder, as it does from the second start in a user's project. Otherwise it
    # would create one, which takes half a second of CPU time.
    (kept := project / "certificates").mkdir()
    create_certificate(kept / "_cert.pem", host_name("localhost"))
    (project / "vite.config.js").rename(project / "http.config.js")
    (project / "vite.config.js").write_text(f"""
import basicSsl from {json.dumps(str(BASIC_SSL))}
import http from './http.config.js'
export default {{ ...http, plugins: [...(http.plugins ?? []), basicSsl({{ certDir: {json.dumps(str(kept))} }})] }}
""")


async def upgrade(url: str, headers: Mapping[str, str] = MappingProxyType({})) -> int:
    """Send an upgrade request, and return the status of the response. It is 101 if the request is accepted."""
    try:
        async with (
            aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session,
            session.ws_connect(url, headers=headers, ssl=False),  # the certificate is self-signed
        ):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status
