"""The files of `sidecar/deploy`, as Docker reads them, and the tools for testing them."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.checkout import ROOT

DEPLOY = ROOT / "sidecar" / "deploy"


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its arguments."""
    text = re.sub(r"^ *#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    pairs = (line.partition(" ") for line in text.splitlines() if line)
    return [(name, rest.strip()) for name, _, rest in pairs]


def image_environment() -> dict[str, str]:
    """The variables that the image sets for the sidecar."""
    (variables,) = (rest for name, rest in instructions() if name == "ENV")
    return dict(re.findall(r"(\w+)=(\S+)", variables))


def compose(**values: str) -> Any:
    """The content of `compose.yaml`, with the values of `.env` in it."""
    return yaml.safe_load(with_values((DEPLOY / "compose.yaml").read_text(), values))


def with_values(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: values[found[1]], text)


def tool(name: str) -> Path:
    """The path of a program that the dependency group `dev` installs."""
    beside_python = Path(sys.executable).with_name(name)
    found = str(beside_python) if beside_python.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `make test` installs it")
    return Path(found)
