"""Fixtures for tests of frameworks' projects, in addition to those of the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import PAGE_WITHIN_MS
from tests.e2e.conftest import browser as browser
from tests.e2e.conftest import browser_path as browser_path
from tests.e2e.conftest import browsers as browsers
from tests.e2e.conftest import npm_package as npm_package
from tests.e2e.conftest import npm_tarball as npm_tarball
from tests.e2e.conftest import playwright as playwright
from tests.e2e.conftest import start as start
from tests.frameworks.projects import Tools, install_scaffolders, tools_with
from tests.kit.once import once


def pytest_configure(config: pytest.Config) -> None:
    expect.set_options(timeout=PAGE_WITHIN_MS)


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory, npm_tarball: Path) -> Tools:
    return tools_with(once(tmp_path_factory, "scaffolders", install_scaffolders), npm_tarball)
