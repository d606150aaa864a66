"""Create a file that only its owner can read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from pathlib import Path

from signaling_sidecar.errors import NotWritten


def write_new(path: Path, chunks: Iterable[bytes], *, is_packed: bool = False) -> None:
    """Create a private file. It is deleted again if it cannot be completed. Raises NotWritten.

    An existing file is never overwritten.
    """
    try:
        # O_EXCL: the path could be a segment of the log itself, and an older file could be readable by everybody
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotWritten(str(path), error.strerror or str(error)) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
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
