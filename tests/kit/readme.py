"""Extract the code of the README files, so that tests can run it.

Above a code block that a test runs, a comment contains its name: `<!-- test: vite.config.js -->`. If several READMEs
show a block with the same name, its code must be the same. Every `sh` block is a list of commands, one per line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.kit.checkout import ROOT

FOLDERS = ("", "sidecar", "frontend-proxy", "notebooks")
OPERATORS = ROOT / "sidecar" / "OPERATORS.md"
READMES = [readme for folder in FOLDERS if (readme := ROOT / folder / "README.md").exists()]
FENCE = re.compile(
    r"(^<!-- test: (?P<name>[^\n]*) -->\n+)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)


def texts() -> Iterator[str]:
    return (readme.read_text(encoding="utf-8") for readme in READMES)


def code(name: str) -> str:
    """The code of the block with this name."""
    found = {fence["code"] for text in texts() for fence in FENCE.finditer(text) if fence["name"] == name}
    assert len(found) == 1, f"the READMEs have {len(found)} different fences with the name {name!r}"
    return found.pop()


def fences(language: str) -> list[str]:
    """The code of every block in this language."""
    return [fence["code"] for text in texts() for fence in FENCE.finditer(text) if fence["language"] == language]


def commands() -> list[str]:
    """Every command in an `sh` block, without comments."""
    return [command for text in texts() for command in commands_in(text)]


def commands_in(text: str) -> list[str]:
    lines = (line for fence in FENCE.finditer(text) if fence["language"] == "sh" for line in fence["code"].splitlines())
    return [command for line in lines if (command := re.sub(r"(^|\s)#\s.*", "", line).strip())]
