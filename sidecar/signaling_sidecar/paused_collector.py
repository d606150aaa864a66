"""Pause Python's garbage collector while many objects are created."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 50_000  # new objects; the garbage collector examines fewer than these within a few milliseconds


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the garbage collector in the `with` block. Objects are still freed when their last reference is gone, but
    unused reference cycles are not.

    A diagnosis creates millions of objects without cycles. Without the pause, the garbage collector would examine all
    of them again and again, which would take a fifth of the time of the diagnosis. During the imports at the start of
    the sidecar, the garbage collector would take a tenth of the time. The pause affects all threads, so the sidecar
    must not use it while it serves.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            _treat_all_objects_as_old()
            gc.enable()


def _treat_all_objects_as_old() -> None:
    """Move all objects to the oldest generation. Otherwise the next collection of the youngest generation would examine
    all objects that were created during the pause."""
    young, _, _ = gc.get_count()
    # `unfreeze` would also unfreeze objects that other code has frozen. `get_freeze_count` is slow, so
    # it is called only if there are many objects.
    if young >= MANY and gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()
