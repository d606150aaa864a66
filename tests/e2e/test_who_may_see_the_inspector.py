"""The inspector shows the frames of all peers, so Vite serves it only to browsers on the same machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, Playwright

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit.browsers import launched
from tests.kit.programs import Start
from tests.kit.sites import (
    PLUGIN,
    VITE,
    Sidecar,
    Site,
    network_url_in,
    sidecar_in,
    start_vite,
    url_in,
    write_project,
)

PEER = "the-name-of-a-peer"
ROOMS = "__signaling/api/rooms"
PAGE = "__signaling/"
ANSWERS_WITHIN = aiohttp.ClientTimeout(total=15)  # seconds


def config(**server: Any) -> str:
    return (
        f"import signaling from {json.dumps(str(PLUGIN))}\n"
        f"export default {{ plugins: [signaling()], server: {json.dumps(server)} }}\n"
    )


async def site_of(start: Start, folder: Path, **server: Any) -> Site:
    vite = await start_vite(start, write_project(folder / "app", config(**server)))
    return Site(await url_in(vite), vite, await sidecar_in(vite))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_site(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A Vite server that listens on the network and allows every Host header, as users of tunnels configure it."""
    return await site_of(start_once, tmp_path_factory.mktemp("site"), host=True, allowedHosts=True)


@asynccontextmanager
async def peer_in_a_room(site: Site) -> AsyncIterator[None]:
    async with (
        aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session,
        session.ws_connect(f"{site.url}ws/signaling/mesh") as peer,
    ):
        await peer.send_json({"type": "join", "peerId": PEER})
        assert (await peer.receive_json())["type"] == "peer-list"
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def site(running_site: Site) -> AsyncIterator[Site]:
    async with peer_in_a_room(running_site):
        yield running_site


def admin_token(sidecar: Sidecar) -> str:
    runtime = read_runtime(sidecar.state_dir)
    assert runtime is not None
    return runtime.admin_token


def rooms_of(sidecar: Sidecar) -> list[Any]:
    rooms: list[Any] = ask_admin(sidecar.url, admin_token(sidecar), "GET", "rooms")["rooms"]
    return rooms


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(timeout=ANSWERS_WITHIN) as session,
        session.get(url, headers=headers, ssl=False) as answer,
    ):
        return answer.status, await answer.text()


async def code_of(url: str, **headers: str) -> str:
    """Send a request for data, which must be refused, and return the error code."""
    status, text = await get(url, **headers)
    assert status == 403, text
    assert PEER not in text
    code: str = json.loads(text)["code"]
    return code


async def test_the_person_at_this_machine_sees_it(site: Site) -> None:
    for local in (site.url, site.url.replace("localhost", "127.0.0.1"), site.url.replace("localhost", "[::1]")):
        assert (await get(local + PAGE))[0] == 200
        status, text = await get(local + ROOMS)
        assert status == 200
        assert PEER in text


async def test_somebody_on_the_network_does_not_and_learns_where_it_can_be_opened(site: Site) -> None:
    network = await network_url_in(site.vite)
    assert await code_of(network + ROOMS) == "inspector-not-local"
    # Vite checks the address to which the socket is connected, and not only the Host header.
    assert await code_of(network + ROOMS, Host=urlsplit(site.url).netloc) == "inspector-not-local"
    assert await code_of(site.url + ROOMS, Host=urlsplit(network).netloc) == "inspector-not-local"
    status, text = await get(network + PAGE)
    assert status == 403
    assert f'open <a href="{site.url}{PAGE}">' in text


async def test_it_is_there_on_localhost_and_not_on_the_network_if_the_page_is_for_phones(
    start: Start, npm_package: Path, tmp_path: Path
) -> None:
    source = config().replace("signaling()", "signaling({ lan: true })")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    vite = await start_vite(start, write_project(tmp_path / "app", source), env=env)
    await sidecar_in(vite)
    url = await url_in(vite)
    assert url.startswith("https://localhost:")
    origin = url.rstrip("/")
    assert (await get(url + ROOMS, Origin=origin))[0] == 200
    assert await code_of(url + ROOMS, Origin=origin.replace("https:", "http:")) == "inspector-foreign-page"
    assert await code_of(await network_url_in(vite) + ROOMS) == "inspector-not-local"
    assert await code_of(url + ROOMS, Host="evil.example") == "inspector-not-local"  # with https, Vite checks no Host


@asynccontextmanager
async def tunnel_to(url: str, **headers: str | None) -> AsyncIterator[str]:
    """A program on this machine that forwards requests to this URL, like a tunnel.

    The argument `headers` replaces or removes some headers of the requests.
    """

    async def pass_on(request: web.Request) -> web.Response:
        changed = {**request.headers, **headers}
        sent = {name: value for name, value in changed.items() if value is not None}
        async with aiohttp.ClientSession() as session, session.get(url + request.path[1:], headers=sent) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_get("/{path:.*}", pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_nobody_sees_it_through_a_tunnel(site: Site) -> None:
    as_ngrok = {
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Host": "abc.ngrok-free.app",
        "X-Forwarded-Proto": "https",
    }
    async with tunnel_to(site.url, **as_ngrok) as tunnel:
        assert await code_of(tunnel + ROOMS, Host="abc.ngrok-free.app") == "inspector-not-local"
    async with tunnel_to(site.url, **as_ngrok, Host=urlsplit(site.url).netloc) as tunnel:
        assert await code_of(tunnel + ROOMS, Host="abc.ngrok-free.app") == "inspector-forwarded"
        status, text = await get(tunnel + PAGE)
        assert status == 403
        assert "through a proxy or a tunnel" in text


async def test_another_vite_that_proxies_everything_is_a_tunnel_too(start: Start, site: Site, tmp_path: Path) -> None:
    proxied = json.dumps({"/": {"target": site.url, "changeOrigin": True, "xfwd": True}})
    other = write_project(tmp_path / "other", f"export default {{ server: {{ proxy: {proxied} }} }}\n")
    url = await url_in(await start_vite(start, other))
    assert await code_of(url + ROOMS) == "inspector-forwarded"


EMPTY = "<!doctype html><title>foreign</title><body>"
TRY_EVERYTHING = """async (vite) => {
  const data = vite + '__signaling/api/rooms'
  const page = vite + '__signaling/'
  const got = []
  const attempt = async (how, work) => {
    try { got.push([how, await work()]) } catch (error) { got.push([how, 'ERROR ' + error.name]) }
  }
  const loaded = (element, url) => new Promise((resolve) => {
    element.onload = () => resolve('loaded')
    element.onerror = () => resolve('failed')
    element[element.tagName === 'LINK' ? 'href' : 'src'] = url
    document.body.append(element)
  })
  for (const url of [data, page]) {
    await attempt('fetch', async () => (await fetch(url)).text())
    await attempt('no-cors', async () => (await fetch(url, { mode: 'no-cors' })).text())
    await attempt('credentials', async () => (await fetch(url, { credentials: 'include' })).text())
    await attempt('script', () => loaded(document.createElement('script'), url))
    await attempt('image', () => loaded(new Image(), url))
    await attempt('style', () => loaded(Object.assign(document.createElement('link'), { rel: 'stylesheet' }), url))
    await attempt('frame', async () => {
      const frame = document.createElement('iframe')
      await loaded(frame, url)
      return String(frame.contentWindow.document)
    })
  }
  await attempt('action', async () => (await fetch(vite + ACTION, {
    method: 'POST', body: '{}', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' },
  })).type)
  await attempt('action with JSON', async () => (await fetch(vite + ACTION, {
    method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' },
  })).text())
  await attempt('form', async () => {
    const frame = document.createElement('iframe')
    frame.name = 'target'
    document.body.append(frame)
    const form = document.createElement('form')
    Object.assign(form, { method: 'POST', action: vite + ACTION, target: 'target' })
    document.body.append(form)
    const done = new Promise((resolve) => (frame.onload = resolve))
    form.submit()
    await done
    return String(frame.contentWindow.document)
  })
  return got
}"""


@asynccontextmanager
async def foreign_page(browser: Browser, name: str) -> AsyncIterator[Page]:
    """A page of another origin, with this host name: a server on another port of this machine sends it."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=EMPTY, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    context = await browser.new_context()
    try:
        page = await context.new_page()
        await page.goto(f"http://{name}:{listening.getsockname()[1]}/")
        yield page
    finally:
        await context.close()
        await runner.cleanup()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "app.localhost"])
async def test_no_page_of_another_origin_sees_or_changes_anything(site: Site, browser: Browser, name: str) -> None:
    [room] = rooms_of(site.sidecar)
    action = f"__signaling/api/rooms/{room['dialect']}/{room['room']}/close"
    async with foreign_page(browser, name) as page:
        statuses: list[tuple[str, int]] = []
        page.context.on("response", lambda answer: statuses.append((answer.url, answer.status)))
        script = TRY_EVERYTHING.replace("ACTION", json.dumps(action))
        got = await page.evaluate(script, site.url)
        assert PEER not in json.dumps(got)
        assert admin_token(site.sidecar) not in json.dumps(got)
        assert {status for url, status in statuses if "__signaling" in url} == {403}
        assert not await page.evaluate(
            "performance.getEntriesByType('resource').some((entry) => entry.responseStatus === 200)"
        )
    assert rooms_of(site.sidecar) == [room]


async def test_a_link_on_another_page_opens_it_but_that_page_cannot_read_it(site: Site, browser: Browser) -> None:
    async with foreign_page(browser, "localhost") as page:
        async with page.context.expect_page() as opening:
            await page.evaluate("(url) => { globalThis.opened = open(url) }", site.url + PAGE)
        opened = await opening.value
        await opened.wait_for_load_state()
        assert opened.url == site.url + PAGE
        assert "The inspector cannot be shown" not in await opened.content()
        assert await opened.evaluate("opener") is None
        # For the page that has opened this window, the window seems to be closed.
        await page.wait_for_function("opened.closed")
        answer = await page.goto(site.url + ROOMS)
        assert answer is not None
        assert answer.status == 403


async def test_dns_rebinding_in_a_real_browser(site: Site, playwright: Playwright, browser_path: Path) -> None:
    rebound = site.url.replace("localhost", "evil.example")
    flags = ["--host-resolver-rules=MAP evil.example 127.0.0.1"]
    async with launched(playwright, browser_path, flags) as browser:
        page = await browser.new_page()
        await page.goto(rebound)
        assert await page.title() == "app"  # Vite itself allows every host here
        script = "async (path) => { const got = await fetch('/' + path); return [got.status, await got.text()] }"
        status, text = await page.evaluate(script, ROOMS)
        assert status == 403
        assert json.loads(text)["code"] == "inspector-not-local"
        answer = await page.goto(rebound + PAGE)
        assert answer is not None
        assert answer.status == 403


async def test_vite_refuses_a_rebound_host_by_itself_unless_it_is_told_not_to(
    start: Start, npm_package: Path, tmp_path: Path
) -> None:
    site = await site_of(start, tmp_path, allowedHosts=[".ngrok-free.app"])
    assert (await get(site.url + ROOMS, Host="evil.example"))[0] == 403
    assert await code_of(site.url + ROOMS, Host="abc.ngrok-free.app") == "inspector-not-local"


async def test_the_token_is_in_no_page_url_log_or_error(
    start: Start, npm_package: Path, tmp_path: Path, browser: Browser
) -> None:
    site = await site_of(start, tmp_path)
    tokens = {admin_token(site.sidecar)}
    secret = json.loads((site.sidecar.state_dir / "site.json").read_text())["secret"]
    seen: list[str] = []
    page = await browser.new_page()
    page.on("console", lambda message: seen.append(message.text))
    reading: list[asyncio.Task[None]] = []

    async def read(request: Any) -> None:
        seen.append(request.url + json.dumps(await request.all_headers()))

    page.on("requestfinished", lambda request: reading.append(asyncio.create_task(read(request))))
    async with peer_in_a_room(site):
        for path in ("", PAGE):
            await page.goto(site.url + path)
            seen.append(await page.content())
        for path in ("rooms", "no-such-thing"):
            got = "async (path) => { const got = await fetch(path); return [...got.headers, await got.text()] }"
            seen.append(json.dumps(await page.evaluate(got, f"api/{path}")))
        await asyncio.gather(*reading)
        seen.append((await get(f"{site.url}@vite/client"))[1])
        seen.append((await get(site.url + ROOMS, Host="evil.example"))[1])
        seen.append((await get(site.url + ROOMS, Via="1.1 proxy"))[1])
        os.kill(site.sidecar.pid, signal.SIGKILL)
        seen.append((await get(site.url + ROOMS))[1])
        seen.append((await get(site.url + PAGE))[1])
    restarted = await sidecar_in(site.vite, 2)
    tokens.add(admin_token(restarted))
    assert len(tokens) == 2
    seen.append((await get(site.url + ROOMS))[1])
    files = [path for path in site.sidecar.state_dir.iterdir() if path.name not in ("runtime.json", "site.json")]
    seen += [path.read_bytes().decode(errors="replace") for path in files if path.is_file()]
    seen += site.vite.lines
    everything = "\n".join(seen)
    assert PEER in everything  # the data was there
    assert [token for token in [*tokens, secret] if token in everything] == []
    await page.close()


async def test_it_can_be_removed_and_a_build_and_its_preview_have_nothing_of_it(
    start: Start, npm_package: Path, tmp_path: Path
) -> None:
    source = config().replace("signaling()", "signaling({ inspector: false })")
    without = await start_vite(start, write_project(tmp_path / "without", source))
    await sidecar_in(without)
    status, text = await get(await url_in(without) + PAGE, Accept="text/html")
    assert (status, "<title>app</title>" in text) == (200, True)
    assert without.count("Inspector:") == 0

    project = write_project(tmp_path / "built", config())
    building = await start(["node", VITE, "build"], project)
    assert await building.ended() == 0
    for path in (project / "dist").rglob("*"):
        assert not path.is_file() or b"__signaling" not in path.read_bytes()
    preview = await start_vite(start, project, ["preview"])
    await sidecar_in(preview)
    url = await url_in(preview)
    for path in (PAGE, ROOMS):
        status, text = await get(url + path, Accept="text/html")
        assert "<title>app</title>" in text
    assert preview.count("Inspector:") == 0
