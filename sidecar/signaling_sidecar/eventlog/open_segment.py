"""Write the open segment of an event log, and notice changes that other programs make to its file."""

from __future__ import annotations

import os
from pathlib import Path

from signaling_sidecar.eventlog.open_flags import PRIVATE


class OpenSegment:
    """A new file of the event log, open for appending. Raises FileExistsError if the path already exists."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | PRIVATE
        self.path = path
        self.descriptor = os.open(path, flags, 0o600)
        status = os.fstat(self.descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self.size = 0

    def append(self, chunk: bytes) -> None:
        """Write all of `chunk`. If this raises OSError, the file has the same size as before the call."""
        try:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self.descriptor, view) :]
        except OSError:
            os.ftruncate(self.descriptor, self.size)  # the file must end with a complete line
            raise
        self.size += len(chunk)

    def is_unchanged(self) -> bool:
        """Whether the file is still at its path, has the size that `append` gave it, and may be read and written."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        is_same = (found.st_dev, found.st_ino) == self._identity and found.st_size == self.size
        return is_same and found.st_mode & 0o600 == 0o600  # otherwise the next start could not read the file

    def close(self) -> None:
        os.close(self.descriptor)

    def discard(self) -> None:
        """Close and delete a new file, because its first lines could not be written."""
        self.close()
        self.path.unlink()
