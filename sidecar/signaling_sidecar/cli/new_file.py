"""Create a file that only its owner can read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from pathlib import Path

from signaling_sidecar.errors import NotWritten


def write_new(path: Path, chunks: Iterable[bytes], *, is_packed: bool = False) -> None:
    """Create a private file. If an error occurs, the incomplete file is deleted. Raises NotWritten.

    An existing file is never overwritten.
    """
    try:
        # The mode "x" refuses an existing file, which could be a segment of the log, or a file that everybody can read.
        file = open(path, "xb", opener=_open_private)  # noqa: SIM115 - closed below, where an error also deletes it
    except OSError as error:
        raise NotWritten(str(path), error.strerror or str(error)) from error
    try:
        with file:
            if is_packed:
                with gzip.GzipFile("", "wb", fileobj=file) as packed:
                    packed.writelines(chunks)
            else:
                file.writelines(chunks)
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            raise NotWritten(str(path), error.strerror or str(error)) from error
        raise


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
