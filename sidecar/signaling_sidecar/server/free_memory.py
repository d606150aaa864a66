"""Giving back memory that is free."""

from __future__ import annotations

import sys


def return_free_memory() -> None:
    """Give the memory that is free in this process back to the system.

    The C library of most Linux systems keeps it by default, for example several times the size of a checkpoint that was
    read. Elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return
    import ctypes  # imported here because a first start does not need it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries than glibc do not have it
    if trim is not None:
        trim(0)
