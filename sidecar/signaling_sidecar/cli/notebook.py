"""`sidecar notebook`"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import signaling_sidecar

PACKAGE = Path(signaling_sidecar.__file__).parent
PLACES = (PACKAGE / "notebooks", PACKAGE.parents[1] / "notebooks")  # of a wheel, of a checkout


def add_to(commands: Any) -> None:
    parser = commands.add_parser("notebook", help="write the notebooks here, and open them", description=run.__doc__)
    parser.add_argument("--no-open", action="store_true", help="only write them")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the notebooks and their recorded logs into the current folder, and open JupyterLab where there is one."""
    source = next(place for place in PLACES if place.is_dir())
    for path in sorted(source.rglob("*")):
        if path.suffix in (".ipynb", ".jsonl") and ".ipynb_checkpoints" not in path.parts:
            _write(path, Path(path.relative_to(source)))
    if arguments.no_open:
        return 0
    if find_spec("jupyterlab") is None:
        print("open them with JupyterLab: pip install jupyterlab 'signaling-sidecar[notebook]', then jupyter lab")
        return 0
    return subprocess.run([sys.executable, "-m", "jupyterlab"], check=False).returncode


def _write(source: Path, target: Path) -> None:
    """What is there already may be somebody's work."""
    if target.exists():
        print(f"{target} is there already, and stays as it is")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    print(f"wrote {target}")
