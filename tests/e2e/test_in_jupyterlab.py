"""The notebooks run in a real JupyterLab, in a real browser."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Playwright, expect

from tests.e2e.demo_page import in_room, new_page
from tests.kit.browsers import launched
from tests.kit.checkout import ROOT
from tests.kit.inspection_log import ANN, TWO_PEERS, record, write_segment
from tests.kit.programs import Start
from tests.kit.sites import Site

TOKEN = "of-this-test"
LADDER = "from signaling_sidecar.inspection import open_log\nopen_log('recorded/three-peers').ladder('bar')"
# Milliseconds: the first cell starts a kernel and imports pandas, while a browser uses the same two cores.
CELL_WITHIN_MS = 60_000
LAB = [
    *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--ServerApp.port_retries=0"),
    *(f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser", "--LabApp.collaborative=False"),
]


@dataclass(frozen=True)
class Lab:
    """A page that shows JupyterLab, and the folder of the current test below JupyterLab's root."""

    url: str
    page: Page
    root: Path
    folder: Path

    async def open(self, path: str) -> Page:
        """Open the notebook at this path in the test's folder, and run all its cells."""
        await self.page.evaluate(OPEN, self.path_of(path))
        # If the cells were run before the kernel is ready, JupyterLab would ask which kernel to use.
        await expect(self.page.get_by_text("(ipykernel) | Idle")).to_be_visible(timeout=CELL_WITHIN_MS)
        await run_all(self.page)
        return self.page

    def path_of(self, path: str) -> str:
        """The path, from JupyterLab's root, of a file in the test's folder."""
        return str(self.folder.relative_to(self.root) / path)

    async def close_all(self) -> None:
        """Close all notebooks without saving them, and shut down their kernels."""
        await self.page.evaluate(CLOSE_ALL)
        await self.shut_down_kernels()

    async def shut_down_kernels(self) -> None:
        async with aiohttp.ClientSession(self.url, headers={"Authorization": f"token {TOKEN}"}) as session:
            while kernels := await self._kernels(session):
                for kernel in kernels:
                    async with session.delete(f"/api/kernels/{kernel}") as answer:
                        assert answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)

    async def _kernels(self, session: aiohttp.ClientSession) -> list[str]:
        """The ids of the running kernels. Repeats the request if Jupyter fails because a kernel ends at this moment."""
        while True:
            async with session.get("/api/kernels") as answer:
                if answer.status == HTTPStatus.OK:
                    return [kernel["id"] for kernel in await answer.json()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_lab(
    start_once: Start, playwright: Playwright, browser_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lab]:
    root = tmp_path_factory.mktemp("lab")
    environment = {"JUPYTER_CONFIG_DIR": str(root / "config"), "JUPYTER_DATA_DIR": str(root / "data")}
    program = await start_once([*LAB, "--allow-root"], root, environment)
    url = (await program.line(r"(http://(?:127\.0\.0\.1|localhost):\d+)/lab\?token="))[1]
    async with launched(playwright, browser_path) as browser:
        window = await browser.new_context(viewport={"width": 1280, "height": 1600})
        page = await window.new_page()
        await page.goto(f"{url}/lab?token={TOKEN}")
        await page.wait_for_function("window.jupyterapp?.restored.then(() => true)", timeout=CELL_WITHIN_MS)
        yield Lab(url, page, root, root)


@pytest_asyncio.fixture(loop_scope="session")
async def lab(running_lab: Lab) -> AsyncIterator[Lab]:
    """The JupyterLab that all tests share, because loading it takes longer than most tests.

    At the start of a test, no notebook is open and no kernel is running.
    """
    lab = replace(running_lab, folder=Path(tempfile.mkdtemp(prefix="test", dir=running_lab.root)))
    yield lab
    await lab.close_all()


@pytest.fixture
def demo(shared_demo: Site) -> Site:
    return shared_demo


OPEN = """async path => {
  const { context } = await jupyterapp.commands.execute('docmanager:open', { path })
  await context.sessionContext.ready
}"""
CLOSE_ALL = """() => {
  for (const widget of [...jupyterapp.shell.widgets('main')]) {
    if (widget.context) widget.context.model.dirty = false
    widget.close()
  }
}"""
COUNTS = """Array.from(
  document.querySelectorAll('.jp-CodeCell .jp-InputPrompt'), (prompt) => parseInt(prompt.textContent.slice(1)) || 0
)"""


async def run_all(page: Page) -> None:
    """Run all cells, wait until each has a new execution count, and assert that none has failed."""
    before = max(await page.evaluate(COUNTS))
    await page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    await page.wait_for_function(
        f"before => {COUNTS}.every((count) => count > before)", arg=before, timeout=CELL_WITHIN_MS
    )
    assert await page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts() == []


def write_notebook(folder: Path, demo: Site, *cells: str) -> str:
    """Write a notebook that connects to the sidecar of the demo, shows the panel, and runs these cells."""
    connected = f"from signaling_sidecar.inspection import connect\nadmin = connect({str(demo.sidecar.state_dir)!r})"
    return write_cells(folder, connected, "admin.dashboard()", *cells)


def write_cells(folder: Path, *cells: str) -> str:
    empty = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "cells": [{**empty, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)],
    }
    (folder / "live.ipynb").write_text(json.dumps(notebook))
    return "live.ipynb"


class Drawing:
    """A ladder on the page of JupyterLab, in the output of a cell or among widgets."""

    def __init__(self, page: Page, nth: int) -> None:
        self._here = page.locator("[data-signaling-drawing]").nth(nth)
        self.rows = self._here.locator("[data-seq]")
        self.list = self._here.locator("[data-rows]")
        self.payload = self._here.locator("[data-payload]")

    def row(self, label: str) -> Locator:
        """The first row with this label."""
        return self.rows.filter(has_text=label).first


async def test_a_click_on_a_row_of_a_ladder_shows_its_payload(lab: Lab) -> None:
    shutil.copytree(ROOT / "notebooks", lab.folder / "notebooks")
    page = await lab.open("notebooks/01-read-a-log.ipynb")
    for nth in range(2):  # the ladder in a cell's output, and the one in the picker
        drawing = Drawing(page, nth)
        await drawing.row("offer").click()
        await expect(drawing.payload.get_by_text("a=ice-ufrag:cHdu")).to_be_visible()
        await drawing.row("candidate host").click()
        await expect(drawing.payload).to_contain_text('"usernameFragment": "cHdu"')
        await expect(drawing.list.locator("[aria-expanded=true]")).to_contain_text("candidate host")
        await drawing.row("candidate host").click()
        await expect(drawing.payload).to_have_count(0)


async def test_the_rows_of_a_ladder_can_be_selected_with_the_keyboard(lab: Lab) -> None:
    shutil.copytree(ROOT / "notebooks" / "recorded", lab.folder / "recorded")
    name = write_cells(lab.folder, LADDER, "'the next cell'")
    page = await lab.open(name)
    drawing, active = Drawing(page, 0), page.locator(".jp-Cell.jp-mod-active .jp-InputPrompt")
    await drawing.list.focus()
    before = await active.inner_text()
    for key in ("ArrowUp", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "ArrowDown", "ArrowDown"):
        await page.keyboard.press(key)
    await expect(drawing.row("offer")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(drawing.payload.get_by_text("a=ice-ufrag:cHdu")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(drawing.payload).to_have_count(0)
    await expect(drawing.row("offer")).to_be_focused()
    assert await active.inner_text() == before
    await expect(page.get_by_text("Mode: Command")).to_be_visible()


async def test_a_saved_notebook_shows_its_ladder_without_a_kernel(lab: Lab) -> None:
    shutil.copytree(ROOT / "notebooks" / "recorded", lab.folder / "recorded")
    name = write_cells(lab.folder, LADDER)
    page = await lab.open(name)
    await page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    await page.evaluate("jupyterapp.commands.execute('kernelmenu:shutdown')")
    reader = await page.context.new_page()
    await reader.goto(f"{lab.url}/lab/workspaces/reader/tree/{lab.path_of(name)}?token={TOKEN}")
    await expect(Drawing(reader, 0).row("offer")).to_be_visible(timeout=CELL_WITHIN_MS)
    await expect(reader.get_by_text("Error displaying widget")).to_have_count(0)
    await reader.close()


GROWING = """\
import ipywidgets
from signaling_sidecar.inspection import Ladder, open_log
from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget
records = [step.record for step in open_log('recorded/three-peers').ladder('bar').steps]
drawing = DrawingWidget()
drawing.show(Ladder('bar', records[:40]))
button = ipywidgets.Button(description='go on')
button.on_click(lambda _: drawing.show(Ladder('bar', records)))
ipywidgets.VBox([button, drawing])"""


async def test_an_updated_drawing_keeps_its_selection_and_scroll_position(lab: Lab) -> None:
    shutil.copytree(ROOT / "notebooks" / "recorded", lab.folder / "recorded")
    page = await lab.open(write_cells(lab.folder, GROWING))
    drawing = Drawing(page, 0)
    await drawing.row("offer").click()
    await expect(drawing.payload).to_be_visible()  # it takes so much height that the list can be scrolled
    await drawing.list.evaluate("list => list.scrollTo(0, 200)")
    await drawing.payload.locator("pre").evaluate("text => text.scrollTo(0, 50)")
    # A click with the mouse would move the focus away from the row.
    await page.evaluate("document.querySelector('.jupyter-button').click()")
    await expect(drawing.row("room ended")).to_be_attached()
    await expect(drawing.row("offer")).to_be_focused()
    await expect(drawing.list.locator("[aria-expanded=true]")).to_contain_text("offer")
    await expect(drawing.payload).to_contain_text("a=ice-ufrag:cHdu")
    assert await drawing.list.evaluate("list => list.scrollTop") == 200
    assert await drawing.payload.locator("pre").evaluate("text => text.scrollTop") == 50


async def test_html_in_a_payload_is_escaped(lab: Lab) -> None:
    hostile = "</script></pre><img src=x onerror='document.title = 1'>"
    attack = record(20, 9, "signal.relayed", **ANN, kind=hostile, bytes=9, data={"sdp": f"v=0\r\n{hostile}"})
    write_segment(lab.folder / "events-b00t-0001.jsonl", [*TWO_PEERS, attack])
    name = write_cells(lab.folder, LADDER.replace("recorded/three-peers", "*.jsonl"))
    page = await lab.open(name)
    drawing = Drawing(page, 0)
    await drawing.rows.last.click()
    for part in ("strong", "span", "pre"):
        await expect(drawing.payload.locator(part)).to_contain_text(hostile)
    await expect(page.locator("[data-signaling-drawing] :is(img, script)")).to_have_count(0)


async def test_the_panel_updates_while_peers_join_and_its_button_removes_one(
    lab: Lab, browser: Browser, demo: Site
) -> None:
    page = await lab.open(write_notebook(lab.folder, demo))
    rooms, peers = page.locator(".widget-select select").nth(0), page.locator(".widget-select select").nth(1)
    ann, ben = await in_room(browser, demo.url, "bar", "Ann", "Ben")
    await expect(rooms.locator("option")).to_have_text(["bar · rooms · 2 peers"])
    await expect(peers.locator("option")).to_have_text(["Ann", "Ben"])
    await expect(page.get_by_text("Ann and Ben: connected")).to_be_visible()
    drawing = Drawing(page, 0)
    await drawing.row("offer").click()
    await peers.select_option("Ben")
    await page.get_by_role("button", name="Kick").click()
    await expect(page.get_by_text("Ben was removed")).to_be_visible()
    await expect(page.get_by_role("button", name="Kick")).to_be_disabled()
    assert await peers.evaluate("list => list.selectedIndex") == -1
    await expect(drawing.row("leaves (kicked)")).to_be_attached()
    await expect(drawing.payload.get_by_text("a=ice-ufrag:")).to_be_visible()
    await expect(drawing.list.locator("[aria-expanded=true]")).to_contain_text("offer")
    await expect(ben.page.get_by_test_id("refusal")).to_have_text("You were removed from the room.")
    await expect(ann.page.get_by_test_id("tile")).to_have_count(1)
    await expect(rooms.locator("option")).to_have_text(["bar · rooms · 1 peer"])


async def test_in_a_narrow_window_the_lists_and_buttons_of_the_panel_are_not_cut(lab: Lab, demo: Site) -> None:
    page = await lab.open(write_notebook(lab.folder, demo))
    await page.set_viewport_size({"width": 650, "height": 1600})
    try:
        for element in (*await page.locator(".widget-select").all(), page.get_by_role("button", name="Close room")):
            await expect(element).to_be_in_viewport(ratio=1)
            assert await element.evaluate("element => element.scrollWidth <= element.clientWidth")
    finally:
        await page.set_viewport_size({"width": 1280, "height": 1600})


async def test_running_the_cells_again_leaves_only_one_task(lab: Lab, browser: Browser, demo: Site) -> None:
    name = write_notebook(
        lab.folder,
        demo,
        "import asyncio\nsum(task.get_name() == 'signaling-dashboard' for task in asyncio.all_tasks())",
    )
    page = await lab.open(name)
    for _ in range(2):
        await run_all(page)
    await expect(page.locator(".jp-OutputArea-output").last).to_have_text("1")
    person = await new_page(browser, "Ann")
    await person.open(demo.url)
    await person.join("bar")
    await expect(page.locator(".widget-select select").nth(0).locator("option")).to_have_text(["bar · rooms · 1 peer"])
