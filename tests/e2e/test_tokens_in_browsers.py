"""Pages that Vite serves join rooms of a sidecar that asks for JSON Web Tokens."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.token_site import OTHER_SECRET, TokenPage, start_token_site, visit
from tests.kit.programs import Start, until
from tests.kit.sites import Site

SHORT = -7  # seconds until `exp`, so that a token is accepted for 3 s
JOIN = """({ claims, token, ...options }) => {
  const source = claims ? () => kit.tokenFor(claims) : token
  const mesh = new kit.Mesh({ room: 'bar', ...options, ...(source && { token: source }) })
  const { client } = mesh
  const [events, heard, relayed] = [[], [], []]
  for (const name of ['peer_list', 'resumed', 'disconnected', 'waiting', 'refused', 'left'])
    client.addEventListener(name, ({ detail }) => events.push([name, detail]))
  mesh.addEventListener('message', ({ detail }) => heard.push(Number(detail.data)))
  client.addEventListener('signal', ({ detail }) => relayed.push(detail.payload.n))
  window.app = { mesh, client, events, heard, relayed }
}"""
CONNECTED = "app.mesh.peers.length === 1 && app.mesh.peers[0].state === 'connected'"
TALK = """() => {
  const [{ peerId }] = app.mesh.peers
  app.pc = app.mesh.connectionTo(peerId)
  app.sent = 0
  app.timer = setInterval(() => {
    app.sent += 1
    app.mesh.send(String(app.sent))
    if (!app.client.relay(peerId, 'signal', { n: app.sent })) app.isLost = true
  }, 20)
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(start_once: Start, npm_package: object, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return await start_token_site(start_once, tmp_path_factory.mktemp("tokens"))


async def joining(browser: Browser, site: Site, **options: Any) -> TokenPage:
    page = await visit(browser, site)
    await page.js(JOIN, options)
    return page


async def events_of(page: TokenPage, name: str) -> list[dict[str, Any]]:
    return [detail for event, detail in await page.js("app.events") if event == name]


async def test_a_call_goes_on_while_the_tokens_of_both_pages_expire(browser: Browser, site: Site) -> None:
    """Each page sends numbers in both ways that there are, and the other receives each number once and in order."""
    ann, ben = pages = [
        await joining(browser, site, claims={"sub": name, "room": "call", "life": SHORT}, room="call", name=name)
        for name in ("ann", "ben")
    ]
    for page in pages:
        await page.holds(CONNECTED)
    for page in pages:
        await page.js(TALK)
    for page in pages:
        await page.holds("app.events.filter(([name]) => name === 'resumed').length >= 2")
    for page in pages:
        await page.js("clearInterval(app.timer)")
    for page, other in ((ann, ben), (ben, ann)):
        sent = await other.js("app.sent")
        await page.holds(f"app.relayed.length >= {sent} && app.heard.length >= {sent}")
        assert await page.js("app.relayed") == list(range(1, sent + 1))
        assert await page.js("app.heard") == list(range(1, sent + 1))
        assert await page.js("app.pc === app.mesh.connectionTo(app.mesh.peers[0].peerId)")
        assert await page.js("app.pc.connectionState") == "connected"
        assert not await page.js("app.isLost")
        ends = await events_of(page, "disconnected")
        assert {(end["code"], end["reason"], end["final"]) for end in ends} == {(4401, "token expired", False)}
        assert len(set(await page.js("kit.asked"))) == 1 + len(ends)
        assert page.warnings == []
    types = [record["type"] for record in site.sidecar.records()]
    assert types.count("auth.expired") >= 4
    assert "peer.left" not in types


@pytest.mark.parametrize(
    ("claims", "advice"),
    [
        ({"room": "another"}, "(unauthorised): the token is not for this room. "),
        ({"peer": "somebody"}, "(unauthorised): the token is not for this peer id. "),
        ({"secret": OTHER_SECRET}, "(unauthorised): the token is not valid. "),
        ({"scope": "admin"}, "(unauthorised): the token does not have the scope 'join'. "),
        ({"life": -3600}, "(unauthorised): the token has expired. "),
        ({"aud": "somebody"}, "(unauthorised): the token is not valid. "),
    ],
)
async def test_a_page_with_a_wrong_token_is_refused_and_its_console_says_what_to_do(
    browser: Browser, site: Site, claims: dict[str, Any], advice: str
) -> None:
    page = await joining(browser, site, claims=claims)
    await page.holds("app.events.some(([name]) => name === 'refused')")
    (refused,) = await events_of(page, "refused")
    assert (refused["code"], refused["room"]) == ("unauthorised", "bar")
    assert len(await page.js("kit.asked")) == 2  # a second token might have been a better one
    (warning,) = page.warnings
    assert warning.startswith("Signaling: could not join the room 'bar' " + advice)
    assert "The option `token` of the client must be a token that the sidecar accepts" in warning


async def test_a_page_without_a_token_is_refused_and_stays_away(browser: Browser, site: Site) -> None:
    page = await joining(browser, site)
    await page.holds("app.events.some(([name]) => name === 'disconnected')")
    assert [name for name, _ in await page.js("app.events")] == ["left", "refused", "disconnected"]
    (end,) = await events_of(page, "disconnected")
    assert (end["code"], end["final"]) == (4401, True)
    assert await page.js("app.client.state") == "idle"


async def test_a_page_with_a_string_is_refused_when_that_token_has_expired(browser: Browser, site: Site) -> None:
    page = await visit(browser, site)
    await page.js(JOIN, {"token": await page.token(life=SHORT)})
    await page.holds("app.events.some(([name]) => name === 'refused')")
    names = [name for name, _ in await page.js("app.events")]
    assert names == ["peer_list", "disconnected", "left", "refused"]
    (warning,) = page.warnings
    assert "(unauthorised): the token has expired. " in warning
    assert "Pass a function" in warning


async def test_no_token_is_in_a_url_in_the_terminal_or_in_the_event_log(browser: Browser, site: Site) -> None:
    page = await visit(browser, site)
    urls: list[str] = []
    page.page.on("websocket", lambda socket: urls.append(socket.url))
    await page.js(JOIN, {"claims": {"room": "bar"}})
    await page.holds("app.client.joined")
    await page.js(JOIN, {"claims": {"secret": OTHER_SECRET}, "slot": "second"})
    await page.holds("app.events.some(([name]) => name === 'refused')")
    tokens = await page.js("kit.asked")

    def failed() -> bool:
        return any(record["type"] == "auth.failed" for record in site.sidecar.records())

    await until(failed, "the refusal is in the event log")
    log = "".join(path.read_text() for path in site.sidecar.state_dir.glob("events-*.jsonl"))
    seen = "\n".join([*urls, *site.vite.lines, log])
    assert urls and tokens
    for token in tokens:
        assert not any(part in seen for part in token.split(".")[1:])
