"""Pages that Vite serves use unmodified PeerJS, with the sidecar as its server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from signaling_sidecar.diagnosis import diagnose
from signaling_sidecar.inspection import open_log
from tests.e2e.reported_verdicts import entries_of
from tests.kit.programs import Start, until
from tests.kit.sites import Site, sidecar_in, start_app

# To use the sidecar, an app changes only the line with the path. Without `config`, PeerJS uses public STUN and TURN
# servers.
APP = """
import { Peer } from 'peerjs'
import { SignalingClient } from 'CLIENT'

const query = new URLSearchParams(location.search)
const errors = []
const received = []
let closed = 0

function use(connection) {
  connection.on('data', (data) => received.push(data))
  connection.on('close', () => { closed += 1 })
  return connection
}

function newPeer(id, server = { host: location.hostname, port: location.port, path: '/ws/signaling' }) {
  const peer = new Peer(id, { ...server, config: { iceServers: [] } })
  peer.on('connection', use)
  peer.on('call', (call) => { call.answer(picture()); call.on('stream', (stream) => show(stream)) })
  peer.on('error', (error) => errors.push(error.type))
  // PeerJS does not reconnect by itself.
  peer.on('disconnected', () => setTimeout(() => peer.destroyed || peer.reconnect(), 100))
  return peer
}

function picture() {
  const canvas = document.createElement('canvas')
  setInterval(() => canvas.getContext('2d').fillRect(0, 0, Math.random() * 99, 99), 50)
  return canvas.captureStream(20)
}

function show(stream) {
  const video = document.body.appendChild(document.createElement('video'))
  video.muted = true
  video.srcObject = stream
  video.play()
}

async function connect(to, serialization) {
  const connection = use(peer.connect(to, { serialization, label: serialization }))
  await new Promise((resolve) => connection.on('open', resolve))
  return connection
}

const peer = newPeer(query.get('id') ?? undefined)
window.app = { peer, errors, received, connect, picture, show, newPeer, SignalingClient, isClosed: () => closed > 0 }
"""
SENT = {
    "binary": {"text": "hello", "list": [1, 2.5, None, True]},
    "binary-utf8": {"text": "grüße 😀"},
    "json": {"text": "hello", "nested": {"a": []}},
    "raw": "hello",
}


@dataclass
class PeerPage:
    page: Page
    hosts: set[str] = field(default_factory=set)
    """The hosts of all requests and WebSockets of the page."""

    async def js(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)

    async def holds(self, condition: str) -> None:
        await self.page.wait_for_function(condition)

    async def is_open(self) -> str:
        await self.holds("window.app?.peer.open")
        return str(await self.js("app.peer.id"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_app(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return await start_app(start_once, tmp_path_factory.mktemp("peerjs"), APP, "Bar")


@dataclass
class Pages:
    site: Site
    browser: Browser
    opened: list[PeerPage] = field(default_factory=list)

    async def open(self, id_: str | None = None) -> PeerPage:
        """Open the app in a separate window."""
        found = PeerPage(await (await self.browser.new_context()).new_page())
        found.page.on("request", lambda request: found.hosts.add(str(urlsplit(request.url).hostname)))
        found.page.on("websocket", lambda socket: found.hosts.add(str(urlsplit(socket.url).hostname)))
        await found.page.goto(self.site.url + ("" if id_ is None else f"?id={id_}"))
        self.opened.append(found)
        return found

    async def two(self, *ids: str | None) -> tuple[PeerPage, PeerPage]:
        one, other = [await self.open(id_) for id_ in ids or (None, None)]
        await one.is_open()
        await other.is_open()
        return one, other


@pytest_asyncio.fixture(loop_scope="session")
async def pages(running_app: Site, browser: Browser) -> AsyncIterator[Pages]:
    async with opened_in(browser, running_app) as pages:
        yield pages


@pytest_asyncio.fixture(loop_scope="session")
async def pages_with_camera(running_app: Site, browser_with_camera: Browser) -> AsyncIterator[Pages]:
    async with opened_in(browser_with_camera, running_app) as pages:
        yield pages


@asynccontextmanager
async def opened_in(browser: Browser, site: Site) -> AsyncIterator[Pages]:
    pages = Pages(site, browser)
    yield pages
    for each in pages.opened:
        assert each.hosts <= {"localhost", "127.0.0.1"}, "a request has left the machine"
        await each.page.context.close()


async def test_two_pages_send_data_both_ways_with_each_serialization(pages: Pages) -> None:
    one, other = await pages.two()
    for serialization, data in SENT.items():
        to = await other.is_open()
        script = "async ([to, how, data]) => { (await app.connect(to, how)).send(data) }"
        await one.js(script, [to, serialization, data])
    await other.holds(f"app.received.length === {len(SENT)}")
    assert await other.js("app.received") == list(SENT.values())
    back = "Object.values(app.peer.connections)[0].forEach((each) => each.send('back'))"
    await other.js(back)
    await one.holds(f"app.received.length === {len(SENT)}")
    assert await one.js("app.received") == ["back"] * len(SENT)
    assert await one.js("app.errors") == await other.js("app.errors") == []


async def test_two_pages_call_each_other_and_both_are_seen(pages_with_camera: Pages) -> None:
    one, other = await pages_with_camera.two("caller", "callee")
    await one.js("async () => { (await app.connect('callee', 'json')).send('I call you') }")
    script = """async () => {
      const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true })
      app.peer.call('callee', stream).on('stream', app.show)
    }"""
    await one.js(script)
    for page in (one, other):
        await page.holds(
            "document.querySelector('video')?.videoWidth > 0 && document.querySelector('video').currentTime > 0"
        )

    def said() -> list[str]:
        return [
            line
            for line in str(open_log(pages_with_camera.site.sidecar.state_dir).diagnose()).splitlines()
            if "calle" in line
        ]

    await until(lambda: "connected" in str(said()), "the diagnosis says that the two are connected")
    assert len(said()) == 1, said()


async def test_a_peer_on_the_sidecars_own_port_uses_the_default_path_of_the_library(pages: Pages) -> None:
    one, other = await pages.two()
    port = urlsplit(pages.site.sidecar.url).port
    script = """(port) => new Promise((resolve) => {
      const peer = app.newPeer(undefined, { host: '127.0.0.1', port })
      peer.on('open', resolve)
    })"""
    other_id = await other.js(script, port)
    await one.js("async (id) => { (await app.connect(id, 'json')).send('hello') }", other_id)
    await other.holds("app.received[0] === 'hello'")


async def test_an_id_in_use_is_taken_and_an_absent_peer_is_unavailable(pages: Pages) -> None:
    one, other = await pages.two("the-only-one", None)
    script = "new Promise((resolve) => app.newPeer('the-only-one').on('error', (error) => resolve(error.type)))"
    assert await other.js(script) == "unavailable-id"
    await other.js("app.errors.length = 0; app.peer.connect('nobody')")
    await other.holds("app.errors.length > 0")
    assert await other.js("app.errors") == ["peer-unavailable"]
    assert await one.js("app.peer.open && app.errors.length === 0")


async def test_a_component_that_is_mounted_twice_gets_its_id(pages: Pages) -> None:
    """As in React's StrictMode, the page destroys its first peer, before or after it is open, and creates another."""
    page = await pages.open()
    await page.is_open()
    script = """async (isOpenFirst) => {
      const first = app.newPeer('mounted')
      if (isOpenFirst) await new Promise((resolve) => first.on('open', resolve))
      first.destroy()
      const second = app.newPeer('mounted')
      const id = await new Promise((resolve) => second.on('open', resolve))
      second.destroy()
      return id
    }"""
    for is_open_first in (False, True):
        assert await page.js(script, is_open_first) == "mounted"
    assert await page.js("app.errors") == []


async def test_a_page_that_is_loaded_again_has_its_id_at_once_and_its_contact_knows(pages: Pages) -> None:
    one, other = await pages.two("alice", "bob")
    await other.js("async () => { await app.connect('alice', 'json') }")
    await one.page.reload()
    await other.holds("app.isClosed()")
    assert await one.is_open() == "alice"
    assert await one.js("app.errors") == []
    await other.js("async () => { (await app.connect('alice', 'json')).send('again') }")
    await one.holds("app.received[0] === 'again'")


async def test_a_call_to_a_page_that_lost_its_network_reaches_the_page_when_it_is_loaded_again(pages: Pages) -> None:
    caller = await pages.open("carl")
    await caller.is_open()
    async with aiohttp.ClientSession() as session:
        url = f"{pages.site.sidecar.url}/peerjs?key=peerjs&id=dora&token=earlier"
        dora = await session.ws_connect(url)
        await dora.receive()
        await caller.js("app.peer.connect('dora') && undefined")
        await dora.receive()
        dora._response.connection.transport.abort()  # type: ignore[union-attr]
    await until(lambda: _away(pages.site, "dora"), "the loss is noticed")
    await caller.js("{ app.call = app.peer.connect('dora', { serialization: 'json' }) }")
    await until(lambda: _kept(pages.site, "dora"), "the offer is kept")
    again = await pages.open("dora")
    await caller.holds("app.call.open")
    await caller.js("app.call.send('you are back')")
    await again.holds("app.received[0] === 'you are back'")


def _away(site: Site, peer: str) -> bool:
    return any(record["type"] == "peer.away" and record["peer"] == peer for record in site.sidecar.records())


def _kept(site: Site, to: str) -> bool:
    return any(record["type"] == "signal.kept" and record["to"] == to for record in site.sidecar.records())


async def test_peers_are_back_after_the_sidecar_was_killed_and_their_connections_live_on(pages: Pages) -> None:
    one, other = await pages.two("ann", "ben")
    await one.js("async () => { app.line = await app.connect('ben', 'json') }")
    left_before = _left(pages.site)
    os.kill(pages.site.sidecar.pid, signal.SIGKILL)
    pages.site.sidecar = await sidecar_in(pages.site.vite, nth=2)
    assert [await one.is_open(), await other.is_open()] == ["ann", "ben"]
    await one.js("app.line.send('it lives on')")
    await other.holds("app.received[0] === 'it lives on'")
    await other.js("async () => { (await app.connect('ann', 'json')).send('a new one') }")
    await one.holds("app.received[0] === 'a new one'")
    assert _left(pages.site) == left_before


def _left(site: Site) -> list[Any]:
    return [
        record["peer"]
        for record in site.sidecar.records()
        if record["type"] == "peer.left" and record["peer"] in ("ann", "ben")
    ]


async def test_a_bar_finds_its_guests_with_rooms_and_calls_them_with_peerjs(pages: Pages) -> None:
    one, other = await pages.two()
    script = """async () => {
      app.client = new app.SignalingClient({ room: 'bar', peerId: app.peer.id })
      const call = (id) => app.connect(id, 'binary').then((connection) => connection.send(`cheers from ${app.peer.id}`))
      app.client.addEventListener('peer_joined', ({ detail }) => call(detail.peerId))
      await new Promise((resolve) => app.client.addEventListener('peer_list', resolve))
    }"""
    await one.js(script)
    await other.js(script)
    await other.holds("app.received.length > 0")
    assert await other.js("app.received") == [f"cheers from {await one.is_open()}"]

    def said() -> str:
        return str(diagnose(entries_of(pages.site.sidecar), time.time(), "bar"))

    await until(lambda: "in the room 'peerjs' of peerjs" in said(), "the diagnosis knows how they call each other")
    assert "→" not in said(), said()
