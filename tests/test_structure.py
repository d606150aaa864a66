"""Modules import only those that the documented structure allows, and the public names are complete and documented."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import signaling_sidecar
from signaling_sidecar.dialects import DIALECTS
from tests.kit.checkout import ROOT

PACKAGE = Path(signaling_sidecar.__file__).parent
MAY_IMPORT = {
    "cli": {
        "counted",
        "addresses",
        "admin_request",
        "lan",
        "diagnosis",
        "doctor",
        "drawing",
        "inspection",
        "paused_collector",
        "progress",
        "reload",
        "server",
        "listening",
        "dialects",
        "eventlog",
        "json_log",
        "settings",
        "stop_signals",
        "errors",
        "untrusted_text",
    },
    "server": {
        "allow_list",
        "analysis",
        "addresses",
        "auth",
        "cluster",
        "counted",
        "lan",
        "diagnosis",
        "dialects",
        "doctor",
        "drawing",
        "eventlog",
        "hub",
        "reload",
        "json_log",
        "listening",
        "site",
        "hooks",
        "settings",
        "stop_signals",
        "systemd",
        "errors",
        "names",
        "paths",
        "untrusted_text",
    },
    "pytest_plugin": {"testing"},
    "testing": {"admin_request", "diagnosis", "errors", "eventlog", "untrusted_text"},
    "reload": {"settings", "errors"},
    "auth": {"settings", "errors", "names"},
    "hooks": set(),
    "admin_request": {"errors", "eventlog", "untrusted_text"},
    "json_log": {"errors"},
    "listening": {"settings", "systemd", "errors"},
    "systemd": {"errors"},
    "lan": {"addresses", "site", "errors", "names", "untrusted_text"},
    "addresses": set(),
    "site": {"allow_list", "errors"},
    "text_encoding": set(),
    "dialects": {"eventlog", "hub", "settings", "errors", "names"},
    "eventlog": {"auth", "hub", "settings", "site", "errors", "names", "text_encoding"},
    "doctor": {"addresses", "diagnosis", "eventlog", "lan", "site", "errors", "paths", "untrusted_text"},
    "analysis": {"diagnosis", "dialects", "drawing", "eventlog", "hub", "errors", "pair_state", "untrusted_text"},
    "diagnosis": {"auth", "counted", "eventlog", "errors", "pair_state", "untrusted_text"},
    "drawing": {"counted", "diagnosis", "eventlog", "errors", "untrusted_text"},
    "inspection": {
        "admin_request",
        "counted",
        "diagnosis",
        "drawing",
        "eventlog",
        "errors",
        "paused_collector",
        "progress",
        "text_encoding",
        "untrusted_text",
    },
    "cluster": {"eventlog", "hub", "errors"},
    "hub": {"errors", "names"},
    "settings": {"allow_list", "errors", "names", "text_encoding"},
    "allow_list": set(),
    "counted": set(),
    "names": {"errors"},
    "pair_state": set(),
    "paths": set(),
    "paused_collector": set(),
    "progress": set(),
    "stop_signals": set(),
    "errors": set(),
    "untrusted_text": set(),
}
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def dotted(path: Path) -> str:
    parts = [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


OURS = {dotted(path): path for path in MODULES}


def part_of(module: str) -> str | None:
    """The first part of a module's dotted name after this package's name, or None for modules of other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == PACKAGE.name and len(parts) > 1 else None


@cache  # several tests read the same files
def imports_of(path: Path) -> set[str]:
    """The dotted names of all modules that a file imports, including imports inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in OURS else str(node.module) for name in names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    others = {part for module in imports_of(path) if (part := part_of(module))} - {own, "__version__"}
    assert others <= MAY_IMPORT[own]


def module_of(name: str) -> str:
    return name


def folder_of(name: str) -> str:
    """The folder of a module, or the module itself if it is at the top level of the package or of `server`."""
    parts = OURS[name].relative_to(PACKAGE).with_suffix("").parts
    return "/".join(parts[:2] if parts[0] == "server" else parts[:1])


@pytest.mark.parametrize("part", [module_of, folder_of])
def test_no_module_or_folder_is_in_an_import_cycle(part: Callable[[str], str]) -> None:
    """Imports inside functions and for type checking count too."""
    imports: dict[str, set[str]] = {}
    for name, path in OURS.items():
        imported = {part(other) for other in imports_of(path) if other in OURS}
        imports.setdefault(part(name), set()).update(imported - {part(name)})
    TopologicalSorter(imports).prepare()  # raises CycleError, which contains the cycle


def test_each_large_library_is_imported_in_one_package_only() -> None:
    homes = {"aiohttp": {"server"}, "pandas": {"inspection"}, "watchfiles": {"reload"}}
    homes["prometheus_client"] = {"server"}
    homes |= {"ipywidgets": {"inspection"}, "anywidget": {"inspection"}, "zeroconf": {"doctor", "lan"}}
    homes["jwt"] = {"auth"}
    homes["aiohttp"] |= {"lan", "reload"}  # `lan` is an HTTP client, and `reload` imports aiohttp early
    for library, home in homes.items():
        users = {
            path.relative_to(PACKAGE).parts[0]
            for path in MODULES
            if any(module.split(".")[0] == library for module in imports_of(path))
        }
        assert users <= home


def test_diagnosis_and_drawing_need_neither_pandas_nor_a_notebook() -> None:
    code = "import sys, signaling_sidecar.diagnosis, signaling_sidecar.drawing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    too_large = {"pandas", "numpy", "pyarrow", "IPython", "ipywidgets", "anywidget", "traitlets", "aiohttp"}
    assert not too_large & set(loaded)
    for package in ("diagnosis", "drawing"):
        for path in (PACKAGE / package).rglob("*.py"):
            assert not {module.split(".")[0] for module in imports_of(path)} & too_large


def test_the_hub_has_no_io_no_clock_and_no_randomness() -> None:
    outside = {"asyncio", "os", "io", "socket", "time", "datetime", "random", "secrets", "uuid", "logging", "threading"}
    for path in (PACKAGE / "hub").glob("*.py"):
        assert not {module.split(".")[0] for module in imports_of(path)} & outside


def test_no_dialect_is_named_in_the_hub() -> None:
    for path in (PACKAGE / "hub").glob("*.py"):
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not words & (set(DIALECTS) - {"rooms"})  # "rooms" is also a key in checkpoints


PUBLIC = [
    "",
    "auth",
    "cli",
    "dialects",
    "doctor",
    "drawing",
    "eventlog",
    "hooks",
    "hub",
    "inspection",
    "lan",
    "reload",
    "server",
    "testing",
]


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_complete_unique_and_documented(package: str) -> None:
    module = importlib.import_module(".".join(filter(None, (PACKAGE.name, package))))
    names = list(module.__all__)
    assert len(names) == len(set(names))
    tree = ast.parse(Path(str(module.__file__)).read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PACKAGE.name)
        for alias in node.names
    }
    used_here = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported - used_here <= set(names)
    assert module.__doc__
    for name in names:
        value = getattr(module, name)
        if callable(value):
            assert value.__doc__, f"{package}.{name} has no docstring"


def test_no_module_has_a_meaningless_name() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "manager", "misc"}


def test_no_regular_expression_has_an_atomic_group_or_repeats_a_group_possessively() -> None:
    """Python before 3.11.5 matches such groups incorrectly (https://github.com/python/cpython/issues/106052)."""
    for path in MODULES:
        assert not re.search(r"\)[*+?]\+|\(\?>", path.read_text()), path


def test_no_test_imports_another_test_file() -> None:
    """Code that several tests use is in `tests/kit`."""
    for path in TESTS:
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert not {module for module in imports_of(path) if re.match(r"tests\.(\w+\.)*test_", module)} - {own}, path


def test_no_file_of_tests_imports_a_slow_package_at_its_top() -> None:
    """Every worker of pytest would import these packages, although only a few tests use them."""
    slow = {"jsonschema", "nbclient", "nbformat"}
    for path in TESTS:
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & slow, path


def test_no_test_waits_with_the_timeout_of_aiohttp_which_begins_again_with_each_ping() -> None:
    for path in TESTS:
        assert not re.search(r"\.receive(_\w+)?\(timeout", path.read_text()), f"{path}: see tests/kit/receiving.py"
