"""Reads the files of `sidecar/deploy` as Docker does, and finds the tools that test them."""

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
    """The environment variables that the image sets."""
    (variables,) = (rest for name, rest in instructions() if name == "ENV")
    return dict(re.findall(r"(\w+)=(\S+)", variables))


def compose(**values: str) -> Any:
    """The content of `compose.yaml`, in which these values replace the variables."""
    return yaml.safe_load(with_values((DEPLOY / "compose.yaml").read_text(), values))


def cluster_compose(**values: str) -> Any:
    """The content of `compose.yaml` and `compose.cluster.yaml` together, as Docker Compose merges them."""
    file = compose(**values)
    added = yaml.safe_load(with_values((DEPLOY / "compose.cluster.yaml").read_text(), values))
    services = file["services"]
    for name, service in added.pop("services").items():
        extended = service.pop("extends", {"file": "compose.yaml", "service": name})
        assert extended["file"] == "compose.yaml"
        services[name] = _merged(compose(**values)["services"].get(extended["service"], {}), service)
    return {name: _merged(each, added.get(name, {})) if name != "services" else each for name, each in file.items()}


def _merged(base: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two mappings. If two volumes of a service have the same path in the container, the later one is used."""
    merged = dict(base)
    for name, value in added.items():
        before = base.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(before, value)
        elif name == "volumes" and isinstance(before, list):
            merged[name] = list({each.split(":")[1]: each for each in [*before, *value]}.values())
        elif isinstance(before, list) and name != "command":
            merged[name] = list(dict.fromkeys([*before, *value]))
        else:
            merged[name] = value
    return merged


def with_values(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: values[found[1]], text)


def tool(name: str) -> Path:
    """The path of a program that the dependency group `dev` installs."""
    beside_python = Path(sys.executable).with_name(name)
    found = str(beside_python) if beside_python.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `make test` installs it")
    return Path(found)
