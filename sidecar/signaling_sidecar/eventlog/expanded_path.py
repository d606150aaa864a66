"""Expand `~` in paths that users type."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path


def expanded(path: str | PathLike[str]) -> Path:
    """Replace `~` and `~user` at the beginning of a path by the folder of that user.

    If no user has that name, the path is not changed, and names no file. (`Path.expanduser` would raise
    RuntimeError.)
    """
    return Path(os.path.expanduser(path))
