"""Returns free memory to the operating system."""

from __future__ import annotations

import sys


def return_free_memory() -> None:
    """Return the memory that this process has freed to the operating system.

    By default, the C library of most Linux systems keeps freed memory in the process. After a checkpoint was read, the
    freed memory is several times the size of the checkpoint. On other systems, this function does nothing.
    """
    if sys.platform != "linux":
        return
    import ctypes  # imported here because a start that restores no rooms does not need it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # C libraries other than glibc do not have this function
    if trim is not None:
        trim(0)
