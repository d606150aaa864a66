"""Unusual and large frames of an app arrive, or the page gets an error that says why they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.kit import readme
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Start
from tests.kit.sites import Site, sidecar_in, start_vite, url_in, write_project

CLIENT = FRONTEND / "dist" / "browser" / "index.mjs"
SHARED_TRACKS = 16
FILE_BYTES = 24 * 2**20  # more than Chromium's queue for a data channel, which has 16 MiB
MAIN = f"""
import {{ Mesh, SignalingClient }} from {str(CLIENT)!r}
import {{ sendFile }} from './send-file.js'
window.heard = []
window.refused = []
window.lost = 0
window.join = (room, name) => {{
  window.client = new SignalingClient({{ room, name }})
  for (const kind of ['broadcast', 'signal'])
    client.addEventListener(kind, ({{ detail }}) => heard.push(detail.payload))
  client.addEventListener('refused', ({{ detail }}) => refused.push(detail.code))
  client.addEventListener('disconnected', () => (lost += 1))
}}
window.share = (count) => {{
  // These videos have no frames, because encoding those of 96 videos would take seconds.
  const tracks = Array.from({{ length: count }}, () => document.createElement('canvas').captureStream(0).getTracks())
  window.mesh = new Mesh(client, {{ stream: new MediaStream(tracks.flat()) }})
}}
window.receive = () => {{
  window.mesh = new Mesh(client)
  window.received = 0
  mesh.addEventListener('message', ({{ detail }}) => (received += detail.data.byteLength))
}}
window.sendFile = (bytes) => sendFile(mesh, mesh.peers[0].peerId, new Blob([new Uint8Array(bytes)]))
window.nested = (levels) => {{
  let inner = []
  for (let level = 1; level < levels; level += 1) inner = [inner]
  return {{ inner }}
}}
document.title = 'ready'
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An app that all tests share. Each test uses a room of its own."""
    config = f"import signaling from '{npm_package}'\n"
    config += "export default { plugins: [signaling()], server: { fs: { strict: false } } }\n"
    project = write_project(tmp_path_factory.mktemp("frames") / "app", config)
    (project / "index.html").write_text("<!doctype html><body><script type='module' src='/main.js'></script>")
    (project / "main.js").write_text(MAIN)
    (project / "send-file.js").write_text(readme.code("send-file.js"))
    vite = await start_vite(start_once, project)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


async def page_of(app: Site, browser: Browser, room: str, name: str) -> Page:
    page = await browser.new_page()
    await page.goto(app.url)
    await page.wait_for_function("document.title === 'ready'")
    await page.evaluate("([room, name]) => join(room, name)", [room, name])
    await page.wait_for_function("client.joined")
    return page


async def test_no_payload_stops_a_client(app: Site, browser: Browser) -> None:
    ann, ben = [await page_of(app, browser, "payloads", name) for name in ("ann", "ben")]
    await ann.wait_for_function("client.peers.size === 1")
    sent: list[Any] = await ann.evaluate(
        """() => {
          const [ben] = client.peers.keys()
          return [
            client.broadcast({ from: 12, to: 28 }),
            client.broadcast({ text: '😀'.slice(0, 1) }),
            client.broadcast(nested(3000)),
            client.broadcast({ text: 'x'.repeat(300_000) }),
            client.relay(ben, 'signal', { type: 'offer', c: 7, a: 1, s: 2 }),
            client.relay(ben, 'signal', new RTCSessionDescription({ type: 'offer', sdp: 'v=0' })),
            client.relay('nobody', 'signal', {}),
            client.broadcast({ text: 'y'.repeat(261_000) }),
            client.broadcast({ last: true }),
          ]
        }"""
    )
    assert sent == [True, True, False, False, True, True, True, True, True]
    await ben.wait_for_function("heard.some(({ last }) => last)")
    heard = await ben.evaluate("heard")
    assert heard[:4] == [
        {"from": 12, "to": 28},
        {"text": "\ufffd"},
        {"type": "offer", "c": 7, "a": 1, "s": 2},
        {"type": "offer", "sdp": "v=0"},
    ]
    assert [len(payload.get("text", "")) for payload in heard[4:]] == [261_000, 0]
    await ann.wait_for_function("refused.length === 3")
    assert await ann.evaluate("refused") == ["bad-json", "too-large", "no-such-peer"]
    assert await ann.evaluate("lost") == 0


async def test_pages_that_share_sixteen_tracks_connect(app: Site, browser: Browser) -> None:
    pages = [await page_of(app, browser, "tracks", name) for name in ("ann", "ben", "cleo")]
    for page in pages:
        await page.evaluate("share", SHARED_TRACKS)
    for page in pages:
        await page.wait_for_function(
            "mesh.peers.length === 2 && mesh.peers.every((peer) => peer.state === 'connected')"
        )
        assert await page.evaluate("[refused, lost]") == [[], 0]
    offers = [record["bytes"] for record in app.sidecar.records() if record.get("kind") == "offer"]
    assert max(offers) > 65_536


async def test_a_file_that_is_larger_than_the_queue_arrives_as_the_readme_sends_it(app: Site, browser: Browser) -> None:
    ann, ben = [await page_of(app, browser, "files", name) for name in ("ann", "ben")]
    for page in (ann, ben):
        await page.evaluate("receive()")
    await ann.wait_for_function("mesh.peers.length === 1 && mesh.peers[0].state === 'connected'")
    await ann.evaluate("sendFile", FILE_BYTES)
    await ben.wait_for_function(f"received === {FILE_BYTES}")
    assert await ann.evaluate("mesh.channelTo('nobody') === undefined")
