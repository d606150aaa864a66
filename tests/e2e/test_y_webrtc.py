"""Pages that share Yjs documents with the unmodified npm packages `yjs` and `y-webrtc`, each in its own browser."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from signaling_sidecar.diagnosis import diagnose
from tests.e2e.reported_verdicts import entries_of
from tests.kit.programs import Start, until
from tests.kit.sites import Site, sidecar_in, start_app

APP = """
import * as Y from 'yjs'
import { WebrtcProvider } from 'y-webrtc'
document.title = location.hash.slice(1)
const signaling = [location.origin.replace(/^http/, 'ws') + '/ws/signaling/y-webrtc']
const peerOpts = { config: { iceServers: [] } }
const documents = new Map()
window.app = {
  received: 0,
  share(topic, password) {
    const doc = new Y.Doc()
    documents.set(topic, { doc, provider: new WebrtcProvider(topic, doc, { signaling, password, peerOpts }) })
  },
  write(topic, key, value) { documents.get(topic).doc.getMap('all').set(key, value) },
  has(topic, key, value) { return documents.get(topic).doc.getMap('all').get(key) === value },
  publish(topic, count) {
    const [connection] = documents.get(topic).provider.signalingConns
    for (let number = 0; number < count; number++) {
      connection.send({ type: 'publish', topic, data: { type: 'other', number, pad: 'x'.repeat(2000) } })
    }
  },
  count(topic) {
    const [connection] = documents.get(topic).provider.signalingConns
    connection.on('message', ({ data }) => { if (data?.number === app.received) app.received++ })
  },
}
"""


async def visit(browser: Browser, app: Site, name: str, asked: set[str | None]) -> Page:
    """Open the app in a new context, so that pages share no BroadcastChannel. Adds the requested hosts to `asked`."""
    page = await (await browser.new_context()).new_page()
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
    page.on("websocket", lambda socket: asked.add(urlsplit(socket.url).hostname))
    await page.goto(f"{app.url}#{name}")
    await page.wait_for_function("window.app")
    return page


async def share(app: Site, topic: str, password: str | None, *pages: Page) -> None:
    """Open a document in one page after the other.

    If two pages of y-webrtc announce themselves at the same time, both offer, and their changes get lost: each page
    sends them through the data channel that it has created, and does not listen to that of the other page.
    """
    for page in pages:
        before = announced(app, topic)
        await page.evaluate("([topic, password]) => app.share(topic, password)", [topic, password])
        await until(lambda before=before: announced(app, topic) > before, "the page has announced itself")  # type: ignore[misc]


def announced(app: Site, topic: str) -> int:
    return sum((record["type"], record.get("room")) == ("signal.relayed", topic) for record in app.sidecar.records())


async def write(writer: Page, reader: Page, topic: str, key: str, value: str) -> None:
    """Write a value into a document, and wait until the other page has it."""
    await writer.evaluate("([topic, key, value]) => app.write(topic, key, value)", [topic, key, value])
    await reader.wait_for_function("([topic, key, value]) => app.has(topic, key, value)", arg=[topic, key, value])


def joined(app: Site, topic: str) -> int:
    return sum((record["type"], record.get("room")) == ("peer.joined", topic) for record in app.sidecar.records())


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("password", [None, "secret"])
async def test_two_browsers_share_a_document_also_after_a_reload_and_after_the_sidecar_was_killed(
    start: Start, browser: Browser, tmp_path: Path, password: str | None
) -> None:
    app = await start_app(start, tmp_path, APP)
    asked: set[str | None] = set()
    ann, ben = [await visit(browser, app, name, asked) for name in ("Ann", "Ben")]
    await share(app, "notes", password, ann, ben)
    await write(ann, ben, "notes", "milk", "2 l")
    await write(ben, ann, "notes", "tea", "green")

    def said() -> str:
        return str(diagnose(entries_of(app.sidecar)))

    def is_reported() -> bool:
        return re.search(r"(Ann and Ben|Ben and Ann): connected \(host to ", said()) is not None

    await until(is_reported, "a browser has reported the connection", within_s=30)
    room, *_ = said().splitlines()
    assert room == "notes (y-webrtc)"
    assert ("signals in this room are encrypted" in said()) is (password is not None)

    await ben.reload()
    await ben.wait_for_function("window.app")
    await share(app, "notes", password, ben)
    await write(ann, ben, "notes", "milk", "1 l")

    # An unloaded page subscribes once more when its RTCPeerConnections are closed, so the test
    # compares with the current number of subscriptions.
    before = joined(app, "notes")
    os.kill(app.sidecar.pid, signal.SIGKILL)
    await app.vite.line("the sidecar was ended by SIGKILL")
    await write(ann, ben, "notes", "milk", "none")
    app.sidecar = await sidecar_in(app.vite, nth=2)
    await until(lambda: joined(app, "notes") == before + 2, "both have subscribed again")
    await write(ben, ann, "notes", "tea", "black")
    await share(app, "todo", password, ann, ben)
    await write(ann, ben, "todo", "shop", "now")
    assert asked <= {"localhost", "127.0.0.1"}


@pytest.mark.usefixtures("npm_package")
async def test_the_inspector_says_why_two_tabs_of_one_browser_do_not_connect(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    app = await start_app(start, tmp_path, APP)
    window = await browser.new_context()
    ann, ben, inspector = [await window.new_page() for _ in range(3)]
    for page in (ann, ben):
        await page.goto(app.url)
        await page.wait_for_function("window.app")
    await share(app, "notes", None, ann, ben)
    await write(ann, ben, "notes", "milk", "2 l")
    await inspector.goto(f"{app.url}__signaling/?dialect=y-webrtc&room=notes")
    await expect(inspector.locator("#no-pair")).to_have_text(
        "None of these peers has sent another one a signal that can be read. "
        "Tabs of one browser share their changes without WebRTC, unless filterBcConns is false."
    )


@pytest.mark.usefixtures("npm_package")
async def test_ten_documents_share_one_connection_and_a_thousand_frames_at_once_arrive(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    app = await start_app(start, tmp_path, APP, trace=False)
    ann, ben = [await visit(browser, app, name, set()) for name in ("Ann", "Ben")]
    topics = [f"page {number}" for number in range(10)]
    for topic in topics:
        await share(app, topic, None, ann, ben)
    for topic in topics:
        await write(ann, ben, topic, "title", topic)

    def opened() -> list[dict[str, Any]]:
        return [each for each in app.sidecar.records() if each["type"] == "connection.opened"]

    assert [each["dialect"] for each in opened()] == ["y-webrtc", "y-webrtc"]
    await ben.evaluate("topic => app.count(topic)", topics[0])
    await ann.evaluate("topic => app.publish(topic, 1000)", topics[0])
    await ben.wait_for_function("app.received === 1000")
    await write(ben, ann, topics[9], "still", "there")
    assert len(opened()) == 2
