"""The notebooks where people run them: a real JupyterLab, in a real browser."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nbformat
from playwright.async_api import Browser, Page, expect

from tests.e2e.demo_page import in_room, new_page
from tests.e2e.programs import Start
from tests.e2e.sites import ROOT, Site

TOKEN = "of-this-test"
CELL_WITHIN_MS = 60_000  # ms; the first one starts a kernel and imports pandas, beside a browser on two slow cores
LAB = [
    *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--ServerApp.port_retries=0"),
    *(f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser", "--LabApp.collaborative=False"),
]


async def open_lab(start: Start, browser: Browser, folder: Path, name: str) -> Page:
    """The notebook of this name in `folder`, with all its cells run."""
    environment = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data")}
    lab = await start([*LAB, "--allow-root"], folder, environment)
    url = (await lab.line(r"(http://(?:127\.0\.0\.1|localhost):\d+)/lab\?token="))[1]
    page = await (await browser.new_context(viewport={"width": 1280, "height": 1600})).new_page()
    await page.goto(f"{url}/lab/tree/{name}?token={TOKEN}")
    await expect(page.get_by_text("| Idle")).to_be_visible(timeout=CELL_WITHIN_MS)  # else it asks which kernel
    await run_all(page)
    return page


COUNTS = """Array.from(
  document.querySelectorAll('.jp-CodeCell .jp-InputPrompt'), (prompt) => parseInt(prompt.textContent.slice(1)) || 0
)"""


async def run_all(page: Page) -> None:
    """Run every cell, and wait until each has another number than before; one that fails would stop it."""
    before = max(await page.evaluate(COUNTS))
    await page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    await page.wait_for_function(
        f"before => {COUNTS}.every((count) => count > before)", arg=before, timeout=CELL_WITHIN_MS
    )
    assert await page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts() == []


def write_notebook(folder: Path, demo: Site, *cells: str) -> str:
    """One that is connected to the demo's sidecar, and shows the panel."""
    connected = f"from signaling_sidecar.inspection import connect\nadmin = connect({str(demo.sidecar.state_dir)!r})"
    cells = (connected, "admin.dashboard()", *cells)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / "live.ipynb")
    return "live.ipynb"


async def test_a_ladder_is_drawn(start: Start, browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    page = await open_lab(start, browser, tmp_path / "notebooks", "01-read-a-log.ipynb")
    drawing = page.locator(".jp-OutputArea svg, .jp-OutputArea table.ladder").last
    await expect(drawing).to_be_visible()


async def test_the_panel_moves_while_real_peers_join_and_its_button_removes_one(
    start: Start, browser: Browser, demo: Site, tmp_path: Path
) -> None:
    name = write_notebook(
        tmp_path,
        demo,
    )
    lab = await open_lab(start, browser, tmp_path, name)
    rooms, peers = lab.locator(".widget-select select").nth(0), lab.locator(".widget-select select").nth(1)
    ann, ben = await in_room(browser, demo.url, "bar", "Ann", "Ben")
    await expect(rooms.locator("option")).to_have_text(["bar · rooms · 2 peers"])
    await expect(peers.locator("option")).to_have_text(["Ann", "Ben"])
    await expect(lab.get_by_text("Ann and Ben: connected")).to_be_visible()
    await peers.select_option("Ben")
    await lab.get_by_role("button", name="Kick").click()
    await expect(ben.page.get_by_test_id("refusal")).to_have_text("You were removed from the room.")
    await expect(ann.page.get_by_test_id("tile")).to_have_count(1)
    await expect(rooms.locator("option")).to_have_text(["bar · rooms · 1 peer"])


async def test_running_the_cells_again_leaves_one_task(
    start: Start, browser: Browser, demo: Site, tmp_path: Path
) -> None:
    name = write_notebook(
        tmp_path,
        demo,
        "import asyncio\nsum(task.get_name() == 'signaling-dashboard' for task in asyncio.all_tasks())",
    )
    lab = await open_lab(start, browser, tmp_path, name)
    for _ in range(2):
        await run_all(lab)
    await expect(lab.locator(".jp-OutputArea-output").last).to_have_text("1")
    person = await new_page(browser, "Ann")
    await person.open(demo.url)
    await person.join("bar")
    await expect(lab.locator(".widget-select select").nth(0).locator("option")).to_have_text(["bar · rooms · 1 peer"])
