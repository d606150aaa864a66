"""What a page of figures was measured with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path


def machine() -> str:
    parts = [
        platform.platform(terse=True),
        f"{_processor()}, {os.cpu_count()} cores",
        f"Python {platform.python_version()}, aiohttp {version('aiohttp')}",
    ]
    node = _node_version()
    return "; ".join([*parts, f"Node.js {node}"] if node else parts)


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*: (.+)$", about.read_text(), re.MULTILINE) if about.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def _node_version() -> str:
    try:
        return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip("v\n")
    except OSError:
        return ""
