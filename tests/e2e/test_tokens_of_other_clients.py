"""Clients of other libraries send their tokens in the way that their protocol or library allows."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.token_site import OTHER_SECRET, start_token_site, visit
from tests.kit import readme
from tests.kit.programs import Start, until
from tests.kit.sites import Site
from tests.kit.ways import OpenWay, through_a_shorthand, through_the_plugin

TEAM_SECRET = "0123456789abcdef" * 4

PEER = """async ({ id, claims }) => {
  const { hostname: host, port } = location
  const token = claims && await kit.tokenFor(claims)
  const server = { host, port, path: '/ws/signaling', ...(token && { token }) }
  const peer = new kit.Peer(id, { ...server, config: { iceServers: [] } })
  const errors = []
  const received = []
  peer.on('error', ({ type }) => errors.push(type))
  peer.on('connection', (connection) => connection.on('data', (data) => received.push(data)))
  window.app = { peer, errors, received }
}"""
# The code in the README replaces the global `WebSocket`, which y-webrtc uses for each connection.
WITH_TOKEN = f"""async (claims) => {{
  const token = await kit.tokenFor(claims)
  {readme.code("y-webrtc with a token")}
}}"""
SHARE = """() => {
  const doc = new kit.Y.Doc()
  const signaling = [location.origin.replace(/^http/, 'ws') + '/ws/signaling/y-webrtc']
  const provider = new kit.WebrtcProvider('notes', doc, { signaling, peerOpts: { config: { iceServers: [] } } })
  window.app = { map: doc.getMap('all'), provider }
}"""
MESH = """([url, protocols]) => new Promise((done) => {
  const socket = new WebSocket(url, protocols)
  socket.onopen = () => socket.send(JSON.stringify({ type: 'join', peerId: crypto.randomUUID() }))
  socket.onmessage = ({ data }) => done([socket.protocol, JSON.parse(data).type])
  socket.onclose = ({ code }) => done([socket.protocol, code])
})"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(start_once: Start, npm_package: object, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return await start_token_site(start_once, tmp_path_factory.mktemp("tokens"))


async def test_two_pages_with_peerjs_call_each_other_with_the_librarys_own_option(browser: Browser, site: Site) -> None:
    ann, ben = await visit(browser, site), await visit(browser, site)
    for page, id_ in ((ann, "ann"), (ben, "ben")):
        await page.js(PEER, {"id": id_, "claims": {"sub": id_, "peer": id_}})
        await page.holds("app.peer.open")
    await ann.js("app.peer.connect('ben').on('open', function () { this.send('hi') })")
    await ben.holds("app.received.includes('hi')")


async def test_a_page_with_peerjs_and_a_wrong_token_gets_an_error_of_its_library(browser: Browser, site: Site) -> None:
    page = await visit(browser, site)
    for claims, error in (
        (None, "network"),  # no token, so PeerJS generates one
        ({"secret": OTHER_SECRET}, "network"),
        ({"life": -3600}, "network"),
        ({"peer": "ben"}, "server-error"),
    ):
        await page.js(PEER, {"id": "cleo", "claims": claims})
        await page.holds("app.errors.length > 0")
        assert await page.js("app.errors[0]") == error
        assert not await page.js("app.peer.open")


async def test_pages_with_y_webrtc_show_their_tokens_in_a_subprotocol(browser: Browser, site: Site) -> None:
    ann, ben = await visit(browser, site), await visit(browser, site)
    for page in (ann, ben):
        await page.js(WITH_TOKEN, {"room": "notes"})
        await page.js(SHARE)
    await ann.js("app.map.set('greeting', 'hi')")
    await ben.holds("app.map.get('greeting') === 'hi'")
    stranger = await visit(browser, site)
    await stranger.js(WITH_TOKEN, {"room": "other-notes"})
    await stranger.js(SHARE)
    await until(lambda: is_refused("y-webrtc", site), "the token of other notes is refused")


def is_refused(dialect: str, site: Site) -> bool:
    refusals = [record for record in site.sidecar.records() if record["type"] == "signal.refused"]
    return any(record["dialect"] == dialect and "unauthorised" in str(record) for record in refusals)


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", [through_the_plugin, through_a_shorthand])
async def test_a_client_of_an_original_protocol_shows_the_secret_of_a_team_in_a_subprotocol(
    start: Start, browser: Browser, tmp_path: Path, open_way: OpenWay
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(TEAM_SECRET)
    way = await open_way(start, tmp_path, "--auth", "token", "--auth-token-file", str(secret))
    page = await (await browser.new_context()).new_page()
    await page.goto(way.url)
    for url in (way.url, way.sidecar.url):
        ws = url.replace("http", "ws", 1) + "/ws/signaling/mesh"
        for offered, answer in (
            ([f"bearer.{TEAM_SECRET}", "signaling"], ["signaling", "peer-list"]),
            ([f"bearer.{TEAM_SECRET[1:]}", "signaling"], ["", 1006]),
            (["signaling"], ["", 1006]),
            # The client offers only the secret, which the sidecar must not send back as the selected subprotocol.
            ([f"bearer.{TEAM_SECRET}"], ["", 1006]),
        ):
            assert await page.evaluate(MESH, [ws, offered]) == answer, (url, offered)
    assert way.sidecar.program.count(TEAM_SECRET) == 0
    if open_way is through_the_plugin:
        await way.sidecar.program.line(r"\[signaling\] a page was refused \(401\): the token is not valid")
