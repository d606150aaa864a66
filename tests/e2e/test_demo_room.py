"""The user interface of a room in the demo app. Connections between people are tested in test_main_job.py."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, ViewportSize, WebSocketRoute, expect

from tests.e2e.demo_page import all_connected, in_room, new_page
from tests.kit.sites import Site

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
KEEP_TRACKS = """
window.tracks = []
const ask = MediaDevices.prototype.getUserMedia
MediaDevices.prototype.getUserMedia = async function (wish) {
  const stream = await ask.call(this, wish)
  tracks.push(...stream.getTracks())
  return stream
}
"""
ANSWER_LATER = """
const yes = new Promise(resolve => { window.sayYes = resolve })
const askAtOnce = MediaDevices.prototype.getUserMedia
MediaDevices.prototype.getUserMedia = async function (wish) {
  await yes
  return askAtOnce.call(this, wish)
}
"""
FAIL_AS_IN_SAFARI = """
const fail = async () => { throw new OverconstrainedError('', 'Invalid constraint') }
Object.assign(MediaDevices.prototype, { getUserMedia: fail })
"""
TRACKS = "tracks.map(({ kind, readyState }) => `${kind} ${readyState}`)"
EDGES = """name => {
  const { top, bottom } = document.querySelector(name).getBoundingClientRect()
  return [top, bottom]
}"""


@pytest.fixture
def demo(shared_demo: Site) -> Site:
    return shared_demo


async def test_joining_turns_no_device_on_and_each_device_is_on_only_while_its_button_shows_it(
    demo: Site, browser_with_camera: Browser
) -> None:
    ann, ben = [await new_page(browser_with_camera, name) for name in ("Ann Lee", "Ben")]
    await ann.page.add_init_script(KEEP_TRACKS)
    for person in (ann, ben):
        await person.open(demo.url)
        await person.join("bar")
    await all_connected(ann, ben)
    microphone, camera = (ann.page.get_by_test_id(name) for name in ("microphone", "camera"))
    assert await ann.page.evaluate(TRACKS) == []
    for button in (microphone, camera):
        await expect(button).to_be_hidden()

    await ann.turn_camera_on()
    for button, label in ((microphone, "Microphone on"), (camera, "Camera on")):
        await expect(button).to_have_attribute("aria-pressed", "true")
        await expect(button).to_have_text(label, use_inner_text=True)
    await expect(ann.page.get_by_test_id("media")).to_be_hidden()
    picture, initials = (ben.tile("Ann Lee").locator(part) for part in ("video", ".initials"))
    await expect(picture).to_be_visible()
    assert sorted(await ann.page.evaluate(TRACKS)) == ["audio live", "video live"]

    await camera.click()
    await expect(camera).to_have_attribute("aria-pressed", "false")
    await expect(camera).to_have_text("Camera off", use_inner_text=True)
    await expect(microphone).to_have_attribute("aria-pressed", "true")
    await expect(picture).to_be_hidden()
    await expect(initials).to_have_text("AL")
    assert sorted(await ann.page.evaluate(TRACKS)) == ["audio live", "video ended"]

    await camera.click()
    await expect(picture).to_be_visible()
    await ann.leave()
    await expect(ann.page.get_by_test_id("lobby")).to_be_visible()
    assert sorted(await ann.page.evaluate(TRACKS)) == ["audio ended", "video ended", "video ended"]
    assert ann.faults == ben.faults == []


async def test_a_device_that_was_requested_in_one_room_is_not_turned_on_in_the_next(
    demo: Site, browser_with_camera: Browser
) -> None:
    """The browser asks for permission. The user allows it only after having changed to another room."""
    ann = await new_page(browser_with_camera, "Ann")
    await ann.page.add_init_script(KEEP_TRACKS + ANSWER_LATER)
    await ann.open(demo.url)
    await ann.join("bar")
    await ann.turn_camera_on()
    await ann.leave()
    await ann.join("Gaming Zone")
    await ann.page.evaluate("sayYes()")
    await ann.page.wait_for_function("tracks.length === 2 && tracks.every(({ readyState }) => readyState === 'ended')")
    await expect(ann.page.get_by_test_id("media")).to_be_visible()
    assert ann.faults == []


@pytest.mark.parametrize("script", ["", FAIL_AS_IN_SAFARI])
async def test_a_user_without_a_camera_is_told_so_after_the_click(demo: Site, browser: Browser, script: str) -> None:
    [ann] = await in_room(browser, demo.url, "bar", "Ann")
    await ann.page.evaluate(script)
    await ann.turn_camera_on()
    await ann.reads("No camera or microphone. This device has none.")
    await expect(ann.page.get_by_test_id("media")).to_be_enabled()
    assert ann.faults == []


# --- "Not connecting?" ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "?room=bar"])
async def test_help_is_offered_while_the_sidecar_is_not_reached_and_leads_to_the_status_page(
    demo: Site, browser: Browser, place: str
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    is_reachable = False

    async def refuse(route: WebSocketRoute) -> None:
        if is_reachable:
            route.connect_to_server()
        else:
            await route.close(code=3001)

    await page.route_web_socket("**/ws/signaling", refuse)
    await page.goto(demo.url + place)
    help_ = page.get_by_test_id("help")
    await expect(help_).to_be_visible()
    async with context.expect_page() as opening:
        await page.get_by_test_id("not-connecting").click()
    await expect(await opening.value).to_have_url(f"{demo.url}ws/signaling")
    is_reachable = True
    await expect(help_).to_be_hidden()


async def test_help_is_offered_while_a_peer_is_not_connected(demo: Site, browser: Browser) -> None:
    """Ann's connection to Ben stays incomplete, because his page never applies her offer."""
    ann, ben = [await new_page(browser, name) for name in ("Ann", "Ben")]
    await ben.page.add_init_script("RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {})")
    for person in (ann, ben):
        await person.open(demo.url)
        await person.join("bar")
    help_ = ann.page.get_by_test_id("help")
    await expect(ann.tile("Ben")).to_have_attribute("data-state", "connecting")
    assert await ann.page.evaluate("document.getAnimations().length") == 0, "the user prefers reduced motion"
    await ann.page.emulate_media(reduced_motion="no-preference")
    assert await ann.page.evaluate("document.getAnimations().length") == 1
    await expect(help_).to_be_hidden()
    await expect(help_).to_be_visible()
    await ben.leave()
    await expect(help_).to_be_hidden()


# --- where things are ----------------------------------------------------------------------------------------------


async def test_the_tiles_fill_the_window_on_a_phone_and_on_a_desktop(demo: Site, browser: Browser) -> None:
    for count in (1, 2, 3):
        page = await (await browser.new_context(viewport=PHONE)).new_page()
        await page.goto(f"{demo.url}?room=bar")
        await expect(page.get_by_test_id("tile")).to_have_count(count)
        (_, stage_end), (chat_begin, chat_end) = [await page.evaluate(EDGES, name) for name in (".stage", ".chat")]
        (_, tiles_end) = await page.evaluate(EDGES, ".invite" if count == 1 else ".tile:last-child")
        assert chat_begin - tiles_end < 20
        assert stage_end - tiles_end < 2
        assert PHONE["height"] - 20 < chat_end <= PHONE["height"]
        await page.set_viewport_size(DESKTOP)
        await expect(page.get_by_test_id("tile")).to_have_count(count)
        (_, tiles_end) = await page.evaluate(EDGES, ".tile:last-child")
        assert DESKTOP["height"] - 30 < tiles_end <= DESKTOP["height"]


async def test_names_and_messages_in_arabic_run_from_right_to_left_on_a_page_in_english(
    demo: Site, browser: Browser
) -> None:
    ann, other = [await new_page(browser, name) for name in ("Ann", "محمد عبد الله")]
    for person in (ann, other):
        await person.open(demo.url)
        await person.page.get_by_test_id("new-room-name").fill("غرفة")
        await person.page.get_by_test_id("new-room-join").click()
    await all_connected(ann, other)
    await other.say("مرحبا!")
    for shown, direction in (
        (ann.page.get_by_test_id("room-name"), "rtl"),
        (ann.page.get_by_test_id("tile-name").nth(0), "ltr"),
        (ann.page.get_by_test_id("tile-name").nth(1), "rtl"),
        (ann.page.get_by_text("محمد عبد الله joined"), "ltr"),
        (ann.page.get_by_text("مرحبا!"), "rtl"),
    ):
        await expect(shown).to_have_css("direction", direction)
