"""Web pages that notebooks and commands save have no serious faults of accessibility, such as low contrast, and are
printed completely."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.inspector_page import serious_violations
from tests.kit.checkout import NOTEBOOKS
from tests.kit.executed_notebook import executed_notebook

Scheme = Literal["light", "dark"]
SAVED = ("01-read-a-log", "02-why-not-connected")
WITHIN_S = 120  # seconds to convert the notebooks; nbconvert starts slowly
OURS = ".jp-OutputArea-output"  # our drawings; nbconvert makes the other parts of the page


async def violations(browser: Browser, path: Path, part: str, schemes: Sequence[Scheme]) -> list[str]:
    page, found = await browser.new_page(), []
    await page.goto(path.as_uri())
    assert await page.locator(part).count() > 0
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme)
        found += await serious_violations(page, part)
    return found


async def run(*words: str) -> None:
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", *words], cwd=NOTEBOOKS, check=True, capture_output=True, timeout=WITHIN_S
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def saved_notebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the notebooks as pages. One command makes all pages, because nbconvert starts slowly."""
    folder = tmp_path_factory.mktemp("saved")
    paths = [await asyncio.to_thread(executed_notebook, tmp_path_factory, f"{name}.ipynb") for name in SAVED]
    await run("nbconvert", "--to", "html", *map(str, paths), "--output-dir", str(folder))
    return folder


@pytest.mark.filterwarnings("default")  # warnings of the kernel and of nbconvert are no errors
@pytest.mark.parametrize("name", SAVED)
async def test_axe_finds_nothing_serious_in_a_notebook_that_is_saved_as_a_page(
    browser: Browser, saved_notebooks: Path, name: str
) -> None:
    assert await violations(browser, saved_notebooks / f"{name}.html", OURS, ["light"]) == []  # always light


async def test_axe_finds_nothing_serious_in_a_saved_ladder(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "ladder.html"
    await run("signaling_sidecar", "ladder", "bar", "--log", "recorded/three-peers", "--html", str(path))
    assert await violations(browser, path, "body", ["light", "dark"]) == []


async def test_all_rows_of_a_saved_ladder_are_on_paper(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "ladder.html"
    await run("signaling_sidecar", "ladder", "bar", "--log", "recorded/three-peers", "--html", str(path))
    page = await browser.new_page()
    await page.goto(path.as_uri())
    rows = page.locator("[data-rows]")
    hidden_px = "rows => rows.scrollHeight - rows.clientHeight"
    assert await rows.evaluate(hidden_px) > 0
    await page.emulate_media(media="print")
    assert await rows.evaluate(hidden_px) == 0
