"""`sidecar inspect` without Vite: the link opens the inspector in a real browser."""

from __future__ import annotations

import signal
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, expect

from signaling_sidecar.admin_request import ask_admin
from tests.kit import tokens
from tests.kit.guarded import AUDIENCE, token
from tests.kit.programs import Start
from tests.kit.receiving import receive_json
from tests.kit.sites import start_sidecar

NOTICED_WITHIN_MS = 20_000  # ms; the sidecar checks the token of a long response every 5 s
FLAGS = ("--auth", "jwt", "--jwt-algorithm", "HS256", "--jwt-audience", AUDIENCE, "--jwt-key-file")


async def test_the_link_opens_the_inspector_of_a_sidecar_on_another_machine(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    (secret := tmp_path / "secret").write_text(tokens.SECRET)
    sidecar = await start_sidecar(start, tmp_path, [*FLAGS, str(secret)])
    admin = token("ops", scope="admin")
    words = ["sidecar", "inspect", "--no-open", "--url", sidecar.url]
    inspect = await start(words, tmp_path, env={"SIDECAR_ADMIN_TOKEN": admin})
    link = (await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0]
    here = link.partition("/inspector/")[0]
    assert here != sidecar.url
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{sidecar.url}/ws/signaling") as ann:
        await ann.send_json({"type": "join", "roomId": "tea room/1", "peerId": "ann", "token": token()})
        await ann.receive_json()
        page = await browser.new_page()
        await page.goto(link)
        await page.get_by_role("link", name="Records").click()
        await expect(page.locator("#records-list")).to_contain_text("peer.joined")
        await page.get_by_role("button", name="Say…").click()
        await page.get_by_role("dialog").get_by_label("Text").fill("the build is broken")
        await page.get_by_role("button", name="Send to 1 peer").click()
        assert (await receive_json(ann))["text"] == "the build is broken"
        assert admin not in await page.content()
        for headers, status in (
            ({}, 401),
            ({"Authorization": f"Bearer {admin}"}, 401),
            ({"Origin": "http://evil.example"}, 403),
            ({"Host": "evil.example"}, 403),
        ):
            async with session.get(f"{here}/inspector/api/rooms", headers=headers) as answer:
                assert answer.status == status
        inspect.process.send_signal(signal.SIGINT)  # the page still receives the stream of changes
        assert await inspect.ended(within_s=10) == 128 + signal.SIGINT
        await page.close()


async def test_a_token_that_was_revoked_is_named_as_the_cause_and_is_seldom_sent_again(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    (secret := tmp_path / "secret").write_text(tokens.SECRET)
    sidecar = await start_sidecar(start, tmp_path, [*FLAGS, str(secret)])
    words = ["sidecar", "inspect", "--no-open", "--url", sidecar.url]
    inspect = await start(words, tmp_path, env={"SIDECAR_ADMIN_TOKEN": token("ops", scope="admin")})
    page = await browser.new_page()
    await page.clock.install()
    await page.goto((await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0])
    await expect(page.locator("#state")).to_have_text("live")
    ask_admin(sidecar.url, token("boss", scope="admin"), "POST", "revoke", {"sub": "ops"})
    said = f"{sidecar.url} has refused the token: end `sidecar inspect`, and run it again"
    await expect(page.locator("#down-why")).to_contain_text(said, timeout=NOTICED_WITHIN_MS)
    await expect(page.locator("#down-command")).to_be_hidden()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.fast_forward(7000)
    assert asked == []
    async with page.expect_request("**/inspector/changes"):
        await page.clock.fast_forward(3000)
    await page.close()


async def test_the_link_of_sidecar_inspect_opens_the_inspector(start: Start, browser: Browser, tmp_path: Path) -> None:
    sidecar = await start_sidecar(start, tmp_path)
    inspect = await start(["sidecar", "inspect", "--no-open"], tmp_path)
    link = (await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0]
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{sidecar.url}/ws/signaling") as ann:
        await ann.send_json({"type": "join", "roomId": "tea-room", "peerId": "ann"})
        await ann.receive_json()
        page = await browser.new_page()
        await page.goto(link)
        await expect(page.get_by_text("tea-room").first).to_be_visible()
        assert "code" not in page.url
        await page.reload()
        await expect(page.get_by_text("tea-room").first).to_be_visible()
        other = await browser.new_page()
        await other.goto(link)
        await expect(other.locator("#down")).to_contain_text("this link was used before")
        inspect = await start(["sidecar", "inspect", "--no-open"], tmp_path)
        another = (await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0]
        for tab in (other, page):  # `other` shows a refusal, and `page` already has a token
            await tab.goto(link)
            await expect(tab.get_by_text("tea-room" if tab is page else "sidecar inspect").first).to_be_visible()
        await other.goto(another)
        await expect(other.get_by_text("tea-room").first).to_be_visible()
        await expect(other.locator("#down")).to_be_hidden()
        await page.close()
        await other.close()


async def test_a_link_in_the_inspector_can_be_opened_in_another_tab(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    await start_sidecar(start, tmp_path)
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(NOTICED_WITHIN_MS)
    inspect = await start(["sidecar", "inspect", "--no-open"], tmp_path)
    await page.goto((await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0])
    await expect(page.locator("#state")).to_have_text("live")
    async with context.expect_page() as opened:
        await page.get_by_role("link").first.click(modifiers=["ControlOrMeta"])
    other = await opened.value
    await expect(other.locator("#state")).to_have_text("live")
    await page.close()
    await other.reload()
    await expect(other.locator("#state")).to_have_text("live")
    await context.close()


async def test_a_link_that_is_opened_through_a_proxy_says_why_it_does_not_work(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    await start_sidecar(start, tmp_path)
    inspect = await start(["sidecar", "inspect", "--no-open"], tmp_path)
    link = (await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0]
    page = await browser.new_page(extra_http_headers={"X-Forwarded-For": "203.0.113.7"})
    await page.goto(link)
    await expect(page.locator("#down-why")).to_have_text("the link only works on the machine on which it was made.")
    await page.close()
