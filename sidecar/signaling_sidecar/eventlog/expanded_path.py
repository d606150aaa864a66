"""Paths that users type."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path


def expanded(path: str | PathLike[str]) -> Path:
    """Replace `~` and `~user` at the beginning of a path by the folder of that user.

    A name of nobody is left as it is, so that the path leads to no file. (`Path.expanduser` would raise RuntimeError.)
    """
    return Path(os.path.expanduser(path))
