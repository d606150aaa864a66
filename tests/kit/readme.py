"""The code of both READMEs, as the tests run it.

A fence that a test runs has a comment above it that names it: `<!-- test: vite.config.js -->`. Every `sh` fence is a
list of commands, one a line.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.kit.checkout import FRONTEND, ROOT

README = ROOT / "README.md"
NPM_README = FRONTEND / "README.md"
FENCE = r"```(?P<language>\w*)\n(?P<code>.*?)^```$"


def text() -> str:
    return README.read_text()


def code(name: str, readme: Path = README) -> str:
    """What stands in the fence of this name."""
    fence = rf"^<!-- test: {re.escape(name)} -->\n+{FENCE}"
    named = re.search(fence, readme.read_text(), re.DOTALL | re.MULTILINE)
    assert named is not None, f"{readme} has no fence that is named {name!r}"
    return named["code"]


def fences(language: str) -> list[str]:
    """The code of every fence of this language."""
    found = re.finditer(rf"^{FENCE}", text(), re.DOTALL | re.MULTILINE)
    return [fence["code"] for fence in found if fence["language"] == language]


def commands() -> list[str]:
    """Every command of its `sh` fences, without comments."""
    lines = (line for code in fences("sh") for line in code.splitlines())
    return [command for line in lines if (command := re.sub(r"(^|\s)#\s.*", "", line).strip())]
