"""Two pages with unmodified libraries, which are connected to different sidecars of a cluster."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser

from signaling_sidecar.cluster.numbers import instance_of
from tests.kit.cluster_processes import ClusterProcesses, Instance
from tests.kit.programs import Start, until
from tests.kit.sites import start_vite, url_in, write_app

APP = """
import { Peer } from 'peerjs'
import * as Y from 'yjs'
import { WebrtcProvider } from 'y-webrtc'
const server = { host: '127.0.0.1', port: new URLSearchParams(location.search).get('port') }
const config = { iceServers: [] }
const peer = new Peer({ ...server, config })
const received = []
peer.on('connection', (connection) => connection.on('data', (data) => received.push(data)))
const doc = new Y.Doc()
window.app = {
  peer,
  received,
  notes: doc.getMap('notes'),
  call(to, data) { const connection = peer.connect(to); connection.on('open', () => connection.send(data)) },
  share() {
    const signaling = [`ws://${server.host}:${server.port}/ws/signaling/y-webrtc`]
    new WebrtcProvider('notes', doc, { signaling, peerOpts: { config } })
  },
}
"""


@pytest.mark.usefixtures("npm_package")
async def test_pages_with_unmodified_libraries_meet_at_two_sidecars(
    cluster: ClusterProcesses, browser: Browser, start: Start, tmp_path: Path
) -> None:
    """The second page requests its PeerJS id from a sidecar that is not the owner of the rooms."""
    owner, [front] = await cluster.owner(), await cluster.fronts()
    vite = await start_vite(start, write_app(tmp_path, APP, sidecar=False))
    pages = [await (await browser.new_context()).new_page() for _ in (owner, front)]
    for page, sidecar in zip(pages, (owner, front), strict=True):
        await page.goto(f"{await url_in(vite)}?port={urlsplit(sidecar.url).port}")
        await page.wait_for_function("window.app?.peer.open")
    one, other = pages
    for caller, callee, text in ((one, other, "hello"), (other, one, "hello to you")):
        await caller.evaluate("([to, text]) => app.call(to, text)", [await callee.evaluate("app.peer.id"), text])
        await callee.wait_for_function("text => app.received[0] === text", arg=text)

    # One page after the other: y-webrtc loses changes if two pages announce themselves, and so offer, at the same time.
    for count, page in enumerate(pages, 1):
        await page.evaluate("app.share()")
        await until(lambda count=count: announced(front) >= count, "the page has announced itself")  # type: ignore[misc]
    await one.evaluate("app.notes.set('greeting', 'hello')")
    await other.wait_for_function("app.notes.get('greeting') === 'hello'")
    at = defaultdict(set)
    for each in front.records():
        if each["type"] == "connection.opened":
            at[each["dialect"]].add(instance_of(each["connection"]))
    both = {cluster.number(owner), cluster.number(front)}
    assert (at["peerjs"], at["y-webrtc"]) == (both, both)


def announced(sidecar: Instance) -> int:
    return sum((each["type"], each.get("room")) == ("signal.relayed", "notes") for each in sidecar.records())
