"""The command `sidecar notebook`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import signaling_sidecar

PACKAGE = Path(signaling_sidecar.__file__).parent
SOURCES = (PACKAGE / "notebooks", PACKAGE.parents[1] / "notebooks")  # in a package, and in a checkout


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "notebook", help="copy the notebooks into the current folder, and open them", description=run.__doc__
    )
    parser.add_argument("--no-open", action="store_true", help="only copy the notebooks")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Copy the notebooks and their recorded logs into the current folder, and start JupyterLab if it is installed."""
    source = next(folder for folder in SOURCES if folder.is_dir())
    for path in sorted(source.rglob("*")):
        if path.suffix in (".ipynb", ".jsonl") and ".ipynb_checkpoints" not in path.parts:
            _write(path, Path(path.relative_to(source)))
    if arguments.no_open:
        return 0
    if find_spec("jupyterlab") is None:
        print("to open the notebooks: pip install jupyterlab 'signaling-sidecar[notebook]', then run jupyter lab")
        return 0
    sys.stdout.flush()  # so that the lines above are printed before those of JupyterLab, also into a pipe
    with subprocess.Popen([sys.executable, "-P", "-m", "jupyterlab"]) as server:
        while True:
            # Ctrl-C reaches JupyterLab too, which asks whether to end. `subprocess.run` would kill it a moment later.
            with suppress(KeyboardInterrupt):
                return server.wait()


def _write(source: Path, target: Path) -> None:
    """Copy a file, unless the target exists: the user may have changed it."""
    if target.exists():
        print(f"{target} already exists and was not changed")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    print(f"wrote {target}")
