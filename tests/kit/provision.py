"""Find or install the programs for the tests that neither pip nor npm can install.

They are Chromium or Chrome (an installed one, or else Playwright's, or else Debian's), Chromium's headless shell,
Firefox, and a Redis server.

The headless shell is Chromium without a user interface. Most tests use it if it is installed, because the same pages
take less CPU time in it.

`make test` runs this file, which installs missing programs and prints which ones it found. Tests call `find_chromium`,
`find_headless_shell`, `find_firefox` and `find_redis`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HEADLESS_SHELL_NAMES = ("chromium-headless-shell", "chrome-headless-shell")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# Playwright's own Firefox is not used, because it is modified.
FIREFOX_NAMES = ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox")
ANSWERS_WITHIN_S = 30  # seconds for `--version`; the first start of a browser may be slow
# Seconds to download about 150 MB. Without this limit, a firewall that drops packets would block the download for ever.
DOWNLOAD_WITHIN_S = 300

Way = tuple[str, Callable[[], None]]
"""The name of a program that can be installed, and a function that installs it."""


def find_chromium() -> Path | None:
    """The first Chromium or Chrome that is installed and can start."""
    return next((path for path in _chromium_candidates() if _says(path, "hrom")), None)


def find_headless_shell() -> Path | None:
    """The first headless shell of Chromium that is installed and can start."""
    return next((path for path in _installed(HEADLESS_SHELL_NAMES) if _says(path, "hrom")), None)


def find_firefox() -> Path | None:
    """The first Firefox that is installed and can start."""
    return next((path for path in _installed(FIREFOX_NAMES) if _says(path, "Firefox")), None)


def find_redis() -> Path | None:
    """The Redis server, if one is installed and can start."""
    return next((path for path in _installed(("redis-server",)) if _says(path, "Redis")), None)


def _chromium_candidates() -> Iterator[Path]:
    yield from _installed((*CHROMIUM_NAMES, MAC_CHROME))
    with sync_playwright() as playwright:
        yield Path(playwright.chromium.executable_path)


def _installed(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        found = shutil.which(name)
        if found is not None:
            yield Path(found)


def _says(path: Path, name: str) -> bool:
    """Whether this program starts. An installed program may lack libraries, or only be a link to an app store."""
    try:
        return name in _version_of(path)
    except (OSError, subprocess.SubprocessError):
        return False


def _version_of(path: Path) -> str:
    words = [str(path), "--version"]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=ANSWERS_WITHIN_S).stdout.strip()


def _download_playwrights_own() -> None:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True, timeout=DOWNLOAD_WITHIN_S)


def _from_debian(package: str) -> list[Way]:
    """Return a list with the way to install a package by apt-get. The list is empty if there is no apt-get, or if this
    process does not run as root."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return []
    return [(f"Debian's {package}", partial(_install_debians, package))]


def _install_debians(package: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "--no-remove", package]
    subprocess.run(install, check=True, env=environment)


def provision(find: Callable[[], Path | None], ways: Iterable[Way]) -> Path | None:
    """Find a program, or install it in one of these ways. Returns None if that fails."""
    found = find()
    for what, install in ways:
        if found is not None:
            break
        print(f"a program is missing: installing {what}", flush=True)
        try:
            install()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"that did not work: {error}", flush=True)
        found = find()
    return found


if __name__ == "__main__":
    needed = {
        "Chromium or Chrome": (
            find_chromium,
            [("Playwright's own Chromium", _download_playwrights_own), *_from_debian("chromium")],
        ),
        "Firefox": (find_firefox, _from_debian("firefox-esr")),
        "Redis server": (find_redis, _from_debian("redis-server")),
    }
    faster = {"headless shell of Chromium": (find_headless_shell, _from_debian("chromium-headless-shell"))}
    programs = {name: provision(find, ways) for name, (find, ways) in (needed | faster).items()}
    for name, path in programs.items():
        if path is not None:
            print(f"program of the tests: {path} ({_version_of(path)})")
        elif name in needed:
            print(f"no {name} for the tests that need one: install it, or run this once as root on Debian")
    if any(programs[name] is None for name in needed):
        sys.exit(1)
