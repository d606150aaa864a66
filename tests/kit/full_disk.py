"""A disk that can become full."""

from __future__ import annotations

import errno
import os

import pytest


class Disk:
    """Simulates a full disk: `os.write` fails while `is_full` is true."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(descriptor, data)
