"""The browser of the tests: an installed Chromium or Chrome, else Playwright's own, else Debian's.

`make test` runs this file, which installs one where there is none and says which it is. The tests ask `find_browser`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
ANSWERS_WITHIN_S = 30  # seconds for `--version`: the first start of a browser on a slow disk
DOWNLOAD_WITHIN_S = 300  # seconds for some 150 MB; behind a firewall that drops packets nothing else ends it


def find_browser() -> Path | None:
    """The first browser that is there and starts."""
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[Path]:
    for name in (*NAMES, MAC_CHROME):
        found = shutil.which(name)
        if found is not None:
            yield Path(found)
    with sync_playwright() as playwright:
        yield Path(playwright.chromium.executable_path)


def _starts(path: Path) -> bool:
    """Playwright's own may lack libraries of the system, and a package may be a stub that only points to a shop."""
    try:
        return "hrom" in _said([str(path), "--version"], ANSWERS_WITHIN_S)
    except (OSError, subprocess.SubprocessError):
        return False


def _said(words: list[str], within_s: float) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=within_s).stdout


def _download_playwrights_own() -> None:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True, timeout=DOWNLOAD_WITHIN_S)


def _install_debians() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"]
    subprocess.run(install, check=True, env=environment)


def provision() -> Path | None:
    """Find a browser, or install one; None when no way worked."""
    ways: list[tuple[str, Callable[[], None]]] = [("Playwright's own Chromium", _download_playwrights_own)]
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        ways.append(("Debian's chromium", _install_debians))
    found = find_browser()
    for what, install in ways:
        if found is not None:
            break
        print(f"no browser yet: installing {what}", flush=True)
        try:
            install()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"that did not work: {error}", flush=True)
        found = find_browser()
    return found


if __name__ == "__main__":
    browser = provision()
    if browser is None:
        sys.exit("no browser for the end-to-end tests: install Chromium or Chrome, or run this once as root on Debian")
    print(f"browser of the tests: {browser} ({_said([str(browser), '--version'], ANSWERS_WITHIN_S).strip()})")
