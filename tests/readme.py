"""The README's code, as the tests run it.

A fence that a test runs has a comment above it that names it: `<!-- test: vite.config.js -->`. Every `sh` fence is a
list of commands, one a line.
"""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
FENCE = r"```(?P<language>\w*)\n(?P<code>.*?)^```$"


def code(name: str) -> str:
    """What stands in the fence of this name."""
    named = re.search(rf"^<!-- test: {re.escape(name)} -->\n+{FENCE}", README.read_text(), re.DOTALL | re.MULTILINE)
    assert named is not None, f"README.md has no fence that is named {name!r}"
    return named["code"]


def commands() -> list[str]:
    """Every command of its `sh` fences, without comments."""
    fences = re.finditer(rf"^{FENCE}", README.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for fence in fences if fence["language"] == "sh" for line in fence["code"].splitlines()]
    return [command for line in lines if (command := re.sub(r"(^|\s)#\s.*", "", line).strip())]
