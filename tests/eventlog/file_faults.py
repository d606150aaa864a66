"""Faults of a segment that is being written: functions that replace, move, delete or change its file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_by_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent.parent / "somebody-elses")


def replace_by_a_file(path: Path) -> None:
    path.unlink()
    path.write_text("somebody else's\n")


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def move_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("somebody else's\n")


FAULTS = [
    Path.unlink,
    lambda path: shutil.rmtree(path.parent),
    replace_by_a_link,
    replace_by_a_file,
    replace_by_a_folder,
    move_the_folder,
    append,
    lambda path: path.chmod(0o400),
    lambda path: os.truncate(path, 0),
    lambda path: os.truncate(path, path.stat().st_size - 10),
]
