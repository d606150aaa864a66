"""Pages that Vite serves join rooms of a sidecar that requires JSON Web Tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.token_site import OTHER_SECRET, TokenPage, start_token_site, visit
from tests.kit.programs import Start, until
from tests.kit.sites import Site

SHORT = -7  # seconds from now to `exp`: with 10 s of tolerance, such a token is accepted for 3 s
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


ASKED_ONCE_FOR_EACH_END = """
new Set(kit.asked).size === 1 + app.events.filter(([name]) => name === 'disconnected').length
"""


async def test_a_call_goes_on_while_the_tokens_of_both_pages_expire(browser: Browser, site: Site) -> None:
    """Each page sends numbers over the data channel and the sidecar. The other page gets each once and in order."""
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
        # Another token may expire meanwhile. The page asks for the next one a moment later.
        await page.holds(ASKED_ONCE_FOR_EACH_END)
        assert page.warnings == []
    types = [record["type"] for record in site.sidecar.records()]
    assert types.count("auth.expired") >= 4
    assert "peer.left" not in types


REFUSED = {
    "the token is not for this room": {"room": "another"},
    "the token is not for this peer id": {"peer": "somebody"},
    "the token does not have the scope 'join'": {"scope": "admin"},
    "the token has expired": {"life": -3600},
    "a token is required: join a room with one first": None,
    "the token is not valid": {"secret": OTHER_SECRET},
}


async def test_a_page_with_a_wrong_token_is_refused_and_its_console_says_what_to_do(
    browser: Browser, site: Site
) -> None:
    page = await visit(browser, site)
    for reason, claims in REFUSED.items():
        await page.js(JOIN, {"claims": claims, "slot": reason})
        await page.holds("app.events.some(([name]) => name === 'refused')")
        (refused,) = await events_of(page, "refused")
        assert refused == {"code": "unauthorised", "message": reason, "room": "bar"}
        warning = page.warnings[-1]
        assert warning.startswith(f"Signaling: could not join the room 'bar' (unauthorised): {reason}. ")
        assert "The option `token` of the client must be a token that the sidecar accepts" in warning
    assert len(page.warnings) == len(REFUSED)
    # After each refusal, the client has asked for another token once.
    assert len(await page.js("kit.asked")) == 2 * sum(claims is not None for claims in REFUSED.values())


async def test_a_page_can_watch_the_list_of_rooms_before_it_joins_one(browser: Browser, site: Site) -> None:
    inside = await joining(browser, site, claims={}, room="listed")
    await inside.holds("app.client.joined")
    page = await visit(browser, site)
    await page.js(
        """life => {
      window.lists = []
      window.client = new kit.SignalingClient({ token: () => kit.tokenFor({ room: 'listed', life }) })
      client.addEventListener('rooms', ({ detail }) => lists.push(detail.map(({ roomId }) => roomId)))
      client.watchRooms()
    }""",
        SHORT,
    )
    await page.holds("lists.length >= 2 && kit.asked.length >= 2")  # the client has watched again, with a new token
    assert {str(rooms) for rooms in await page.js("lists")} == {"['listed']"}
    await page.js("client.join('listed')")
    await page.holds("client.joined && client.peers.size === 1")


async def test_a_page_whose_only_token_has_expired_is_refused_and_stays_away(browser: Browser, site: Site) -> None:
    page = await visit(browser, site)
    await page.js(JOIN, {"token": await page.token(life=SHORT)})
    await page.holds("app.events.some(([name]) => name === 'refused')")
    names = [name for name, _ in await page.js("app.events")]
    assert names == ["peer_list", "disconnected", "left", "refused"]
    (warning,) = page.warnings
    assert "(unauthorised): the token has expired. " in warning
    assert "Pass a function" in warning
    for count in (2, 3):  # the sidecar closes the connection after the third wrong token
        await page.js("app.client.join()")
        await page.holds(f"app.events.filter(([name]) => name === 'refused').length === {count}")
    await page.holds("app.client.state === 'idle'")
    *_, end = await events_of(page, "disconnected")
    assert (end["code"], end["reason"], end["final"]) == (4401, "unauthorised", True)


async def test_a_page_that_is_reloaded_while_it_asks_for_a_token_joins_afterwards(browser: Browser, site: Site) -> None:
    page = await visit(browser, site)
    asked = asyncio.Event()
    await page.page.route("**/token?*", lambda _: asked.set())  # no answer comes
    await page.js(JOIN, {"claims": {}})
    await asked.wait()
    await page.page.unroute_all()
    await page.page.reload()
    await page.holds("window.kit")
    await page.js(JOIN, {"claims": {}})
    await page.holds("app.client.joined")
    assert page.warnings == []


async def test_the_code_in_the_readme_joins_with_a_token(browser: Browser, site: Site) -> None:
    page = await visit(browser, site)
    await page.js("import('/example.js').then((example) => { window.app = example })")
    await page.holds("app.mesh.client.joined")


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
    assert urls
    assert tokens
    for token in tokens:
        assert not any(part in seen for part in token.split(".")[1:])
