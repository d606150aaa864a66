"""Describe the machine and the versions of the programs with which the figures were measured."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from tests.bench.contenders import CACHE
from tests.kit.checkout import FRONTEND

PACKAGES = FRONTEND / "node_modules"
NPM_PACKAGES = (PACKAGES / "vite", PACKAGES / "ws", PACKAGES / "peer", CACHE / "node_modules" / "bun")


def machine() -> list[str]:
    node = _node_version()
    python = {"Python": platform.python_version(), "aiohttp": version("aiohttp"), "uvloop": version("uvloop")}
    packages = {path.name: _npm_version(path) for path in NPM_PACKAGES if path.exists()}
    versions = python | ({"Node.js": node} if node else {}) | packages
    return [
        f"{platform.platform(terse=True)}, {_processor()}, {os.cpu_count()} cores",
        ", ".join(f"{name} {number}" for name, number in versions.items()),
    ]


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*: (.+)$", about.read_text(), re.MULTILINE) if about.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def _node_version() -> str:
    try:
        return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip("v\n")
    except OSError:
        return ""


def _npm_version(package: Path) -> str:
    found: str = json.loads((package / "package.json").read_text())["version"]
    return found
