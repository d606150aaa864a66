"""With one line in vite.config, the connections of an app that uses PeerJS and a PeerJS server are diagnosed."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from signaling_sidecar.inspection import open_log
from tests.e2e.original_servers.servers import start_original
from tests.e2e.reported_verdicts import HEALTHY, TIMES, Made, Tally, all_named
from tests.kit import sites
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Start, until
from tests.kit.sites import PLUGIN, Site, sidecar_in, start_vite, url_in, write_project

APP = """
import { Peer } from 'peerjs'
const [id, other] = location.hash.slice(1).split(',')
const peer = new Peer(id, { host: '127.0.0.1', port: PORT, config: { iceServers: [] } })
const show = (connection) => connection.on('data', (text) => { document.title = text })
peer.on('connection', (connection) => { show(connection); connection.on('open', () => connection.send('hello')) })
peer.on('open', () => { document.body.dataset.open = 'yes'; if (other) show(peer.connect(other)) })
"""


async def start_app(start: Start, folder: Path) -> Site:
    _, port = await start_original(start, "peerjs")
    # Other Vite servers share `node_modules`, so this one needs a separate cache.
    options = "plugins: [signaling({ trace: true })], cacheDir: '.vite'"
    config = f"import signaling from '{PLUGIN}'\nexport default {{ {options} }}\n"
    project = write_project(folder / "app", config)
    (project / "node_modules").symlink_to(FRONTEND / "node_modules")
    (project / "index.html").write_text("<!doctype html><body><script type='module' src='/main.js'></script>")
    (project / "main.js").write_text(APP.replace("PORT", str(port)))
    vite = await start_vite(start, project)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


async def page_of(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(url)
    await page.wait_for_function("document.body?.dataset.open === 'yes'")
    return page


async def test_peerjs_pages_show_up_in_the_notebook_and_are_connected(
    start: Start, browser: Browser, tmp_path: Path, npm_package: Path, tally: Tally
) -> None:
    app, since_ts = await start_app(start, tmp_path), time.time()
    made = {None: Made("PeerJS pages, one is closed" if TIMES > 1 else "PeerJS pages", HEALTHY)}
    for round_ in range(TIMES):
        first = await page_of(browser, f"{app.url}#ann-{round_}")
        second = await page_of(browser, f"{app.url}#ben-{round_},ann-{round_}")
        await second.wait_for_function("document.title === 'hello'")
        await all_named(app.sidecar, made)

        def are_both_known() -> bool:
            return "an unknown peer" not in str(open_log(app.sidecar.state_dir).diagnose())

        await until(are_both_known, "both have reported their connections")
        assert not await first.evaluate("'demo' in window")
        if TIMES > 1:
            await second.close()  # the first page notices the lost connection after 15 s
            await until(lambda wanted=round_ + 1: failures(app) == wanted, "the first page has noticed it", within_s=60)
            await first.close()
    tally.judge(app.sidecar, made, since_ts, time.time())
    assert tally.all_wrong == {}
    log = open_log(app.sidecar.state_dir)
    assert list(log.pairs["reason"]) == ["connected"] * TIMES
    assert list(log.pairs["signaling"]) == ["transport-unknown"] * TIMES
    assert all("connected (host to " in sentence for sentence in log.pairs["sentence"])
    assert str(log.diagnose()).startswith("signaled through another server\n  ✓ page ")


def failures(app: Site) -> int:
    return str(app.sidecar.records()).count(r'"connection":"failed"')


async def test_an_offer_to_nobody_is_reported_too(
    start: Start, browser: Browser, tmp_path: Path, npm_package: Path
) -> None:
    app = await start_app(start, tmp_path)
    await page_of(browser, f"{app.url}#ben,nobody")

    def is_named() -> bool:
        return "offer-not-received" in set(open_log(app.sidecar.state_dir).pairs["reason"])

    await until(is_named, "the offer is seen to have reached nobody", within_s=30)


ASKS_FOR_A_CAMERA = """
try {
  await navigator.mediaDevices.getUserMedia({ video: true })
} catch (error) {
  document.title = `${error.name} in the app`
}
"""


async def test_a_page_that_gets_no_camera_is_named_by_why_and_in_the_inspector(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    app = await sites.start_app(start, tmp_path, ASKS_FOR_A_CAMERA, title="Call")
    context = await browser.new_context()  # without the permission to use a camera
    page = await context.new_page()
    await page.goto(app.url)
    await page.wait_for_function("document.title.endsWith(' in the app')")
    name = (await page.title()).removesuffix(" in the app")
    sentence = f"getUserMedia() has failed ({name}) in Call at /"

    inspector = await context.new_page()
    await inspector.goto(f"{app.url}__signaling/")
    await expect(inspector.locator("#hints")).to_contain_text(sentence)
    why = await start(["sidecar", "why"], tmp_path / "app")
    await why.ended()
    assert sentence in "\n".join(why.lines)
    await page.close()
    await expect(inspector.locator("#hints")).not_to_contain_text(sentence)
