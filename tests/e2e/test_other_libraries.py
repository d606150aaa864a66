"""The diagnosis of apps that use other libraries for their connections is correct."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from signaling_sidecar.diagnosis import diagnose
from signaling_sidecar.inspection import open_log
from tests.e2e.nostr_relay import nostr_relay
from tests.e2e.reported_verdicts import entries_of
from tests.kit.programs import Start, until
from tests.kit.sites import start_app

# This app sends the signals of simple-peer as JSON text, as the README of simple-peer does.
SIMPLE_PEER = """
import SimplePeer from 'simple-peer/simplepeer.min.js'
import { SignalingClient } from 'CLIENT'
const client = new SignalingClient({ room: 'lobby' })
const peers = new Map()
function peerTo(id, initiator) {
  if (peers.has(id)) return peers.get(id)
  const peer = new SimplePeer({ initiator, config: { iceServers: [] }, trickle: !location.search })
  peer.on('signal', (data) => client.relay(id, 'signal', { data: JSON.stringify(data) }))
  peer.on('connect', () => { document.body.dataset.connected = 'yes' })
  peers.set(id, peer)
  return peer
}
client.addEventListener('peer_list', ({ detail }) => { for (const { peerId } of detail.peers) peerTo(peerId, true) })
client.addEventListener('signal', ({ detail }) => peerTo(detail.from, false).signal(JSON.parse(detail.payload.data)))
"""
TRYSTERO = """
import { joinRoom } from 'trystero'
const config = { appId: 'sidecar-test', relayConfig: { urls: ['RELAY'] }, rtcConfig: { iceServers: [] } }
const room = joinRoom(config, 'lobby')
room.onPeerJoin = () => { document.body.dataset.connected = 'yes' }
"""


async def two_tabs(browser: Browser, url: str) -> list[Page]:
    window = await browser.new_context()
    pages = [await window.new_page() for _ in range(2)]
    for page in pages:
        await page.goto(url)
    for page in pages:
        await page.wait_for_selector("[data-connected]", state="attached")
    return pages


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("query", ["", "?trickle=false"])
async def test_simple_peer_works_as_in_its_readme(start: Start, browser: Browser, tmp_path: Path, query: str) -> None:
    app = await start_app(start, tmp_path, SIMPLE_PEER, "Chess")
    await two_tabs(browser, app.url + query)

    def is_said() -> bool:
        return set(open_log(app.sidecar.state_dir).pairs["reason"]) == {"connected"}

    await until(is_said, "their browsers have said that they are connected", within_s=30)
    log = open_log(app.sidecar.state_dir)
    assert list(log.pairs["signaling"]) == ["transport-unknown"]
    assert list(log.pairs["room"]) == ["lobby"]
    assert str(log.diagnose()).startswith("lobby (rooms)\n  ✓ Chess and Chess (tab 2): connected (host to ")


@pytest.mark.usefixtures("npm_package")
async def test_a_pool_of_trystero_is_reported_in_one_successful_line(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    async with nostr_relay() as relay:
        app = await start_app(start, tmp_path, TRYSTERO.replace("RELAY", relay), "Chess")
        pages = await two_tabs(browser, app.url)

        def said() -> list[str]:
            return str(diagnose(entries_of(app.sidecar))).splitlines()

        def is_said() -> bool:
            return sum(line.startswith("  ✓ Chess and Chess (tab 2): connected") for line in said()) == 1

        await until(is_said, "both have said that they are connected", within_s=30)
        unanswered = [each for each in app.sidecar.records() if "have-local-offer" in str(each.get("data"))]
        assert len(unanswered) > 4, "trystero has made a pool of offers"
        assert not [line for line in said() if "✗" in line], said()
        await pages[0].context.close()  # the relay ends when its sockets are closed
