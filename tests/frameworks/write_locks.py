"""`python -m tests.frameworks.write_locks [NAME…]` updates all lock files, or those with these names."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.frameworks.hosts import HOSTS
from tests.frameworks.projects import INSTALL, LOCKS, MAKE, OURS, install_scaffolders, tools_with
from tests.kit.packages import pack_npm_package, run

ALL = MAKE | HOSTS


def write_lock(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scaffolders = Path(folder, "scaffolders")
        scaffolders.mkdir()
        install_scaffolders(scaffolders)
        project = ALL[name](tools_with(scaffolders, pack_npm_package(Path(folder))), Path(folder))
        run([*INSTALL, "--package-lock-only"], project.folder)
        lock = json.loads((project.folder / "package-lock.json").read_text())
        # The hash of our own package is removed, because it is different after every change.
        del lock["packages"][f"node_modules/{OURS}"]["integrity"]
        (LOCKS / f"{name}.json").write_text(json.dumps(lock, indent=1) + "\n")


for name in sys.argv[1:] or ALL:
    write_lock(name)
    print(LOCKS / f"{name}.json")
